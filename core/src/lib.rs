//! Heartwire: the WebSocket client for chat bots.

// Unit tests and fuzz targets share what lies in `fuzz/`, where the crate has its outside name.
#[cfg(test)]
extern crate self as heartwire;
#[cfg(all(test, feature = "net"))]
#[allow(unreachable_pub, reason = "a crate of its own exports it to the fuzzers")]
#[path = "../fuzz/src/wire.rs"]
mod wire;

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
pub mod utf16;
#[cfg(feature = "net")]
mod warning;
#[cfg(feature = "net")]
mod websocket;

#[cfg(feature = "net")]
pub use websocket::{Events, WebSocket};
