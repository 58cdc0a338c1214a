//! Heartwire: the WebSocket client for chat bots.

// Unit tests and fuzz targets share the files in `fuzz/`, which use the crate's outside name.
#[cfg(test)]
extern crate self as heartwire;
#[cfg(test)]
#[allow(unreachable_pub, reason = "a crate of its own exports it to the fuzzers")]
#[path = "../fuzz/src/wire.rs"]
mod wire;

#[doc(hidden)]
pub mod binding;
mod client;
mod connect;
mod delivery;
mod dial;
mod driver;
mod frames;
mod os;
mod process;
mod reply;
#[cfg(feature = "testing")]
pub mod testing;
mod trace;
mod transport;
mod warning;
mod websocket;

// Re-exports the modules of `heartwire-proto` as this crate's own.
use heartwire_proto::{address, close, error, event, message, options, protocol, session, stats};

pub use connect::{Connect, Connection, connect, sync};
pub use delivery::Events;
pub use driver::FragmentWriter;
pub use driver::shutdown::{shutdown, shutdown_blocking};
pub use driver::stats::stats;
#[doc(inline)]
pub use heartwire_proto::close::CloseCode;
#[doc(inline)]
pub use heartwire_proto::error::{Again, Detail as ErrorDetail, Error, ErrorCode, Fault, Phase, Result};
#[doc(inline)]
pub use heartwire_proto::event::{
    Ask, Close, DropReason, Dropped, Event, Heartbeat, Open, Question, ReadyState, Reconnecting, Settled, Throttled,
};
#[doc(inline)]
pub use heartwire_proto::message::{Answer, AsData, Data, Message, RequestCall, SendOptions, Way};
#[doc(inline)]
pub use heartwire_proto::options::{
    AddressFamily, CompressionOptions, ConnectUntil, Driver, HeartbeatOptions, IntoSetting, KeyLimitOptions, Matcher, Options, Overflow,
    Payload, Pem, Place, Providers, Proxy, RateLimitOptions, RateScope, ReadyOptions, ReconnectOptions, RequestOptions, SendQueueOptions,
    TlsOptions, TlsVersion,
};
#[doc(inline)]
pub use heartwire_proto::pointer::Pointer;
#[doc(inline)]
pub use heartwire_proto::stats::{Heartbeats, Latency, Stats, Traffic, Waiting};
pub use reply::Reply;
pub use websocket::WebSocket;

/// The layers below the API, for the tests and the fuzz targets of this repository alone.
#[doc(hidden)]
#[allow(missing_docs, reason = "the modules say it themselves")]
pub mod internals {
    pub mod client {
        pub use crate::client::*;
    }
    pub mod dial {
        pub use crate::dial::*;
    }
    pub mod driver {
        pub use crate::driver::*;
    }
    pub mod process {
        pub use crate::process::*;
    }
    pub mod transport {
        pub use crate::transport::*;
    }
}
