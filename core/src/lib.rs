//! Heartwire: the WebSocket client for chat bots.

// Unit tests and fuzz targets share what lies in `fuzz/`, where the crate has its outside name.
#[cfg(test)]
extern crate self as heartwire;
#[cfg(test)]
#[allow(unreachable_pub, reason = "a crate of its own exports it to the fuzzers")]
#[path = "../fuzz/src/wire.rs"]
mod wire;

pub mod client;
pub mod dial;
pub mod driver;
pub mod process;
mod reply;
#[cfg(feature = "testing")]
pub mod testing;
pub mod transport;
mod warning;
mod websocket;

pub use heartwire_proto::{address, close, error, event, message, options, pointer, protocol, session, utf16};
pub use reply::Reply;
pub use websocket::{Events, WebSocket};
