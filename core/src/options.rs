//! THE definition of every option: name, type, unit, default, limits, documentation. Parsing, checking, the reference in `docs/` and the
//! types of the bindings are derived from it. Knows nothing of sockets or of what an option does.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;

/// Defines an options struct with its defaults.
macro_rules! options {
    ($(#[$meta:meta])* pub struct $name:ident { $($(#[doc = $doc:literal])+ $field:ident: $type:ty = $default:expr,)+ }) => {
        $(#[$meta])*
        #[derive(Clone, Debug)]
        pub struct $name { $($(#[doc = $doc])+ pub $field: $type,)+ }

        impl Default for $name {
            fn default() -> Self {
                Self { $($field: $default,)+ }
            }
        }
    };
}

const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

options! {
    /// Everything that can be set on a socket. Without any, it behaves as the browser's does, and stays alive.
    pub struct Options {
        /// Subprotocols to offer, in order of preference.
        protocols: Vec<String> = Vec::new(),
        /// Headers to send with the upgrade request, in order.
        headers: Vec<(String, String)> = Vec::new(),
        /// Cookies to send with the upgrade request.
        cookies: Vec<(String, String)> = Vec::new(),
        /// User name and password for Basic authorization; those of the URL are used where this is not given.
        auth: Option<(String, String)> = None,
        /// The Origin header.
        origin: Option<String> = None,
        /// The User-Agent header; an empty text sends none.
        user_agent: String = concat!("heartwire/", env!("CARGO_PKG_VERSION")).to_owned(),
        /// How long opening may take, from the name's resolution to the upgrade; none: no limit.
        open_timeout: Option<Duration> = Some(secs(10)),
        /// How long the closing handshake may take.
        close_timeout: Duration = secs(5),
        /// How long on normal exit, uncaught exception and signals the goodbye (Close 1001) may take; off: no goodbye.
        close_on_exit: Option<Duration> = Some(secs(1)),
        /// How long nothing may come before a ping is sent; none: no pings.
        ping_interval: Option<Duration> = Some(secs(20)),
        /// How long after a ping anything must have come; none: wait for ever.
        ping_timeout: Option<Duration> = Some(secs(20)),
        /// How long nothing at all may come before the connection counts as dead; none: off.
        idle_timeout: Option<Duration> = None,
        /// How long no data message may come before the connection counts as dead; none: off.
        data_idle_timeout: Option<Duration> = None,
        /// The text heartbeat.
        heartbeat: Option<HeartbeatOptions> = None,
        /// Whether and how to come back after a loss.
        reconnect: Option<ReconnectOptions> = None,
        /// Messages to keep while the connection is down; only with reconnect.
        send_queue: Option<SendQueueOptions> = None,
        /// permessage-deflate (RFC 7692).
        compression: Option<CompressionOptions> = Some(CompressionOptions::default()),
        /// The largest message to receive, in bytes after inflation.
        max_size: usize = 16 << 20,
        /// How many bytes of messages may wait for handlers before the socket is no longer read.
        read_limit: usize = 1 << 20,
        /// How many bytes may wait to leave before `send` waits where it can, and `drain` tells when they have left.
        write_limit: usize = 1 << 20,
        /// How many bytes may wait to leave before `send` raises `write_limit`.
        max_buffered: usize = 64 << 20,
        /// TLS.
        tls: TlsOptions = TlsOptions::default(),
        /// The proxy: from the environment, none, or a URL (http, https, socks4a, socks5, socks5h).
        proxy: Proxy = Proxy::Environment,
        /// How many redirects of the upgrade request to follow; 0: a redirect is an error, as the standard has it.
        follow_redirects: u32 = 0,
        /// Whether a redirect may lead from wss to ws.
        allow_insecure_redirect: bool = false,
        /// Connect to this unix socket instead of the URL's host.
        unix_socket: Option<PathBuf> = None,
        /// The local IP address to connect from.
        local_address: Option<std::net::IpAddr> = None,
        /// Send small messages at once (`TCP_NODELAY`).
        tcp_nodelay: bool = true,
        /// How long an idle TCP connection waits before the kernel probes it; none: off.
        tcp_keepalive: Option<Duration> = None,
        /// Which kind of address to use.
        address_family: AddressFamily = AddressFamily::Any,
        /// How long to wait for one address before the next kind is tried beside it (RFC 8305).
        happy_eyeballs_delay: Duration = Duration::from_millis(250),
        /// How many sockets of this process may be connecting to one host and port at a time (RFC 6455 section 4.1 says one).
        connect_limit: u32 = 1,
    }
}

options! {
    /// The text heartbeat: what is sent, how often, and what counts as its response.
    pub struct HeartbeatOptions {
        /// What to send: text, bytes, or any JSON value, which is sent as its JSON text. A function is called for each.
        message: Payload = Payload::Text(String::new()),
        /// The time between two heartbeats.
        interval: Duration = secs(60),
        /// What counts as the response: exactly this text, a message that contains this JSON object, or any inbound frame (none).
        response: Option<Matcher> = None,
        /// How long after a heartbeat its response must have come; none: nothing is awaited.
        timeout: Option<Duration> = None,
        /// How many responses in a row may be missed before the connection counts as dead.
        max_missed: u32 = 1,
        /// Send only if nothing was sent for `interval`.
        only_when_idle: bool = false,
        /// The share of the first interval that is random, 0 to 1, so that many clients do not beat together.
        jitter: f64 = 0.0,
        /// Whether a function given for `message` must be asked each time; if not, its last value is sent again while the host is busy.
        mandatory: bool = false,
    }
}

options! {
    /// How to come back after a loss: full-jitter exponential backoff.
    pub struct ReconnectOptions {
        /// The smallest upper bound of the random delay.
        min_delay: Duration = Duration::from_millis(500),
        /// The largest upper bound of the random delay.
        max_delay: Duration = secs(30),
        /// What the upper bound is multiplied with after each failure.
        factor: f64 = 2.0,
        /// How many attempts in a row may fail before it stays closed; none: no limit.
        max_retries: Option<u32> = None,
        /// How long a connection must be open before the counters start again.
        min_uptime: Duration = secs(10),
        /// How many times the server may say "do not come back" (401, 403, 407, close codes as 1008 or 4001) before it stays closed.
        max_auth_failures: u32 = 1,
        /// Whether to try again if the very first attempt fails.
        retry_on_first_connect: bool = true,
        /// More close codes that mean "do not come back".
        fatal_close_codes: Vec<u16> = Vec::new(),
    }
}

options! {
    /// Messages kept while the connection is down.
    pub struct SendQueueOptions {
        /// How many messages to keep.
        max_messages: usize = 256,
        /// How many bytes to keep.
        max_bytes: usize = 1 << 20,
        /// How long a message is worth sending; none: for ever.
        ttl: Option<Duration> = Some(secs(30)),
        /// What to do with a message that finds the queue full.
        overflow: Overflow = Overflow::Error,
    }
}

options! {
    /// permessage-deflate (RFC 7692).
    pub struct CompressionOptions {
        /// Messages below this many bytes are sent as they are.
        threshold: usize = 128,
        /// 1 (fast) to 9 (small).
        level: u8 = 1,
        /// The largest window that we use to compress, as the exponent of two, 9 to 15.
        client_max_window_bits: u8 = 15,
        /// The largest window that the server may use, as the exponent of two, 8 to 15.
        server_max_window_bits: u8 = 15,
        /// Start each message of ours with an empty window.
        client_no_context_takeover: bool = false,
        /// Ask the server to start each message with an empty window.
        server_no_context_takeover: bool = false,
    }
}

options! {
    /// TLS. The platform's trust store is used where no `ca` is given.
    pub struct TlsOptions {
        /// Certificates to trust, as PEM text or the path of a PEM file; the platform's are trusted no more.
        ca: Option<String> = None,
        /// The client's certificate chain, as PEM text or the path of a PEM file.
        cert: Option<String> = None,
        /// The client's private key (PKCS#8, PKCS#1 or SEC1), as PEM text or the path of a PEM file.
        key: Option<String> = None,
        /// The name to ask for and to check instead of the URL's host.
        server_name: Option<String> = None,
        /// Whether to check the server's certificate. Off is loud: it warns with each connection.
        verify: bool = true,
        /// Whether to write the session's secrets to the file that the environment variable SSLKEYLOGFILE names.
        keylog: bool = false,
        /// The lowest version to speak.
        min_version: TlsVersion = TlsVersion::Tls12,
    }
}

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

/// What to do with a message that finds the queue full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overflow {
    /// `send` raises an error.
    Error,
    /// The oldest messages make room.
    DropOldest,
    /// The message is dropped.
    DropNewest,
}

/// Where the proxy comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proxy {
    /// `WSS_PROXY`, `WS_PROXY`, `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY`, in either case.
    Environment,
    /// No proxy.
    None,
    /// This one.
    Url(url::Url),
}

/// Which kind of address to connect to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressFamily {
    /// Both, IPv6 first where there is one (RFC 8305).
    Any,
    /// IPv4 only.
    Ipv4,
    /// IPv6 only.
    Ipv6,
}

/// A version of TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsVersion {
    /// TLS 1.2 (RFC 5246).
    Tls12,
    /// TLS 1.3 (RFC 8446).
    Tls13,
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
