//! The types of option values beyond numbers, texts and times. Knows nothing of how they are read.

use std::fmt;
use std::path::PathBuf;

use serde_json::Value;

/// The content of a heartbeat.
#[derive(Clone, Debug, PartialEq)]
pub enum Payload {
    /// A text message.
    Text(String),
    /// A binary message.
    Binary(Vec<u8>),
    /// The value of a function of the user, called each time.
    Function,
}

/// A description of a message, such as the response to a heartbeat.
#[derive(Clone, Debug, PartialEq)]
pub enum Matcher {
    /// Exactly this text.
    Text(String),
    /// A text message whose JSON value contains this one. An object must have each member of this object, by the same rule; other values must be equal.
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
    /// What to do with a message when the queue is full.
    pub enum Overflow {
        /// `send` raises an error.
        Error = "error",
        /// The oldest messages are dropped.
        DropOldest = "drop_oldest",
        /// The new message is dropped.
        DropNewest = "drop_newest",
    }

    /// Which connections a rate limit counts together.
    pub enum RateScope {
        /// Each connection starts from zero.
        Connection = "connection",
        /// All connections of the socket count together.
        Socket = "socket",
    }

    /// Which kind of address to connect to.
    pub enum AddressFamily {
        /// Both, IPv6 first if the host has one (RFC 8305).
        Any = "any",
        /// IPv4 only.
        Ipv4 = "ipv4",
        /// IPv6 only.
        Ipv6 = "ipv6",
    }

    /// Until when a socket counts for `connect_limit`.
    pub enum ConnectUntil {
        /// `Open` for the class `WebSocket` of a binding, else `Tls`.
        Auto = "auto",
        /// Until it is open.
        Open = "open",
        /// Until TCP and TLS are done.
        Tls = "tls",
    }

    /// The driver of an open connection.
    pub enum Driver {
        /// The host's event loop if it can watch descriptors, else the background.
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

/// Certificates or keys in PEM (RFC 7468).
#[derive(Clone, PartialEq, Eq)]
pub enum Pem {
    /// The PEM itself.
    Content(Vec<u8>),
    /// A file that holds it.
    File(PathBuf),
}

impl Pem {
    /// Whether it is content, not a file, and contains this text.
    pub(super) fn shows(&self, text: &str) -> bool {
        matches!(self, Self::Content(bytes) if bytes.windows(text.len()).any(|part| part == text.as_bytes()))
    }
}

/// A text that contains a PEM boundary is PEM. Any other text is a path.
impl From<&str> for Pem {
    fn from(text: &str) -> Self {
        if text.contains("-----BEGIN") { Self::Content(text.into()) } else { Self::File(text.into()) }
    }
}

impl From<String> for Pem {
    fn from(text: String) -> Self {
        Self::from(text.as_str())
    }
}

impl From<Vec<u8>> for Pem {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Content(bytes)
    }
}

impl From<PathBuf> for Pem {
    fn from(path: PathBuf) -> Self {
        Self::File(path)
    }
}

impl fmt::Debug for Pem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Content(_) => f.write_str("Content(hidden)"),
            Self::File(_) => f.write_str("File(hidden)"),
        }
    }
}

/// The source of the proxy.
#[derive(Clone, PartialEq, Eq)]
pub enum Proxy {
    /// `WSS_PROXY`, `WS_PROXY`, `SOCKS_PROXY`, `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY`, in either case.
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

/// The values that come from functions of the user. [`Event::Ask`](crate::event::Event::Ask) asks for each when it is needed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
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
    /// The login.
    pub ready: bool,
}

impl Providers {
    /// Whether a function gives the URL.
    #[must_use]
    pub fn url(mut self, given: bool) -> Self {
        self.url = given;
        self
    }

    /// Whether a function gives the headers.
    #[must_use]
    pub fn headers(mut self, given: bool) -> Self {
        self.headers = given;
        self
    }

    /// Whether a function gives the subprotocols.
    #[must_use]
    pub fn protocols(mut self, given: bool) -> Self {
        self.protocols = given;
        self
    }

    /// Whether a function decides about reconnecting.
    #[must_use]
    pub fn should_reconnect(mut self, given: bool) -> Self {
        self.should_reconnect = given;
        self
    }
    /// Whether a function does the login.
    #[must_use]
    pub fn ready(mut self, given: bool) -> Self {
        self.ready = given;
        self
    }
}
