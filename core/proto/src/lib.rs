//! What Heartwire decides without acting: options, errors, events, the WebSocket protocol (RFC 6455, RFC 7692) and the life of a
//! socket. No runtime, no I/O, no clock: it is given bytes and the time, and returns events and actions. The crate `heartwire` acts.

pub mod address;
pub mod close;
pub mod error;
pub mod event;
pub mod message;
pub mod options;
pub mod pointer;
pub mod protocol;
pub mod redact;
pub mod session;
pub mod stats;
pub mod utf16;
