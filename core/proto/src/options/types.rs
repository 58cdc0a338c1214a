//! The types of options' values that are no numbers, texts or times. Knows nothing of how they are read.

use std::fmt;

use serde_json::Value;

/// What a heartbeat sends.
#[derive(Clone, Debug, PartialEq)]
pub enum Payload {
    /// A text message.
    Text(String),
    /// A binary message.
    Binary(Vec<u8>),
    /// What a function of the user gives, each time.
    Function,
}

/// What counts as the response to a heartbeat.
#[derive(Clone, Debug, PartialEq)]
pub enum Matcher {
    /// Exactly this text.
    Text(String),
    /// A text message whose JSON value contains this one: each member of an object is there and contains in turn; anything else is equal.
    Json(Value),
}

/// Defines an enum whose values are chosen by name.
macro_rules! choices {
    ($($(#[doc = $about:literal])+ pub enum $name:ident { $($(#[doc = $doc:literal])+ $variant:ident = $text:literal,)+ })+) => {$(
        $(#[doc = $about])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name { $($(#[doc = $doc])+ $variant,)+ }

        impl Named for $name {
            const ALL: &'static [(&'static str, Self)] = &[$(($text, Self::$variant),)+];
        }
    )+};
}

/// Values that are chosen by name.
pub(super) trait Named: Copy + PartialEq + 'static {
    const ALL: &'static [(&'static str, Self)];
}

choices! {
    /// What to do with a message that finds the queue full.
    pub enum Overflow {
        /// `send` raises an error.
        Error = "error",
        /// The oldest messages make room.
        DropOldest = "drop_oldest",
        /// The message is dropped.
        DropNewest = "drop_newest",
    }

    /// Which kind of address to connect to.
    pub enum AddressFamily {
        /// Both, IPv6 first where there is one (RFC 8305).
        Any = "any",
        /// IPv4 only.
        Ipv4 = "ipv4",
        /// IPv6 only.
        Ipv6 = "ipv6",
    }

    /// Who drives an open connection.
    pub enum Driver {
        /// The host's event loop where it has one that can, else the background.
        Auto = "auto",
        /// The host's event loop.
        Host = "host",
        /// A thread of Heartwire.
        Background = "background",
    }

    /// A version of TLS.
    pub enum TlsVersion {
        /// TLS 1.2 (RFC 5246).
        Tls12 = "1.2",
        /// TLS 1.3 (RFC 8446).
        Tls13 = "1.3",
    }
}

/// Where the proxy comes from.
#[derive(Clone, PartialEq, Eq)]
pub enum Proxy {
    /// `WSS_PROXY`, `WS_PROXY`, `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY`, in either case.
    Environment,
    /// No proxy.
    None,
    /// This one.
    Url(url::Url),
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Environment => f.write_str("Environment"),
            Self::None => f.write_str("None"),
            Self::Url(url) => write!(f, "Url({}://{})", url.scheme(), url.host_str().unwrap_or_default()),
        }
    }
}

/// Which values a function of the user gives, each time they are needed. The host is asked by `Event::Ask`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "a set of independent flags")]
pub struct Providers {
    /// The URL.
    pub url: bool,
    /// The headers.
    pub headers: bool,
    /// The subprotocols.
    pub protocols: bool,
    /// Whether to try again.
    pub should_reconnect: bool,
}
