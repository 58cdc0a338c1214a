//! Heartwire: the WebSocket client for chat bots.

pub mod address;
#[cfg(feature = "net")]
pub mod client;
pub mod close;
#[cfg(feature = "net")]
pub mod dial;
#[cfg(feature = "net")]
pub mod driver;
pub mod error;
pub mod event;
pub mod message;
pub mod options;
#[cfg(feature = "net")]
pub mod process;
pub mod protocol;
pub mod session;
#[cfg(feature = "testing")]
pub mod testing;
#[cfg(feature = "net")]
pub mod transport;
#[cfg(feature = "net")]
mod warning;
#[cfg(feature = "net")]
mod websocket;

#[cfg(feature = "net")]
pub use websocket::{Events, WebSocket};
