//! Heartwire: the WebSocket client for chat bots.

pub mod address;
pub mod close;
#[cfg(feature = "net")]
pub mod dial;
#[cfg(feature = "net")]
pub mod driver;
pub mod error;
pub mod event;
pub mod message;
pub mod options;
pub mod protocol;
pub mod session;
#[cfg(feature = "net")]
pub mod transport;
