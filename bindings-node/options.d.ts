// Made from core/proto/src/options/mod.rs by `BLESS=1 cargo test -p heartwire --test reference`; do not edit.

import type { CloseEvent, WebSocket } from './types.js'

/** A value, or a function that gives it each time it is needed, at once or as a promise. */
export type Provided<T> = T | (() => T | Promise<T>)

/** Names with their values, in order where it is an iterable; `Headers` and `Map` are such. A list stands for several of the same name. */
export type NamedValues = Readonly<Record<string, string | readonly string[]>> | Iterable<readonly [string, string | readonly string[]]>

/** What a heartbeat sends: text, bytes, or any JSON value, which is sent as its JSON text. */
export type HeartbeatMessage = string | ArrayBuffer | ArrayBufferView | object

/** Everything that can be set on a socket. Without any, it behaves as the browser's does, and stays alive. */
export interface WebSocketOptions {
  /**
   * Subprotocols to offer, in order of preference.
   * Allowed: a text or a list of texts, or a function that returns that.
   * @default []
   */
  protocols?: Provided<string | Iterable<string>>
  /**
   * Headers to send with the upgrade request, in this order and spelling. A Host of your own stands for that of the URL.
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
   * User name and password for Basic authorization; those of the URL are used where this is not given.
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
   * The User-Agent header; an empty text sends none.
   * Allowed: a text without control characters.
   * @default "heartwire/0.1.0"
   */
  userAgent?: string
  /**
   * How long opening may take, from the call to the upgrade, the wait for `connect_limit` included; none: no limit.
   * Unit: milliseconds.
   * Allowed: a number of milliseconds from 1 to 31536000000, or null.
   * @default 10000
   */
  openTimeout?: number | null
  /**
   * How long the closing handshake may take, from when the peer has last taken some of what was to leave before our Close.
   * Unit: milliseconds.
   * Allowed: a number of milliseconds from 1 to 31536000000.
   * @default 5000
   */
  closeTimeout?: number
  /**
   * How long on normal exit, uncaught exception and signals the goodbye (Close 1001) may take; off: no goodbye.
   * Unit: milliseconds.
   * Allowed: true, false or a number of milliseconds from 1 to 31536000000.
   * @default true
   */
  closeOnExit?: boolean | number | null
  /**
   * How long nothing may come before a ping is sent; none: no pings.
   * Unit: milliseconds.
   * Allowed: a number of milliseconds from 1 to 31536000000, or null.
   * @default 20000
   */
  pingInterval?: number | null
  /**
   * How long after a ping anything must have come, or the peer have taken some of what was to leave before it; none: wait for ever.
   * Unit: milliseconds.
   * Allowed: a number of milliseconds from 1 to 31536000000, or null.
   * @default 20000
   */
  pingTimeout?: number | null
  /**
   * How long nothing at all may come before the connection counts as dead; none: off.
   * Unit: milliseconds.
   * Allowed: a number of milliseconds from 1 to 31536000000, or null.
   * @default null
   */
  idleTimeout?: number | null
  /**
   * How long no data message may come before the connection counts as dead; none: off.
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
   * Whether and how to come back after a loss.
   * Allowed: true, false or an object of options.
   * @default false
   */
  reconnect?: boolean | ReconnectOptions | null
  /**
   * Messages to keep while the connection is down; only with reconnect.
   * Allowed: true, false or an object of options.
   * @default false
   */
  sendQueue?: boolean | SendQueueOptions | null
  /**
   * The login of each connection. Until it is done the send queue, `request()` and sends with a rate limit wait; then `ready` is told.
   * Allowed: an object of options, or null, or a function that is called with the socket.
   * @default null
   */
  ready?: ReadyOptions | ((socket: WebSocket) => unknown) | null
  /**
   * How requests and replies are told from other messages, and what `request()` does unless it is told otherwise.
   * Allowed: an object of options.
   */
  request?: RequestOptions
  /**
   * How many messages may be sent in a time; what is over waits. None: no limit.
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
   * How many bytes of messages may wait for handlers before the socket is no longer read.
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
   * How many bytes may wait to leave before `send` waits where it can, and `drain` tells when they have left.
   * Unit: bytes.
   * Allowed: a whole number of bytes, at least 1.
   * @default 1048576
   */
  writeLimit?: number
  /**
   * How many bytes may wait to leave before `send` raises `write_limit`.
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
   * How many redirects of the upgrade request to follow; 0: a redirect is an error, as the standard has it.
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
   * Connect to this host and port instead of the URL's: `host`, `host:port` or `[IPv6 address%zone]:port`. TLS and Host still name the URL's host. A redirect to another host and port is followed there.
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
   * How long an idle TCP connection waits before the kernel probes it; none: off.
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
   * How many sockets of this process may be connecting to one host and port at a time (RFC 6455 section 4.1 says one).
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
   * Who drives the open connection: the host's own event loop (`host`), a thread of Heartwire (`background`), or the loop where it can and the thread where not (`auto`). What a program sees is the same; `host` is refused where no loop can.
   * Allowed: "auto", "host" or "background".
   * @default "auto"
   */
  driver?: "auto" | "host" | "background"
  /**
   * How long bytes or a passed deadline may wait for the host's event loop before a thread of Heartwire stands in for it, which answers pings, sends heartbeats and reads on up to `read_limit`, until the loop is back; off: never.
   * Unit: milliseconds.
   * Allowed: true, false or a number of milliseconds from 1 to 31536000000.
   * @default true
   */
  keeper?: boolean | number | null
  /**
   * Deliver the messages of one read without a turn of the event loop's microtasks between them: faster under a flood, but `await` of the next message may then miss one.
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

/** The text heartbeat: what is sent, how often, and what counts as its response. */
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
   * What counts as the response: exactly this text, a message that contains this JSON object, or any inbound frame (none).
   * Allowed: a text or a JSON value, or null.
   * @default null
   */
  response?: string | object | null
  /**
   * How long after a heartbeat, as after a ping, its response must have come; none: nothing is awaited.
   * Unit: milliseconds.
   * Allowed: a number of milliseconds from 1 to 31536000000, or null.
   * @default null
   */
  timeout?: number | null
  /**
   * How many responses in a row may be missed before the connection counts as dead; with `reconnect` it is then replaced by another one.
   * Allowed: a whole number from 1 to 1000.
   * @default 1
   */
  maxMissed?: number
  /**
   * The close code that the server is told when the connection counts as dead for lack of responses.
   * Allowed: a whole number from 1000 to 4999.
   * @default 1001
   */
  closeCode?: number
  /**
   * Which values that came go into the message: `{"/d": "/s"}` puts the last value that a message had at `/s` into each heartbeat, at `/d`. A message counts as soon as it is read, also while a handler is busy; null and missing values do not count. Only for JSON text.
   * Allowed: an object of JSON pointers (RFC 6901), such as {"/d": "/s"}.
   */
  fill?: Readonly<Record<string, string>>
  /**
   * Send only if nothing was sent for `interval`.
   * Allowed: true or false.
   * @default false
   */
  onlyWhenIdle?: boolean
  /**
   * The share of the first interval that is random, 0 to 1, so that many clients do not beat together.
   * Allowed: a number from 0 to 1.
   * @default 0
   */
  jitter?: number
  /**
   * Whether a function given for `message` must be asked each time; if not, its last value is sent again while the host is busy.
   * Allowed: true or false.
   * @default false
   */
  mandatory?: boolean
}

/** How to come back after a loss: full-jitter exponential backoff. */
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
   * What the upper bound is multiplied with after each failure.
   * Allowed: a number from 1 to 100.
   * @default 2
   */
  factor?: number
  /**
   * How many attempts in a row may fail before it stays closed; none: no limit.
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
   * How many times the server may say "do not come back" (401, 403, 407, `fatal_close_codes`) before it stays closed; none: 1, or 2 where the URL, headers or protocols are a function, so that a fresh token gets its chance.
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
   * The most that is waited because a server asked for it with Retry-After; none: as long as it asks for.
   * Unit: milliseconds.
   * Allowed: a number of milliseconds from 0 to 31536000000, or null.
   * @default 3600000
   */
  maxRetryAfter?: number | null
  /**
   * The close codes that mean "do not come back", instead of these.
   * Allowed: a list; each item a whole number from 1000 to 4999.
   * @default [1002,1003,1007,1008,1010,3000,4001,4003,4004]
   */
  fatalCloseCodes?: readonly number[]
  /**
   * Close codes to take off `fatal_close_codes`.
   * Allowed: a list; each item a whole number from 1000 to 4999.
   * @default []
   */
  retryCloseCodes?: readonly number[]
  /**
   * Asked after each end but that of `close()`, with the close event, whose `will_reconnect` is what the rules say: true tries again, false stays closed, nothing leaves it to the rules.
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
   * How long a message is worth sending; none: for ever.
   * Unit: milliseconds.
   * Allowed: a number of milliseconds from 1 to 31536000000, or null.
   * @default 30000
   */
  ttl?: number | null
  /**
   * What to do with a message that finds the queue full.
   * Allowed: "error", "drop_oldest" or "drop_newest".
   * @default "error"
   */
  overflow?: "error" | "drop_oldest" | "drop_newest"
}

/** The login: what is sent first on each connection, what the server answers, and how long that may take. A function in the place of these options, or as `run`, is called with the socket instead. */
export interface ReadyOptions {
  /**
   * What to send: text, bytes, or any JSON value, which is sent as its JSON text. It leaves while a handler is busy, too.
   * Allowed: a text, bytes or a JSON value, or null.
   * @default null
   */
  send?: Provided<HeartbeatMessage> | null
  /**
   * What the server answers when it has accepted: exactly this text, or a message that contains this JSON object; none: no answer is awaited.
   * Allowed: a text or a JSON value, or null.
   * @default null
   */
  expect?: string | object | null
  /**
   * What the server answers when it refuses: it ends the connection with `ready_rejected`, which counts against `max_auth_failures`.
   * Allowed: a text or a JSON value, or null.
   * @default null
   */
  reject?: string | object | null
  /**
   * How long the login may take before the connection is ended with `ready_timeout`.
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

/** How requests and replies are told from other messages, and what `request()` does unless it is told otherwise. */
export interface RequestOptions {
  /**
   * Where a request has its id. A request without one gets a number.
   * Allowed: a JSON pointer (RFC 6901) such as "/id".
   * @default "/id"
   */
  id?: string
  /**
   * Where a reply has the id of its request; none: at the same place.
   * Allowed: a JSON pointer (RFC 6901) such as "/id", or null.
   * @default null
   */
  responseId?: string | null
  /**
   * Which replies are errors: `request()` then fails with `request_failed`.
   * Allowed: a text or a JSON value, or null.
   * @default null
   */
  error?: string | object | null
  /**
   * How long a reply may take, from the call on; none: no limit.
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

/** How many messages may be sent in a time. No window of that length ever holds more. What is over waits, in order. */
export interface RateLimitOptions {
  /**
   * How many messages.
   * Allowed: a whole number from 1 to 1000000.
   */
  messages: number
  /**
   * In which time.
   * Allowed: a number of milliseconds from 1 to 31536000000.
   */
  per: number
  /**
   * How many may leave at once; those that follow leave at an even pace. None: all of them.
   * Allowed: a whole number from 1 to 1000000, or null.
   * @default null
   */
  burst?: number | null
  /**
   * How many of them are kept for what is urgent: heartbeats, the login, pongs, and sends that say so. None: a tenth, at least one.
   * Allowed: a whole number, at least 0, or null.
   * @default null
   */
  reserve?: number | null
  /**
   * Whether each connection begins anew, or all count together.
   * Allowed: "connection" or "socket".
   * @default "connection"
   */
  scope?: "connection" | "socket"
  /**
   * What each key may send: `send(data, key=...)`, a chat's name for one. A key that has to wait holds up no other.
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
   * What to do with a message that finds no room to wait.
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
   * In which time.
   * Allowed: a number of milliseconds from 1 to 31536000000.
   */
  per: number
  /**
   * How many may leave at once; those that follow leave at an even pace. None: all of them.
   * Allowed: a whole number from 1 to 1000000, or null.
   * @default null
   */
  burst?: number | null
}

/** permessage-deflate (RFC 7692). Beside its messages a connection then holds up to 48 KiB once the server has sent something compressed (none, if the server keeps no context), and up to 12 KiB more once we have, which are given back within 15 quiet seconds. The encoders, of some 330 KiB each, are shared: the process has 32 at most. */
export interface CompressionOptions {
  /**
   * Messages below this many bytes are sent as they are: there is little to save, and without context takeover nothing.
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

/** TLS. The platform's trust store is used where no `ca` is given. */
export interface TlsOptions {
  /**
   * Certificates to trust, as PEM or the path of a PEM file; the platform's are trusted no more. A server's own certificate may be one of them: then its name and dates are checked, and no issuer.
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
   * Whether to check the server's certificate. Off is loud: it warns with each connection.
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
