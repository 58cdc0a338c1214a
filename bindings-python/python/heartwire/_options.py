# Made from core/proto/src/options/mod.rs by `BLESS=1 cargo test -p heartwire --test reference`; do not edit.
"""The types of the options, for editors and type checkers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Awaitable, Callable, Iterable, Literal, Mapping, Sequence, Tuple, TypedDict, TypeVar, Union

if TYPE_CHECKING:
    import os

    from ._native import CloseEvent

_T = TypeVar("_T")

Provided = Union[_T, Callable[[], Union[_T, Awaitable[_T]]]]
"""A value, or a function that gives it each time it is needed, plain or `async`."""

NamedValues = Union[Mapping[str, Union[str, Sequence[str]]], Iterable[Tuple[str, Union[str, Sequence[str]]]]]
"""Names with their values, in order where it is a list of pairs. A list as the value stands for several of the same name."""

HeartbeatMessage = Union[str, bytes, bytearray, memoryview, Mapping[str, Any], Sequence[Any]]
"""What a heartbeat sends: text, bytes, or any JSON value, which is sent as its JSON text."""


class TlsOptions(TypedDict, total=False):
    """TLS. Without `ca` the platform's trust store is used."""

    ca: str | bytes | os.PathLike[str] | None
    """Certificates to trust, as PEM or the path of a PEM file; the platform's are then not trusted. A server's own certificate may be one of them: then its name and dates are checked, and no issuer.

    Allowed: PEM as a text or bytes, or the path of a PEM file, or None. Default: None."""

    cert: str | bytes | os.PathLike[str] | None
    """The client's certificate chain, as PEM or the path of a PEM file, which may hold the key too. The server judges it.

    Allowed: PEM as a text or bytes, or the path of a PEM file, or None. Default: None."""

    key: str | bytes | os.PathLike[str] | None
    """The client's private key (PKCS#8, PKCS#1 or SEC1), as PEM or the path of a PEM file.

    Allowed: PEM as a text or bytes, or the path of a PEM file, or None. Default: None."""

    password: str | None
    """The password of an encrypted private key (PKCS#8). It is not used for a key that is not encrypted.

    Allowed: a text, or None. Default: None."""

    server_name: str | None
    """The name to ask for and to check instead of the URL's host.

    Allowed: a host name or an IP address, or None. Default: None."""

    verify: bool
    """Whether to check the server's certificate. If off, each connection causes a warning.

    Allowed: True or False. Default: True."""

    keylog: bool
    """Whether to write the session's secrets to the file that the environment variable SSLKEYLOGFILE names.

    Allowed: True or False. Default: False."""

    min_version: Literal["1.2", "1.3"]
    """The lowest version to speak.

    Allowed: "1.2" or "1.3". Default: "1.2"."""


class CompressionOptions(TypedDict, total=False):
    """permessage-deflate (RFC 7692). A connection then holds up to 48 KiB more after the server has sent a compressed message (nothing, if the server keeps no context), and up to 9 KiB more after we have, which it gives back within 15 quiet seconds. The process shares its encoders: at most 16, of some 330 KiB each."""

    threshold: int
    """Messages below this many bytes are sent uncompressed: compression would save little, and nothing without context takeover. Unit: bytes.

    Allowed: a whole number of bytes, at least 0. Default: 128."""

    level: int
    """1 (fast) to 9 (small). For JSON of a chat, 2 makes messages 2 to 25 % smaller than 1, and takes 2 to 12 times as long.

    Allowed: a whole number from 1 to 9. Default: 1."""

    client_max_window_bits: int
    """The largest window that we use to compress, as the exponent of two, 9 to 15.

    Allowed: a whole number from 9 to 15. Default: 15."""

    server_max_window_bits: int
    """The largest window that the server may use, as the exponent of two, 8 to 15.

    Allowed: a whole number from 8 to 15. Default: 15."""

    client_no_context_takeover: bool
    """Start each message of ours with an empty window.

    Allowed: True or False. Default: False."""

    server_no_context_takeover: bool
    """Ask the server to start each message with an empty window.

    Allowed: True or False. Default: False."""


class _KeyLimitOptionsRequired(TypedDict):
    """What KeyLimitOptions cannot do without."""

    messages: int
    """How many messages.

    Allowed: a whole number from 1 to 1000000."""

    per: float
    """The span of time.

    Allowed: a number of seconds from 0.001 to 31536000."""


class KeyLimitOptions(_KeyLimitOptionsRequired, total=False):
    """How many messages with one key may be sent in a time."""

    burst: int | None
    """How many may leave at once. The others leave at an even pace. None means all of them.

    Allowed: a whole number from 1 to 1000000, or None. Default: None."""


class _RateLimitOptionsRequired(TypedDict):
    """What RateLimitOptions cannot do without."""

    messages: int
    """How many messages.

    Allowed: a whole number from 1 to 1000000."""

    per: float
    """The span of time.

    Allowed: a number of seconds from 0.001 to 31536000."""


class RateLimitOptions(_RateLimitOptionsRequired, total=False):
    """How many messages may be sent in a span of time. No span of that length ever holds more. Further messages wait, in order."""

    burst: int | None
    """How many may leave at once. The others leave at an even pace. None means all of them.

    Allowed: a whole number from 1 to 1000000, or None. Default: None."""

    reserve: int | None
    """How many of them are reserved for heartbeats, the login, pongs, and sends marked as urgent. None means a tenth, and at least one.

    Allowed: a whole number, at least 0, or None. Default: None."""

    scope: Literal["connection", "socket"]
    """Whether each connection starts from zero, or all connections of the socket count together.

    Allowed: "connection" or "socket". Default: "connection"."""

    keys: KeyLimitOptions | None
    """The limit for each key of `send(data, key=...)`, such as a chat's name. A key that has to wait delays no other.

    Allowed: a dict of options with messages, or None. Default: None."""

    max_messages: int
    """How many messages may wait.

    Allowed: a whole number, at least 1. Default: 256."""

    max_bytes: int
    """How many bytes may wait. Unit: bytes.

    Allowed: a whole number of bytes, at least 1. Default: 1048576."""

    overflow: Literal["error", "drop_oldest", "drop_newest"]
    """What to do with a message when the line of waiting messages is full.

    Allowed: "error", "drop_oldest" or "drop_newest". Default: "error"."""


class RequestOptions(TypedDict, total=False):
    """How requests and replies differ from other messages, and the defaults of `request()`."""

    id: str
    """The place of the id in a request. A request without an id gets a number.

    Allowed: a JSON pointer (RFC 6901) such as "/id". Default: "/id"."""

    response_id: str | None
    """The place of the request's id in a reply. None means the same place.

    Allowed: a JSON pointer (RFC 6901) such as "/id", or None. Default: None."""

    error: str | Mapping[str, Any] | Sequence[Any] | None
    """The replies that are errors. For them `request()` fails with `request_failed`.

    Allowed: a text, or a JSON object or array, or None. Default: None."""

    timeout: float | None
    """The time limit for a reply, from the call. None means no limit. Unit: seconds.

    Allowed: a number of seconds from 0.001 to 31536000, or None. Default: 30."""

    resend: bool
    """Whether a request is sent again on the next connection if the present one ends before the reply.

    Allowed: True or False. Default: False."""

    deliver: bool
    """Whether replies are `message` events, too.

    Allowed: True or False. Default: False."""

    max_pending: int
    """How many requests may wait for their replies.

    Allowed: a whole number, at least 1. Default: 1024."""


class ReadyOptions(TypedDict, total=False):
    """The login: the first message of each connection, the server's answer, and the time limit. A function in the place of these options, or as `run`, is called with the socket instead."""

    send: Provided[HeartbeatMessage] | None
    """What to send: text, bytes, or any JSON value, which is sent as its JSON text. It leaves while a handler is busy, too.

    Allowed: a text, bytes or a JSON value, or None. Default: None."""

    expect: str | Mapping[str, Any] | Sequence[Any] | None
    """The answer that accepts the login: exactly this text, or a message that contains this JSON object. None expects no answer.

    Allowed: a text, or a JSON object or array, or None. Default: None."""

    reject: str | Mapping[str, Any] | Sequence[Any] | None
    """The answer that refuses the login. It ends the connection with `ready_rejected`, which counts against `max_auth_failures`.

    Allowed: a text, or a JSON object or array, or None. Default: None."""

    timeout: float
    """The time limit for the login. After it the connection ends with `ready_timeout`. Unit: seconds.

    Allowed: a number of seconds from 0.001 to 31536000. Default: 10."""

    run: Callable[[Any], Any] | None
    """Called with the socket on each connection, instead of `send` and `expect`: the login is done when it returns. `False` rejects; an error ends the connection, and with `reconnect` the next one follows.

    Allowed: a function, or None."""


class SendQueueOptions(TypedDict, total=False):
    """Messages kept while the connection is down."""

    max_messages: int
    """How many messages to keep.

    Allowed: a whole number, at least 1. Default: 256."""

    max_bytes: int
    """How many bytes to keep. Unit: bytes.

    Allowed: a whole number of bytes, at least 1. Default: 1048576."""

    ttl: float | None
    """How long a message may wait. After that it is dropped. None means for ever. Unit: seconds.

    Allowed: a number of seconds from 0.001 to 31536000, or None. Default: 30."""

    overflow: Literal["error", "drop_oldest", "drop_newest"]
    """What to do with a message when the queue is full.

    Allowed: "error", "drop_oldest" or "drop_newest". Default: "error"."""


class ReconnectOptions(TypedDict, total=False):
    """How to reconnect after a connection is lost: exponential backoff with full jitter."""

    min_delay: float
    """The smallest upper bound of the random delay. Unit: seconds.

    Allowed: a number of seconds from 0 to 31536000. Default: 0.5."""

    max_delay: float
    """The largest upper bound of the random delay. Unit: seconds.

    Allowed: a number of seconds from 0 to 31536000. Default: 30."""

    factor: float
    """The factor by which the upper bound grows after each failure.

    Allowed: a number from 1 to 100. Default: 2."""

    max_retries: int | None
    """How many attempts in a row may fail before the socket stays closed. None means no limit.

    Allowed: a whole number from 0 to 4294967295, or None. Default: None."""

    min_uptime: float
    """How long a connection must be open before the counters start again. Unit: seconds.

    Allowed: a number of seconds from 0 to 31536000. Default: 10."""

    max_auth_failures: int | None
    """How many times the server may refuse for good (401, 403, 407, `fatal_close_codes`) before the socket stays closed. None means 1, or 2 if the URL, headers or protocols are a function, so that a fresh token gets its chance.

    Allowed: a whole number from 0 to 4294967295, or None. Default: None."""

    retry_on_first_connect: bool
    """Whether to try again if the very first attempt fails.

    Allowed: True or False. Default: True."""

    max_retry_after: float | None
    """The longest wait that a server may ask for with Retry-After. None means no limit. Unit: seconds.

    Allowed: a number of seconds from 0 to 31536000, or None. Default: 3600."""

    fatal_close_codes: Sequence[int]
    """The close codes after which the socket stays closed. They replace the default list.

    Allowed: a list; each item a whole number from 1000 to 4999. Default: [1002,1003,1007,1008,1010,3000,4001,4003,4004]."""

    retry_close_codes: Sequence[int]
    """Close codes to remove from `fatal_close_codes`.

    Allowed: a list; each item a whole number from 1000 to 4999. Default: []."""

    on: str | Mapping[str, Any] | Sequence[Any] | None
    """The message with which the server asks its clients to connect again: exactly this text, or a message that contains this JSON object. Another connection then follows at once, as after `reconnect()`. The program still gets the message as a `message` event.

    Allowed: a text, or a JSON object or array, or None. Default: None."""

    url: str | None
    """Where that message has the URL for the one attempt that follows. Without a URL there, that attempt uses the socket's URL.

    Allowed: a JSON pointer (RFC 6901) such as "/id", or None. Default: None."""

    overlap: bool
    """Whether the new connection is opened, and logged in by `ready`, before the present one is closed. No message is lost in between.

    Allowed: True or False. Default: False."""

    close_code: int
    """The close code that the server gets when such a message has come.

    Allowed: a whole number from 1000 to 4999. Default: 1000."""

    should_reconnect: Callable[[CloseEvent], bool | None | Awaitable[bool | None]] | None
    """Called with the close event after each end, except that of `close()`. The event's `will_reconnect` is the decision of the rules. True tries again, false stays closed, and no value accepts the decision.

    Allowed: a function, or None."""


class _HeartbeatOptionsRequired(TypedDict):
    """What HeartbeatOptions cannot do without."""

    message: Provided[HeartbeatMessage]
    """What to send: text, bytes, or any JSON value, which is sent as its JSON text. A function is called for each.

    Allowed: a text, bytes or a JSON value, or a function that returns one of them."""


class HeartbeatOptions(_HeartbeatOptionsRequired, total=False):
    """The text heartbeat: its message, its interval, and its response."""

    interval: float
    """The time between two heartbeats. Unit: seconds.

    Allowed: a number of seconds from 0.001 to 31536000. Default: 60."""

    response: str | Mapping[str, Any] | Sequence[Any] | None
    """The expected response: exactly this text, or a message that contains this JSON object. None accepts any inbound frame.

    Allowed: a text, or a JSON object or array, or None. Default: None."""

    timeout: float | None
    """The time limit for the response to a heartbeat, with the rule of `ping_timeout`. None expects no response. Unit: seconds.

    Allowed: a number of seconds from 0.001 to 31536000, or None. Default: None."""

    max_missed: int
    """End the connection after this many missed responses in a row. With `reconnect` another one follows.

    Allowed: a whole number from 1 to 1000. Default: 1."""

    close_code: int
    """The close code to send when responses are missing.

    Allowed: a whole number from 1000 to 4999. Default: 1001."""

    fill: Mapping[str, str]
    """Copy received values into the heartbeat: `{"/d": "/s"}` copies the last value that a message had at `/s` to `/d` of each heartbeat. A message counts as soon as it is read, also while a handler is busy. Null and missing values do not count. Only for JSON text.

    Allowed: a dict of JSON pointers (RFC 6901), such as {"/d": "/s"}."""

    only_when_idle: bool
    """Send a heartbeat only if nothing else was sent for `interval`.

    Allowed: True or False. Default: False."""

    jitter: float
    """The random share of the first interval, 0 to 1, so that many clients do not send at the same moment.

    Allowed: a number from 0 to 1. Default: 0."""

    mandatory: bool
    """Whether a function given for `message` must be called each time. If not, its last value is sent again while the event loop is busy.

    Allowed: True or False. Default: False."""


class Options(TypedDict, total=False):
    """The options of a socket. Without any, a socket behaves as the browser's does, and its connection stays alive."""

    headers: Provided[NamedValues]
    """Headers to send with the upgrade request, in this order and spelling. A `Host` header replaces that of the URL.

    Allowed: a dict of texts, or a list of pairs, or a function that returns that. Default: []."""

    cookies: NamedValues
    """Cookies to send with the upgrade request.

    Allowed: a dict of texts, or a list of pairs. Default: []."""

    auth: tuple[str, str] | None
    """User name and password for Basic authorization. The default is those of the URL.

    Allowed: a pair of user name and password, or None. Default: None."""

    origin: str | None
    """The Origin header.

    Allowed: a text without control characters, or None. Default: None."""

    user_agent: str
    """The User-Agent header. An empty text sends no such header.

    Allowed: a text without control characters. Default: "heartwire/0.1.0"."""

    open_timeout: float | None
    """The time limit for opening, from the call to the end of the upgrade, with the wait for `connect_limit`. None means no limit. Unit: seconds.

    Allowed: a number of seconds from 0.001 to 31536000, or None. Default: 10."""

    close_timeout: float
    """The time limit for the closing handshake. It starts again whenever the peer acknowledges data that was queued before our Close. Unit: seconds.

    Allowed: a number of seconds from 0.001 to 31536000. Default: 5."""

    close_on_exit: bool | float | None
    """Send Close 1001 when the process ends: by a normal exit, an uncaught exception or a signal. The value is the time limit for it. Off sends no Close. Unit: seconds.

    Allowed: True, False or a number of seconds from 0.001 to 31536000. Default: True."""

    ping_interval: float | None
    """Send a ping after this time without inbound data. None sends no pings. Unit: seconds.

    Allowed: a number of seconds from 0.001 to 31536000, or None. Default: 20."""

    ping_timeout: float | None
    """End the connection if, within this time after a ping, nothing arrives and the peer acknowledges no queued data. None waits for ever. Unit: seconds.

    Allowed: a number of seconds from 0.001 to 31536000, or None. Default: 20."""

    idle_timeout: float | None
    """End the connection after this time without any inbound data. None turns this off. Unit: seconds.

    Allowed: a number of seconds from 0.001 to 31536000, or None. Default: None."""

    data_idle_timeout: float | None
    """End the connection after this time without an inbound message. None turns this off. Unit: seconds.

    Allowed: a number of seconds from 0.001 to 31536000, or None. Default: None."""

    heartbeat: HeartbeatOptions | None
    """The text heartbeat.

    Allowed: a dict of options with message, or None. Default: None."""

    reconnect: bool | ReconnectOptions | None
    """Whether and how to reconnect after a connection is lost.

    Allowed: True, False or a dict of options. Default: False."""

    send_queue: bool | SendQueueOptions | None
    """Keep messages while the connection is down, and send them on the next one. Only with `reconnect`.

    Allowed: True, False or a dict of options. Default: False."""

    ready: ReadyOptions | Callable[[Any], Any] | None
    """The login of each connection. Until it is done the send queue, `request()` and sends with a rate limit wait; then the event `ready` follows.

    Allowed: a dict of options, or None, or a function that is called with the socket. Default: None."""

    request: RequestOptions
    """How requests and replies differ from other messages, and the defaults of `request()`.

    Allowed: a dict of options."""

    rate_limit: RateLimitOptions | None
    """How many messages may be sent in a span of time. Further messages wait. None means no limit.

    Allowed: a dict of options with messages, or None. Default: None."""

    compression: bool | CompressionOptions | None
    """permessage-deflate (RFC 7692).

    Allowed: True, False or a dict of options. Default: True."""

    max_size: int
    """The largest message to receive, in bytes after inflation. Unit: bytes.

    Allowed: a whole number of bytes, at least 1. Default: 16777216."""

    read_limit: int
    """Stop reading the connection while this many bytes of messages wait for handlers. Unit: bytes.

    Allowed: a whole number of bytes, at least 1. Default: 1048576."""

    deliver_after_close: bool
    """Deliver the messages that arrive after our own `close()` and before the server's Close. The standard drops them.

    Allowed: True or False. Default: False."""

    write_limit: int
    """Above this many unsent bytes an asynchronous or blocking `send` waits. A `drain` event follows when they have left. Unit: bytes.

    Allowed: a whole number of bytes, at least 1. Default: 1048576."""

    max_buffered: int
    """Above this many unsent bytes `send` fails with `write_limit`. Unit: bytes.

    Allowed: a whole number of bytes, at least 1. Default: 67108864."""

    tls: TlsOptions
    """TLS.

    Allowed: a dict of options."""

    proxy: bool | str | None
    """The proxy: from the environment, none, or a URL (http, https, socks4a, socks5, socks5h; socks is socks5h).

    Allowed: True (the environment's), False (none), or a URL whose scheme is one of http, https, socks, socks4a, socks5, socks5h. Default: True."""

    follow_redirects: int
    """How many redirects of the upgrade request to follow. With 0 a redirect is an error, as in the WHATWG standard.

    Allowed: a whole number from 0 to 20. Default: 0."""

    allow_insecure_redirect: bool
    """Whether a redirect may lead from wss to ws.

    Allowed: True or False. Default: False."""

    connect_to: str | None
    """Connect to this host and port instead of the URL's: `host`, `host:port` or `[IPv6 address%zone]:port`. TLS and the `Host` header still name the URL's host. A redirect to another host and port is followed there.

    Allowed: a host, host:port or [IPv6 address%zone]:port, or None. Default: None."""

    unix_socket: str | os.PathLike[str] | None
    """Connect to this unix socket instead of the URL's host.

    Allowed: the path of a file, or None. Default: None."""

    local_address: str | None
    """The local IP address to connect from.

    Allowed: an IP address, or None. Default: None."""

    tcp_nodelay: bool
    """Send small messages at once (`TCP_NODELAY`).

    Allowed: True or False. Default: True."""

    tcp_keepalive: float | None
    """How long a TCP connection is idle before the kernel probes it. None turns probes off. Unit: seconds.

    Allowed: a number of seconds from 1 to 31536000, or None. Default: None."""

    address_family: Literal["any", "ipv4", "ipv6"]
    """Which kind of address to use.

    Allowed: "any", "ipv4" or "ipv6". Default: "any"."""

    happy_eyeballs_delay: float
    """How long to wait for one address before the next kind is tried beside it (RFC 8305). Unit: seconds.

    Allowed: a number of seconds from 0 to 31536000. Default: 0.25."""

    connect_limit: int
    """How many sockets of this process may connect to one host and port at the same time. RFC 6455 section 4.1 says one.

    Allowed: a whole number from 1 to 4294967295. Default: 1."""

    connect_limit_until: Literal["auto", "open", "tls"]
    """Until when a socket counts for `connect_limit`: until it is `open`, as in browsers, or until TCP and TLS are done (`tls`), as RFC 6455 section 4.1 has it. `auto` is `open` for the class `WebSocket`, and `tls` for `connect()` and the Rust API.

    Allowed: "auto", "open" or "tls". Default: "auto"."""

    driver: Literal["auto", "host", "background"]
    """The driver of the open connection: the host's own event loop (`host`), a thread of Heartwire (`background`), or the loop if it can and otherwise the thread (`auto`). The program sees no difference. `host` is an error if no loop can drive the connection.

    Allowed: "auto", "host" or "background". Default: "auto"."""

    keeper: bool | float | None
    """If a handler blocks the event loop for this long while data or a deadline waits, a thread of Heartwire takes over until the loop is back: it answers pings, sends heartbeats, and reads up to `read_limit`. Off never takes over. Unit: seconds.

    Allowed: True, False or a number of seconds from 0.001 to 31536000. Default: True."""
