// Made from core/proto/src/options/mod.rs by `BLESS=1 cargo test -p heartwire --test reference`; do not edit.

import type { CloseEvent, WebSocket } from './types.js'

/** A value, or a function that gives it each time it is needed, at once or as a promise. */
export type Provided<T> = T | (() => T | Promise<T>)

/** Names with their values, in order where it is an iterable; `Headers` and `Map` are such. A list stands for several of the same name. */
export type NamedValues = Readonly<Record<string, string | readonly string[]>> | Iterable<readonly [string, string | readonly string[]]>

/** What a heartbeat sends: text, bytes, or any JSON value, which is sent as its JSON text. */
export type HeartbeatMessage = string | ArrayBuffer | ArrayBufferView | object

/** The options of a socket. Without any, a socket behaves as the browser's does, and its connection stays alive. */
export interface WebSocketOptions {
  /**
   * Subprotocols to offer, in order of preference.
   * Allowed: a text or a list of texts, or a function that returns that.
   * @default []
   */
  protocols?: Provided<string | Iterable<string>>
  /**
   * Headers to send with the upgrade request, in this order and spelling. A `Host` header replaces that of the URL.
   * Allowed: an object of texts, or a list of pairs, or a function that returns that.
   * @default []
   */
  headers?: Provided<NamedValues>
  /**
   * Cookies to send with the upgrade request.
   * Allowed: an object of texts, or a list of pairs.
   * @default []
   */
  cookies?: NamedValues
  /**
   * User name and password for Basic authorization. The default is those of the URL.
   * Allowed: a pair of user name and password, or null.
   * @default null
   */
  auth?: readonly [user: string, password: string] | null
  /**
   * The Origin header.
   * Allowed: a text without control characters, or null.
   * @default null
   */
  origin?: string | null
  /**
   * The User-Agent header. An empty text sends no such header.
   * Allowed: a text without control characters.
   * @default "heartwire/0.1.0"
   */
  userAgent?: string
  /**
   * The time limit for opening, from the call to the end of the upgrade, with the wait for `connect_limit`. None means no limit.
   * Unit: milliseconds.
   * Allowed: a number of milliseconds from 1 to 31536000000, or null.
   * @default 10000
   */
  openTimeout?: number | null
  /**
   * The time limit for the closing handshake. It starts again whenever the peer acknowledges data that was queued before our Close.
   * Unit: milliseconds.
   * Allowed: a number of milliseconds from 1 to 31536000000.
   * @default 5000
   */
  closeTimeout?: number
  /**
   * Send Close 1001 when the process ends: by a normal exit, an uncaught exception or a signal. The value is the time limit for it. Off sends no Close.
   * Unit: milliseconds.
   * Allowed: true, false or a number of milliseconds from 1 to 31536000000.
   * @default true
   */
  closeOnExit?: boolean | number | null
  /**
   * Send a ping after this time without inbound data. None sends no pings.
   * Unit: milliseconds.
   * Allowed: a number of milliseconds from 1 to 31536000000, or null.
   * @default 20000
   */
  pingInterval?: number | null
  /**
   * End the connection if, within this time after a ping, nothing arrives and the peer acknowledges no queued data. None waits for ever.
   * Unit: milliseconds.
   * Allowed: a number of milliseconds from 1 to 31536000000, or null.
   * @default 20000
   */
  pingTimeout?: number | null
  /**
   * End the connection after this time without any inbound data. None turns this off.
   * Unit: milliseconds.
   * Allowed: a number of milliseconds from 1 to 31536000000, or null.
   * @default null
   */
  idleTimeout?: number | null
  /**
   * End the connection after this time without an inbound message. None turns this off.
   * Unit: milliseconds.
   * Allowed: a number of milliseconds from 1 to 31536000000, or null.
   * @default null
   */
  dataIdleTimeout?: number | null
  /**
   * The text heartbeat.
   * Allowed: an object of options with message, or null.
   * @default null
   */
  heartbeat?: HeartbeatOptions | null
  /**
   * Whether and how to reconnect after a connection is lost.
   * Allowed: true, false or an object of options.
   * @default false
   */
  reconnect?: boolean | ReconnectOptions | null
  /**
   * Keep messages while the connection is down, and send them on the next one. Only with `reconnect`.
   * Allowed: true, false or an object of options.
   * @default false
   */
  sendQueue?: boolean | SendQueueOptions | null
  /**
   * The login of each connection. Until it is done the send queue, `request()` and sends with a rate limit wait; then the event `ready` follows.
   * Allowed: an object of options, or null, or a function that is called with the socket.
   * @default null
   */
  ready?: ReadyOptions | ((socket: WebSocket) => unknown) | null
  /**
   * How requests and replies differ from other messages, and the defaults of `request()`.
   * Allowed: an object of options.
   */
  request?: RequestOptions
  /**
   * How many messages may be sent in a span of time. Further messages wait. None means no limit.
   * Allowed: an object of options with messages, or null.
   * @default null
   */
  rateLimit?: RateLimitOptions | null
  /**
   * permessage-deflate (RFC 7692).
   * Allowed: true, false or an object of options.
   * @default true
   */
  compression?: boolean | CompressionOptions | null
  /**
   * The largest message to receive, in bytes after inflation.
   * Unit: bytes.
   * Allowed: a whole number of bytes, at least 1.
   * @default 16777216
   */
  maxSize?: number
  /**
   * Stop reading the connection while this many bytes of messages wait for handlers.
   * Unit: bytes.
   * Allowed: a whole number of bytes, at least 1.
   * @default 1048576
   */
  readLimit?: number
  /**
   * Deliver the messages that arrive after our own `close()` and before the server's Close. The standard drops them.
   * Allowed: true or false.
   * @default false
   */
  deliverAfterClose?: boolean
  /**
   * Above this many unsent bytes an asynchronous or blocking `send` waits. A `drain` event follows when they have left.
   * Unit: bytes.
   * Allowed: a whole number of bytes, at least 1.
   * @default 1048576
   */
  writeLimit?: number
  /**
   * Above this many unsent bytes `send` fails with `write_limit`.
   * Unit: bytes.
   * Allowed: a whole number of bytes, at least 1.
   * @default 67108864
   */
  maxBuffered?: number
  /**
   * TLS.
   * Allowed: an object of options.
   */
  tls?: TlsOptions
  /**
   * The proxy: from the environment, none, or a URL (http, https, socks4a, socks5, socks5h; socks is socks5h).
   * Allowed: true (the environment's), false (none), or a URL whose scheme is one of http, https, socks, socks4a, socks5, socks5h.
   * @default true
   */
  proxy?: boolean | string | null
  /**
   * How many redirects of the upgrade request to follow. With 0 a redirect is an error, as in the WHATWG standard.
   * Allowed: a whole number from 0 to 20.
   * @default 0
   */
  followRedirects?: number
  /**
   * Whether a redirect may lead from wss to ws.
   * Allowed: true or false.
   * @default false
   */
  allowInsecureRedirect?: boolean
  /**
   * Connect to this host and port instead of the URL's: `host`, `host:port` or `[IPv6 address%zone]:port`. TLS and the `Host` header still name the URL's host. A redirect to another host and port is followed there.
   * Allowed: a host, host:port or [IPv6 address%zone]:port, or null.
   * @default null
   */
  connectTo?: string | null
  /**
   * Connect to this unix socket instead of the URL's host.
   * Allowed: the path of a file, or null.
   * @default null
   */
  unixSocket?: string | null
  /**
   * The local IP address to connect from.
   * Allowed: an IP address, or null.
   * @default null
   */
  localAddress?: string | null
  /**
   * Send small messages at once (`TCP_NODELAY`).
   * Allowed: true or false.
   * @default true
   */
  tcpNodelay?: boolean
  /**
   * How long a TCP connection is idle before the kernel probes it. None turns probes off.
   * Unit: milliseconds.
   * Allowed: a number of milliseconds from 1000 to 31536000000, or null.
   * @default null
   */
  tcpKeepalive?: number | null
  /**
   * Which kind of address to use.
   * Allowed: "any", "ipv4" or "ipv6".
   * @default "any"
   */
  addressFamily?: "any" | "ipv4" | "ipv6"
  /**
   * How long to wait for one address before the next kind is tried beside it (RFC 8305).
   * Unit: milliseconds.
   * Allowed: a number of milliseconds from 0 to 31536000000.
   * @default 250
   */
  happyEyeballsDelay?: number
  /**
   * How many sockets of this process may connect to one host and port at the same time. RFC 6455 section 4.1 says one.
   * Allowed: a whole number from 1 to 4294967295.
   * @default 1
   */
  connectLimit?: number
  /**
   * Until when a socket counts for `connect_limit`: until it is `open`, as in browsers, or until TCP and TLS are done (`tls`), as RFC 6455 section 4.1 has it. `auto` is `open` for the class `WebSocket`, and `tls` for `connect()` and the Rust API.
   * Allowed: "auto", "open" or "tls".
   * @default "auto"
   */
  connectLimitUntil?: "auto" | "open" | "tls"
  /**
   * The driver of the open connection: the host's own event loop (`host`), a thread of Heartwire (`background`), or the loop if it can and otherwise the thread (`auto`). The program sees no difference. `host` is an error if no loop can drive the connection.
   * Allowed: "auto", "host" or "background".
   * @default "auto"
   */
  driver?: "auto" | "host" | "background"
  /**
   * If a handler blocks the event loop for this long while data or a deadline waits, a thread of Heartwire takes over until the loop is back: it answers pings, sends heartbeats, and reads up to `read_limit`. Off never takes over.
   * Unit: milliseconds.
   * Allowed: true, false or a number of milliseconds from 1 to 31536000000.
   * @default true
   */
  keeper?: boolean | number | null
  /**
   * Deliver the messages of one read without running microtasks between them. This is faster under a flood, but code that awaits the next message may miss one.
   * Allowed: true or false.
   * @default false
   */
  allowSynchronousEvents?: boolean
  /**
   * Ends the socket when it is aborted, as `terminate()` does.
   * Allowed: an AbortSignal.
   */
  signal?: AbortSignal
}

/** The text heartbeat: its message, its interval, and its response. */
export interface HeartbeatOptions {
  /**
   * What to send: text, bytes, or any JSON value, which is sent as its JSON text. A function is called for each.
   * Allowed: a text, bytes or a JSON value, or a function that returns one of them.
   */
  message: Provided<HeartbeatMessage>
  /**
   * The time between two heartbeats.
   * Unit: milliseconds.
   * Allowed: a number of milliseconds from 1 to 31536000000.
   * @default 60000
   */
  interval?: number
  /**
   * The expected response: exactly this text, or a message that contains this JSON object. None accepts any inbound frame.
   * Allowed: a text, or a JSON object or array, or null.
   * @default null
   */
  response?: string | object | null
  /**
   * The time limit for the response to a heartbeat, with the rule of `ping_timeout`. None expects no response.
   * Unit: milliseconds.
   * Allowed: a number of milliseconds from 1 to 31536000000, or null.
   * @default null
   */
  timeout?: number | null
  /**
   * End the connection after this many missed responses in a row. With `reconnect` another one follows.
   * Allowed: a whole number from 1 to 1000.
   * @default 1
   */
  maxMissed?: number
  /**
   * The close code to send when responses are missing.
   * Allowed: a whole number from 1000 to 4999.
   * @default 1001
   */
  closeCode?: number
  /**
   * Copy received values into the heartbeat: `{"/d": "/s"}` copies the last value that a message had at `/s` to `/d` of each heartbeat. A message counts as soon as it is read, also while a handler is busy. Null and missing values do not count. Only for JSON text.
   * Allowed: an object of JSON pointers (RFC 6901), such as {"/d": "/s"}.
   */
  fill?: Readonly<Record<string, string>>
  /**
   * Send a heartbeat only if nothing else was sent for `interval`.
   * Allowed: true or false.
   * @default false
   */
  onlyWhenIdle?: boolean
  /**
   * The random share of the first interval, 0 to 1, so that many clients do not send at the same moment.
   * Allowed: a number from 0 to 1.
   * @default 0
   */
  jitter?: number
  /**
   * Whether a function given for `message` must be called each time. If not, its last value is sent again while the event loop is busy.
   * Allowed: true or false.
   * @default false
   */
  mandatory?: boolean
}

/** How to reconnect after a connection is lost: exponential backoff with full jitter. */
export interface ReconnectOptions {
  /**
   * The smallest upper bound of the random delay.
   * Unit: milliseconds.
   * Allowed: a number of milliseconds from 0 to 31536000000.
   * @default 500
   */
  minDelay?: number
  /**
   * The largest upper bound of the random delay.
   * Unit: milliseconds.
   * Allowed: a number of milliseconds from 0 to 31536000000.
   * @default 30000
   */
  maxDelay?: number
  /**
   * The factor by which the upper bound grows after each failure.
   * Allowed: a number from 1 to 100.
   * @default 2
   */
  factor?: number
  /**
   * How many attempts in a row may fail before the socket stays closed. None means no limit.
   * Allowed: a whole number from 0 to 4294967295, or null.
   * @default null
   */
  maxRetries?: number | null
  /**
   * How long a connection must be open before the counters start again.
   * Unit: milliseconds.
   * Allowed: a number of milliseconds from 0 to 31536000000.
   * @default 10000
   */
  minUptime?: number
  /**
   * How many times the server may refuse for good (401, 403, 407, `fatal_close_codes`) before the socket stays closed. None means 1, or 2 if the URL, headers or protocols are a function, so that a fresh token gets its chance.
   * Allowed: a whole number from 0 to 4294967295, or null.
   * @default null
   */
  maxAuthFailures?: number | null
  /**
   * Whether to try again if the very first attempt fails.
   * Allowed: true or false.
   * @default true
   */
  retryOnFirstConnect?: boolean
  /**
   * The longest wait that a server may ask for with Retry-After. None means no limit.
   * Unit: milliseconds.
   * Allowed: a number of milliseconds from 0 to 31536000000, or null.
   * @default 3600000
   */
  maxRetryAfter?: number | null
  /**
   * The close codes after which the socket stays closed. They replace the default list.
   * Allowed: a list; each item a whole number from 1000 to 4999.
   * @default [1002,1003,1007,1008,1010,3000,4001,4003,4004]
   */
  fatalCloseCodes?: readonly number[]
  /**
   * Close codes to remove from `fatal_close_codes`.
   * Allowed: a list; each item a whole number from 1000 to 4999.
   * @default []
   */
  retryCloseCodes?: readonly number[]
  /**
   * The message with which the server asks its clients to connect again: exactly this text, or a message that contains this JSON object. Another connection then follows at once, as after `reconnect()`. The program still gets the message as a `message` event.
   * Allowed: a text, or a JSON object or array, or null.
   * @default null
   */
  on?: string | object | null
  /**
   * Where that message has the URL for the one attempt that follows. Without a URL there, that attempt uses the socket's URL.
   * Allowed: a JSON pointer (RFC 6901) such as "/id", or null.
   * @default null
   */
  url?: string | null
  /**
   * Whether the new connection is opened, and logged in by `ready`, before the present one is closed. No message is lost in between.
   * Allowed: true or false.
   * @default false
   */
  overlap?: boolean
  /**
   * The close code that the server gets when such a message has come.
   * Allowed: a whole number from 1000 to 4999.
   * @default 1000
   */
  closeCode?: number
  /**
   * Called with the close event after each end, except that of `close()`. The event's `will_reconnect` is the decision of the rules. True tries again, false stays closed, and no value accepts the decision.
   * Allowed: a function, or null.
   */
  shouldReconnect?: (event: CloseEvent) => boolean | null | undefined | void | Promise<boolean | null | undefined | void> | null
}

/** Messages kept while the connection is down. */
export interface SendQueueOptions {
  /**
   * How many messages to keep.
   * Allowed: a whole number, at least 1.
   * @default 256
   */
  maxMessages?: number
  /**
   * How many bytes to keep.
   * Unit: bytes.
   * Allowed: a whole number of bytes, at least 1.
   * @default 1048576
   */
  maxBytes?: number
  /**
   * How long a message may wait. After that it is dropped. None means for ever.
   * Unit: milliseconds.
   * Allowed: a number of milliseconds from 1 to 31536000000, or null.
   * @default 30000
   */
  ttl?: number | null
  /**
   * What to do with a message when the queue is full.
   * Allowed: "error", "drop_oldest" or "drop_newest".
   * @default "error"
   */
  overflow?: "error" | "drop_oldest" | "drop_newest"
}

/** The login: the first message of each connection, the server's answer, and the time limit. A function in the place of these options, or as `run`, is called with the socket instead. */
export interface ReadyOptions {
  /**
   * What to send: text, bytes, or any JSON value, which is sent as its JSON text. It leaves while a handler is busy, too.
   * Allowed: a text, bytes or a JSON value, or null.
   * @default null
   */
  send?: Provided<HeartbeatMessage> | null
  /**
   * The answer that accepts the login: exactly this text, or a message that contains this JSON object. None expects no answer.
   * Allowed: a text, or a JSON object or array, or null.
   * @default null
   */
  expect?: string | object | null
  /**
   * The answer that refuses the login. It ends the connection with `ready_rejected`, which counts against `max_auth_failures`.
   * Allowed: a text, or a JSON object or array, or null.
   * @default null
   */
  reject?: string | object | null
  /**
   * The time limit for the login. After it the connection ends with `ready_timeout`.
   * Unit: milliseconds.
   * Allowed: a number of milliseconds from 1 to 31536000000.
   * @default 10000
   */
  timeout?: number
  /**
   * Called with the socket on each connection, instead of `send` and `expect`: the login is done when it returns. `False` rejects; an error ends the connection, and with `reconnect` the next one follows.
   * Allowed: a function, or null.
   */
  run?: (socket: WebSocket) => unknown | null
}

/** How requests and replies differ from other messages, and the defaults of `request()`. */
export interface RequestOptions {
  /**
   * The place of the id in a request. A request without an id gets a number.
   * Allowed: a JSON pointer (RFC 6901) such as "/id".
   * @default "/id"
   */
  id?: string
  /**
   * The place of the request's id in a reply. None means the same place.
   * Allowed: a JSON pointer (RFC 6901) such as "/id", or null.
   * @default null
   */
  responseId?: string | null
  /**
   * The replies that are errors. For them `request()` fails with `request_failed`.
   * Allowed: a text, or a JSON object or array, or null.
   * @default null
   */
  error?: string | object | null
  /**
   * The time limit for a reply, from the call. None means no limit.
   * Unit: milliseconds.
   * Allowed: a number of milliseconds from 1 to 31536000000, or null.
   * @default 30000
   */
  timeout?: number | null
  /**
   * Whether a request is sent again on the next connection if the present one ends before the reply.
   * Allowed: true or false.
   * @default false
   */
  resend?: boolean
  /**
   * Whether replies are `message` events, too.
   * Allowed: true or false.
   * @default false
   */
  deliver?: boolean
  /**
   * How many requests may wait for their replies.
   * Allowed: a whole number, at least 1.
   * @default 1024
   */
  maxPending?: number
}

/** How many messages may be sent in a span of time. No span of that length ever holds more. Further messages wait, in order. */
export interface RateLimitOptions {
  /**
   * How many messages.
   * Allowed: a whole number from 1 to 1000000.
   */
  messages: number
  /**
   * The span of time.
   * Allowed: a number of milliseconds from 1 to 31536000000.
   */
  per: number
  /**
   * How many may leave at once. The others leave at an even pace. None means all of them.
   * Allowed: a whole number from 1 to 1000000, or null.
   * @default null
   */
  burst?: number | null
  /**
   * How many of them are reserved for heartbeats, the login, pongs, and sends marked as urgent. None means a tenth, and at least one.
   * Allowed: a whole number, at least 0, or null.
   * @default null
   */
  reserve?: number | null
  /**
   * Whether each connection starts from zero, or all connections of the socket count together.
   * Allowed: "connection" or "socket".
   * @default "connection"
   */
  scope?: "connection" | "socket"
  /**
   * The limit for each key of `send(data, key=...)`, such as a chat's name. A key that has to wait delays no other.
   * Allowed: an object of options with messages, or null.
   * @default null
   */
  keys?: KeyLimitOptions | null
  /**
   * How many messages may wait.
   * Allowed: a whole number, at least 1.
   * @default 256
   */
  maxMessages?: number
  /**
   * How many bytes may wait.
   * Unit: bytes.
   * Allowed: a whole number of bytes, at least 1.
   * @default 1048576
   */
  maxBytes?: number
  /**
   * What to do with a message when the line of waiting messages is full.
   * Allowed: "error", "drop_oldest" or "drop_newest".
   * @default "error"
   */
  overflow?: "error" | "drop_oldest" | "drop_newest"
}

/** How many messages with one key may be sent in a time. */
export interface KeyLimitOptions {
  /**
   * How many messages.
   * Allowed: a whole number from 1 to 1000000.
   */
  messages: number
  /**
   * The span of time.
   * Allowed: a number of milliseconds from 1 to 31536000000.
   */
  per: number
  /**
   * How many may leave at once. The others leave at an even pace. None means all of them.
   * Allowed: a whole number from 1 to 1000000, or null.
   * @default null
   */
  burst?: number | null
}

/** permessage-deflate (RFC 7692). A connection then holds up to 48 KiB more after the server has sent a compressed message (nothing, if the server keeps no context), and up to 9 KiB more after we have, which it gives back within 15 quiet seconds. The process shares its encoders: at most 16, of some 330 KiB each. */
export interface CompressionOptions {
  /**
   * Messages below this many bytes are sent uncompressed: compression would save little, and nothing without context takeover.
   * Unit: bytes.
   * Allowed: a whole number of bytes, at least 0.
   * @default 128
   */
  threshold?: number
  /**
   * 1 (fast) to 9 (small). For JSON of a chat, 2 makes messages 2 to 25 % smaller than 1, and takes 2 to 12 times as long.
   * Allowed: a whole number from 1 to 9.
   * @default 1
   */
  level?: number
  /**
   * The largest window that we use to compress, as the exponent of two, 9 to 15.
   * Allowed: a whole number from 9 to 15.
   * @default 15
   */
  clientMaxWindowBits?: number
  /**
   * The largest window that the server may use, as the exponent of two, 8 to 15.
   * Allowed: a whole number from 8 to 15.
   * @default 15
   */
  serverMaxWindowBits?: number
  /**
   * Start each message of ours with an empty window.
   * Allowed: true or false.
   * @default false
   */
  clientNoContextTakeover?: boolean
  /**
   * Ask the server to start each message with an empty window.
   * Allowed: true or false.
   * @default false
   */
  serverNoContextTakeover?: boolean
}

/** TLS. Without `ca` the platform's trust store is used. */
export interface TlsOptions {
  /**
   * Certificates to trust, as PEM or the path of a PEM file; the platform's are then not trusted. A server's own certificate may be one of them: then its name and dates are checked, and no issuer.
   * Allowed: PEM as a text or bytes, or the path of a PEM file, or null.
   * @default null
   */
  ca?: string | Uint8Array | null
  /**
   * The client's certificate chain, as PEM or the path of a PEM file, which may hold the key too. The server judges it.
   * Allowed: PEM as a text or bytes, or the path of a PEM file, or null.
   * @default null
   */
  cert?: string | Uint8Array | null
  /**
   * The client's private key (PKCS#8, PKCS#1 or SEC1), as PEM or the path of a PEM file.
   * Allowed: PEM as a text or bytes, or the path of a PEM file, or null.
   * @default null
   */
  key?: string | Uint8Array | null
  /**
   * The password of an encrypted private key (PKCS#8). It is not used for a key that is not encrypted.
   * Allowed: a text, or null.
   * @default null
   */
  password?: string | null
  /**
   * The name to ask for and to check instead of the URL's host.
   * Allowed: a host name or an IP address, or null.
   * @default null
   */
  serverName?: string | null
  /**
   * Whether to check the server's certificate. If off, each connection causes a warning.
   * Allowed: true or false.
   * @default true
   */
  verify?: boolean
  /**
   * Whether to write the session's secrets to the file that the environment variable SSLKEYLOGFILE names.
   * Allowed: true or false.
   * @default false
   */
  keylog?: boolean
  /**
   * The lowest version to speak.
   * Allowed: "1.2" or "1.3".
   * @default "1.2"
   */
  minVersion?: "1.2" | "1.3"
}
