//! THE definition of every option: name, type, unit, default, limits, documentation. Parsing, checking, the reference in `docs/` and the
//! types of the bindings are derived from it. Knows nothing of sockets or of what an option does.

mod answer;
mod conflicts;
mod dialect;
mod kind;
mod macros;
mod network;
mod parse;
mod pointers;
mod record;
mod report;
mod scalar;
mod setting;
mod special;
mod suggest;
mod table;
mod types;
mod wrap;

use std::marker::PhantomData;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::pointer::Pointer;
use kind::{Kind as _, is_secret};
use macros::options;
use network::{ConnectTo, Credentials, PemSource, ProxyUrl, Secret};
use pointers::{At, Fill, pointer};
use record::{Members, Record};
use report::Report;
use scalar::{Flag, Ip, Path, Real, Text, at_least, between, bytes, choice, limit, time, time_or_zero, whole_seconds};
use special::{COOKIES, HEADERS, Message, Protocols, Response};
use wrap::{Function, Kept, List, Login, Maybe, Only, Provided, Required, Switch, nested};

pub use answer::{read_headers, read_payload, read_protocols};
pub use dialect::{BYTES, Dialect, FUNCTION, OTHER};
pub use kind::OptionSpec;
pub use parse::read_heartbeat;
pub use setting::IntoSetting;
pub use table::{records, table};
pub use types::{AddressFamily, ConnectUntil, Driver, Matcher, Overflow, Payload, Pem, Providers, Proxy, RateScope, TlsVersion};

pub use crate::address::Place;

const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// How late an event loop may be by default.
const KEEPER: Duration = Duration::from_millis(500);

/// A text that is allowed in a header.
const HEADER_TEXT: Text =
    Text { what: "a text without control characters", accepts: |text| !text.contains(|letter: char| letter.is_ascii_control()) };

options! {
    /// The options of a socket. Without any, a socket behaves as the browser's does, and its connection stays alive.
    pub struct Options {
        /// Subprotocols to offer, in order of preference.
        protocols: Vec<String> = Vec::new() => Provided { kind: Protocols, flag: |functions| &mut functions.protocols },
        /// Headers to send with the upgrade request, in this order and spelling. A `Host` header replaces that of the URL.
        headers: Vec<(String, String)> = Vec::new() => Provided { kind: HEADERS, flag: |functions| &mut functions.headers },
        /// Cookies to send with the upgrade request.
        cookies: Vec<(String, String)> = Vec::new() => COOKIES,
        /// User name and password for Basic authorization. The default is those of the URL.
        auth: Option<(String, String)> = None => Maybe(Credentials),
        /// The Origin header.
        origin: Option<String> = None => Maybe(HEADER_TEXT),
        /// The User-Agent header. An empty text sends no such header.
        user_agent: String = concat!("heartwire/", env!("CARGO_PKG_VERSION")).to_owned() => HEADER_TEXT,
        /// The time limit for opening, from the call to the end of the upgrade, with the wait for `connect_limit`. None means no limit.
        open_timeout: Option<Duration> = Some(secs(10)) => Maybe(time()),
        /// The time limit for the closing handshake. It starts again whenever the peer acknowledges data that was queued before our Close.
        close_timeout: Duration = secs(5) => time(),
        /// Send Close 1001 when the process ends: by a normal exit, an uncaught exception or a signal. The value is the time limit for it. Off sends no Close.
        close_on_exit: Option<Duration> = Some(secs(1)) => Switch { on: || secs(1), kind: time() },
        /// Send a ping after this time without inbound data. None sends no pings.
        ping_interval: Option<Duration> = Some(secs(20)) => Maybe(time()),
        /// End the connection if, within this time after a ping, nothing arrives and the peer acknowledges no queued data. None waits for ever.
        ping_timeout: Option<Duration> = Some(secs(20)) => Maybe(time()),
        /// End the connection after this time without any inbound data. None turns this off.
        idle_timeout: Option<Duration> = None => Maybe(time()),
        /// End the connection after this time without an inbound message. None turns this off.
        data_idle_timeout: Option<Duration> = None => Maybe(time()),
        /// The text heartbeat.
        heartbeat: Option<HeartbeatOptions> = None => Maybe(nested()),
        /// Whether and how to reconnect after a connection is lost.
        reconnect: Option<ReconnectOptions> = None => Switch { on: ReconnectOptions::default, kind: nested() },
        /// Keep messages while the connection is down, and send them on the next one. Only with `reconnect`.
        send_queue: Option<SendQueueOptions> = None => Switch { on: SendQueueOptions::default, kind: nested() },
        /// The login of each connection. Until it is done the send queue, `request()` and sends with a rate limit wait; then the event `ready` follows.
        ready: Option<ReadyOptions> = None => Login(PhantomData),
        /// How requests and replies differ from other messages, and the defaults of `request()`.
        request: RequestOptions = RequestOptions::default() => nested(),
        /// How many messages may be sent in a span of time. Further messages wait. None means no limit.
        rate_limit: Option<RateLimitOptions> = None => Maybe(nested()),
        /// permessage-deflate (RFC 7692).
        compression: Option<CompressionOptions> = Some(CompressionOptions::default()) => Switch { on: CompressionOptions::default, kind: nested() },
        /// The largest message to receive, in bytes after inflation.
        max_size: usize = 16 << 20 => bytes(1),
        /// Stop reading the connection while this many bytes of messages wait for handlers.
        read_limit: usize = 1 << 20 => bytes(1),
        /// Deliver the messages that arrive after our own `close()` and before the server's Close. The standard drops them.
        deliver_after_close: bool = false => Flag,
        /// Above this many unsent bytes an asynchronous or blocking `send` waits. A `drain` event follows when they have left.
        write_limit: usize = 1 << 20 => bytes(1),
        /// Above this many unsent bytes `send` fails with `write_limit`.
        max_buffered: usize = 64 << 20 => bytes(1),
        /// TLS.
        tls: TlsOptions = TlsOptions::default() => nested(),
        /// The proxy: from the environment, none, or a URL (http, https, socks4a, socks5, socks5h; socks is socks5h).
        proxy: Proxy = Proxy::Environment => ProxyUrl,
        /// How many redirects of the upgrade request to follow. With 0 a redirect is an error, as in the WHATWG standard.
        follow_redirects: u32 = 0 => between(0, 20),
        /// Whether a redirect may lead from wss to ws.
        allow_insecure_redirect: bool = false => Flag,
        /// Connect to this host and port instead of the URL's: `host`, `host:port` or `[IPv6 address%zone]:port`. TLS and the `Host` header still
        /// name the URL's host. A redirect to another host and port is followed there.
        connect_to: Option<Place> = None => Maybe(ConnectTo),
        /// Connect to this unix socket instead of the URL's host.
        unix_socket: Option<PathBuf> = None => Maybe(Path),
        /// The local IP address to connect from.
        local_address: Option<IpAddr> = None => Maybe(Ip),
        /// Send small messages at once (`TCP_NODELAY`).
        tcp_nodelay: bool = true => Flag,
        /// How long a TCP connection is idle before the kernel probes it. None turns probes off.
        tcp_keepalive: Option<Duration> = None => Maybe(whole_seconds()),
        /// Which kind of address to use.
        address_family: AddressFamily = AddressFamily::Any => choice(),
        /// How long to wait for one address before the next kind is tried beside it (RFC 8305).
        happy_eyeballs_delay: Duration = Duration::from_millis(250) => time_or_zero(),
        /// How many sockets of this process may connect to one host and port at the same time. RFC 6455 section 4.1 says one.
        connect_limit: u32 = 1 => between(1, u64::from(u32::MAX)),
        /// Until when a socket counts for `connect_limit`: until it is `open`, as in browsers, or until TCP and TLS are done (`tls`), as RFC 6455
        /// section 4.1 has it. `auto` is `open` for the class `WebSocket`, and `tls` for `connect()` and the Rust API.
        connect_limit_until: ConnectUntil = ConnectUntil::Auto => choice(),
        /// The driver of the open connection: the host's own event loop (`host`), a thread of Heartwire (`background`), or the loop if it can and
        /// otherwise the thread (`auto`). The program sees no difference. `host` is an error if no loop can drive the connection.
        driver: Driver = Driver::Auto => choice(),
        /// If a handler blocks the event loop for this long while data or a deadline waits, a thread of Heartwire takes over until the loop is back:
        /// it answers pings, sends heartbeats, and reads up to `read_limit`. Off never takes over.
        keeper: Option<Duration> = Some(KEEPER) => Switch { on: || KEEPER, kind: time() },
        /// Deliver the messages of one read without running microtasks between them. This is faster under a flood, but code that awaits the next
        /// message may miss one.
        allow_synchronous_events: bool = false => Only(Dialect::BROWSERS, Flag),
    }
    elsewhere {
        /// Ends the socket when it is aborted, as `terminate()` does.
        signal => Only(Dialect::BROWSERS, Kept { what: "an AbortSignal", type_name: "AbortSignal" }),
    }
}

options! {
    /// The text heartbeat: its message, its interval, and its response.
    pub struct HeartbeatOptions {
        /// What to send: text, bytes, or any JSON value, which is sent as its JSON text. A function is called for each.
        message: Payload = Payload::Text(String::new()) => Required(Message { function: true }),
        /// The time between two heartbeats.
        interval: Duration = secs(60) => time(),
        /// The expected response: exactly this text, or a message that contains this JSON object. None accepts any inbound frame.
        response: Option<Matcher> = None => Maybe(Response),
        /// The time limit for the response to a heartbeat, with the rule of `ping_timeout`. None expects no response.
        timeout: Option<Duration> = None => Maybe(time()),
        /// End the connection after this many missed responses in a row. With `reconnect` another one follows.
        max_missed: u32 = 1 => between(1, 1000),
        /// The close code to send when responses are missing.
        close_code: u16 = 1001 => between(1000, 4999),
        /// Copy received values into the heartbeat: `{"/d": "/s"}` copies the last value that a message had at `/s` to `/d` of each heartbeat. A
        /// message counts as soon as it is read, also while a handler is busy. Null and missing values do not count. Only for JSON text.
        fill: Vec<(Pointer, Pointer)> = Vec::new() => Fill,
        /// Send a heartbeat only if nothing else was sent for `interval`.
        only_when_idle: bool = false => Flag,
        /// The random share of the first interval, 0 to 1, so that many clients do not send at the same moment.
        jitter: f64 = 0.0 => Real { least: 0.0, most: 1.0 },
        /// Whether a function given for `message` must be called each time. If not, its last value is sent again while the event loop is busy.
        mandatory: bool = false => Flag,
    }
}

options! {
    /// The login: the first message of each connection, the server's answer, and the time limit. A function in the place of these
    /// options, or as `run`, is called with the socket instead.
    pub struct ReadyOptions {
        /// What to send: text, bytes, or any JSON value, which is sent as its JSON text. It leaves while a handler is busy, too.
        send: Option<Payload> = None => Maybe(Message { function: false }),
        /// The answer that accepts the login: exactly this text, or a message that contains this JSON object. None expects no answer.
        expect: Option<Matcher> = None => Maybe(Response),
        /// The answer that refuses the login. It ends the connection with `ready_rejected`, which counts against `max_auth_failures`.
        reject: Option<Matcher> = None => Maybe(Response),
        /// The time limit for the login. After it the connection ends with `ready_timeout`.
        timeout: Duration = secs(10) => time(),
    }
    elsewhere {
        /// Called with the socket on each connection, instead of `send` and `expect`: the login is done when it returns. `False` rejects; an error
        /// ends the connection, and with `reconnect` the next one follows.
        run => Function {
            flag: |functions| &mut functions.ready,
            types: ["Callable[[Any], Any]", "(socket: WebSocket) => unknown"],
        },
    }
}

options! {
    /// How requests and replies differ from other messages, and the defaults of `request()`.
    pub struct RequestOptions {
        /// The place of the id in a request. A request without an id gets a number.
        id: Pointer = pointer("/id") => At,
        /// The place of the request's id in a reply. None means the same place.
        response_id: Option<Pointer> = None => Maybe(At),
        /// The replies that are errors. For them `request()` fails with `request_failed`.
        error: Option<Matcher> = None => Maybe(Response),
        /// The time limit for a reply, from the call. None means no limit.
        timeout: Option<Duration> = Some(secs(30)) => Maybe(time()),
        /// Whether a request is sent again on the next connection if the present one ends before the reply.
        resend: bool = false => Flag,
        /// Whether replies are `message` events, too.
        deliver: bool = false => Flag,
        /// How many requests may wait for their replies.
        max_pending: usize = 1024 => at_least(1),
    }
}

options! {
    /// How many messages may be sent in a span of time. No span of that length ever holds more. Further messages wait, in order.
    pub struct RateLimitOptions {
        /// How many messages.
        messages: usize = 1 => Required(limit()),
        /// The span of time.
        per: Duration = secs(1) => Required(time()),
        /// How many may leave at once. The others leave at an even pace. None means all of them.
        burst: Option<usize> = None => Maybe(limit()),
        /// How many of them are reserved for heartbeats, the login, pongs, and sends marked as urgent. None means a tenth, and at least one.
        reserve: Option<usize> = None => Maybe(at_least(0)),
        /// Whether each connection starts from zero, or all connections of the socket count together.
        scope: RateScope = RateScope::Connection => choice(),
        /// The limit for each key of `send(data, key=...)`, such as a chat's name. A key that has to wait delays no other.
        keys: Option<KeyLimitOptions> = None => Maybe(nested()),
        /// How many messages may wait.
        max_messages: usize = 256 => at_least(1),
        /// How many bytes may wait.
        max_bytes: usize = 1 << 20 => bytes(1),
        /// What to do with a message when the line of waiting messages is full.
        overflow: Overflow = Overflow::Error => choice(),
    }
}

options! {
    /// How many messages with one key may be sent in a time.
    pub struct KeyLimitOptions {
        /// How many messages.
        messages: usize = 1 => Required(limit()),
        /// The span of time.
        per: Duration = secs(1) => Required(time()),
        /// How many may leave at once. The others leave at an even pace. None means all of them.
        burst: Option<usize> = None => Maybe(limit()),
    }
}

options! {
    /// How to reconnect after a connection is lost: exponential backoff with full jitter.
    pub struct ReconnectOptions {
        /// The smallest upper bound of the random delay.
        min_delay: Duration = Duration::from_millis(500) => time_or_zero(),
        /// The largest upper bound of the random delay.
        max_delay: Duration = secs(30) => time_or_zero(),
        /// The factor by which the upper bound grows after each failure.
        factor: f64 = 2.0 => Real { least: 1.0, most: 100.0 },
        /// How many attempts in a row may fail before the socket stays closed. None means no limit.
        max_retries: Option<u32> = None => Maybe(between(0, u64::from(u32::MAX))),
        /// How long a connection must be open before the counters start again.
        min_uptime: Duration = secs(10) => time_or_zero(),
        /// How many times the server may refuse for good (401, 403, 407, `fatal_close_codes`) before the socket stays closed. None means 1, or 2
        /// if the URL, headers or protocols are a function, so that a fresh token gets its chance.
        max_auth_failures: Option<u32> = None => Maybe(between(0, u64::from(u32::MAX))),
        /// Whether to try again if the very first attempt fails.
        retry_on_first_connect: bool = true => Flag,
        /// The longest wait that a server may ask for with Retry-After. None means no limit.
        max_retry_after: Option<Duration> = Some(secs(3600)) => Maybe(time_or_zero()),
        /// The close codes after which the socket stays closed. They replace the default list.
        fatal_close_codes: Vec<u16> = vec![1002, 1003, 1007, 1008, 1010, 3000, 4001, 4003, 4004] => List(between(1000, 4999)),
        /// Close codes to remove from `fatal_close_codes`.
        retry_close_codes: Vec<u16> = Vec::new() => List(between(1000, 4999)),
        /// The message with which the server asks its clients to connect again: exactly this text, or a message that contains this JSON object. Another
        /// connection then follows at once, as after `reconnect()`. The program still gets the message as a `message` event.
        on: Option<Matcher> = None => Maybe(Response),
        /// Where that message has the URL for the one attempt that follows. Without a URL there, that attempt uses the socket's URL.
        url: Option<Pointer> = None => Maybe(At),
        /// Whether the new connection is opened, and logged in by `ready`, before the present one is closed. No message is lost in between.
        overlap: bool = false => Flag,
        /// The close code that the server gets when such a message has come.
        close_code: u16 = 1000 => between(1000, 4999),
    }
    elsewhere {
        /// Called with the close event after each end, except that of `close()`. The event's `will_reconnect` is the decision of the rules. True tries
        /// again, false stays closed, and no value accepts the decision.
        should_reconnect => Function {
            flag: |functions| &mut functions.should_reconnect,
            types: [
                "Callable[[CloseEvent], bool | None | Awaitable[bool | None]]",
                "(event: CloseEvent) => boolean | null | undefined | void | Promise<boolean | null | undefined | void>",
            ],
        },
    }
}

options! {
    /// Messages kept while the connection is down.
    pub struct SendQueueOptions {
        /// How many messages to keep.
        max_messages: usize = 256 => at_least(1),
        /// How many bytes to keep.
        max_bytes: usize = 1 << 20 => bytes(1),
        /// How long a message may wait. After that it is dropped. None means for ever.
        ttl: Option<Duration> = Some(secs(30)) => Maybe(time()),
        /// What to do with a message when the queue is full.
        overflow: Overflow = Overflow::Error => choice(),
    }
}

options! {
    /// permessage-deflate (RFC 7692). A connection then holds up to 48 KiB more after the server has sent a compressed message (nothing, if the
    /// server keeps no context), and up to 9 KiB more after we have, which it gives back within 15 quiet seconds. The process shares its encoders: at
    /// most 16, of some 330 KiB each.
    pub struct CompressionOptions {
        /// Messages below this many bytes are sent uncompressed: compression would save little, and nothing without context takeover.
        threshold: usize = 128 => bytes(0),
        /// 1 (fast) to 9 (small). For JSON of a chat, 2 makes messages 2 to 25 % smaller than 1, and takes 2 to 12 times as long.
        level: u8 = 1 => between(1, 9),
        /// The largest window that we use to compress, as the exponent of two, 9 to 15.
        client_max_window_bits: u8 = 15 => between(9, 15),
        /// The largest window that the server may use, as the exponent of two, 8 to 15.
        server_max_window_bits: u8 = 15 => between(8, 15),
        /// Start each message of ours with an empty window.
        client_no_context_takeover: bool = false => Flag,
        /// Ask the server to start each message with an empty window.
        server_no_context_takeover: bool = false => Flag,
    }
}

options! {
    /// TLS. Without `ca` the platform's trust store is used.
    pub struct TlsOptions {
        /// Certificates to trust, as PEM or the path of a PEM file; the platform's are then not trusted. A server's own certificate may be one of
        /// them: then its name and dates are checked, and no issuer.
        ca: Option<Pem> = None => Maybe(PemSource),
        /// The client's certificate chain, as PEM or the path of a PEM file, which may hold the key too. The server judges it.
        cert: Option<Pem> = None => Maybe(PemSource),
        /// The client's private key (PKCS#8, PKCS#1 or SEC1), as PEM or the path of a PEM file.
        key: Option<Pem> = None => Maybe(PemSource),
        /// The password of an encrypted private key (PKCS#8). It is not used for a key that is not encrypted.
        password: Option<String> = None => Maybe(Secret),
        /// The name to ask for and to check instead of the URL's host.
        server_name: Option<String> = None => Maybe(Text { what: "a host name or an IP address", accepts: |name| url::Host::parse(name).is_ok() }),
        /// Whether to check the server's certificate. If off, each connection causes a warning.
        verify: bool = true => Flag,
        /// Whether to write the session's secrets to the file that the environment variable SSLKEYLOGFILE names.
        keylog: bool = false => Flag,
        /// The lowest version to speak.
        min_version: TlsVersion = TlsVersion::Tls12 => choice(),
    }
}

/// `new` for the records that can do without any value.
macro_rules! defaults {
    ($($record:ident)+) => {$(
        impl $record {
            /// The defaults. The methods that have the names of the options change them.
            pub fn new() -> Self {
                Self::default()
            }
        }
    )+};
}

defaults! { Options ReadyOptions RequestOptions ReconnectOptions SendQueueOptions CompressionOptions TlsOptions }

impl HeartbeatOptions {
    /// This message every 60 s. The methods that have the names of the options change the rest.
    pub fn new(message: impl IntoSetting<Payload>) -> Self {
        Self::default().message(message)
    }
}

impl RateLimitOptions {
    /// So many messages in any span of this length. The methods that have the names of the options change the rest.
    pub fn new(messages: usize, per: Duration) -> Self {
        Self::default().messages(messages).per(per)
    }
}

impl KeyLimitOptions {
    /// So many messages with one key in any span of this length. The methods that have the names of the options change the rest.
    pub fn new(messages: usize, per: Duration) -> Self {
        Self::default().messages(messages).per(per)
    }
}
