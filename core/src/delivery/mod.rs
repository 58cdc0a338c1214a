//! From a batch to the next thing that the user sees: the walk of a batch, and the events of a socket for a program that asks for them one by one.

mod cursor;
mod events;

pub(crate) use cursor::Shown;
pub use events::Events;
