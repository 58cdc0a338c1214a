// The types of the package `heartwire`, as both faces of it have them: index.d.mts for `import`, index.d.ts for `require`. The options are in
// options.d.ts and the codes of errors in codes.d.ts, which are made from the core.

/// <reference types="node" />

import type { ErrorCode } from './codes.js'
import type { HeartbeatOptions, WebSocketOptions } from './options.js'
import type { Stats } from './stats.js'

export type * from './codes.js'
export type * from './options.js'
export * from './stats.js'

/** The same as `WebSocketOptions`. */
export type Options = WebSocketOptions

/** The types that can be sent. A Blob is read first; everything leaves in the order of the calls. */
export type Data = string | ArrayBufferLike | ArrayBufferView | Blob

/** The phase of a connection's life in which something failed. */
export type Phase = 'options' | 'dns' | 'tcp' | 'proxy' | 'tls' | 'http' | 'protocol' | 'liveness' | 'ready' | 'request' | 'closed' | 'process'

/**
 * Ends all sockets of this thread in good order. Settles when they have ended. They open no more connections: a socket that loses its connection
 * ends, and a new one ends at once with the error `cancelled`. Queued messages are sent, and requests get their replies, for `timeout` milliseconds
 * at most (10 000 by default). Then each socket sends Close 1001. Resolves to whether everything was sent and answered in time. Rejects with a
 * TypeError if `timeout` is not a number of 0 or more.
 */
export function shutdown(timeout?: number): Promise<boolean>

/** An error: its message, its phase, and whether a retry may help. Never holds a secret. */
export class WebSocketError extends Error {
  private constructor()
  readonly name: 'WebSocketError'
  /** The stable code, the same in every language: see docs/errors.md. */
  readonly code: ErrorCode
  readonly phase: Phase
  /** Whether trying again may help. */
  readonly retryable: boolean
  /** The milliseconds until the next attempt, if one follows. */
  readonly retryIn?: number
  /** The HTTP status of a refused upgrade. */
  readonly status?: number
  /** The headers of a refused upgrade, names in lower case. */
  readonly headers?: Readonly<Record<string, string>>
  /** The first 4 KiB of the body of a refused upgrade. */
  readonly body?: string
}

export interface EventInit {
  bubbles?: boolean
  cancelable?: boolean
  composed?: boolean
}

/** The connection is open. */
export interface OpenEvent extends Event {
  /** The headers of the server's answer. */
  readonly headers: Headers
}

/** The data of a message: text, or by the socket's `binaryType` a Blob, an ArrayBuffer or a Buffer. */
export type MessageData = string | Blob | ArrayBuffer | Buffer

/** A message arrived. */
export class MessageEvent<T = MessageData> extends Event {
  constructor(type: string, init?: EventInit & { data?: T; origin?: string; lastEventId?: string })
  /** Text, or by the socket's `binaryType` a Blob (the default), an ArrayBuffer or a Buffer. */
  readonly data: T
  readonly origin: string
  readonly lastEventId: string
  readonly source: null
  readonly ports: readonly any[]
  /** @deprecated A method of the standard. The constructor sets all members. */
  initMessageEvent(
    type: string,
    bubbles?: boolean,
    cancelable?: boolean,
    data?: any,
    origin?: string,
    lastEventId?: string,
    source?: any,
    ports?: Iterable<any>,
  ): void
  /** The data parsed as JSON. Not for Blobs, which have to be read first. */
  json<V = any>(): V
}

/** The connection failed, or could not be opened; `close` follows. */
export interface ErrorEvent extends Event {
  readonly error: WebSocketError
  readonly message: string
  /** Always empty, or 0: for code that expects the platform's ErrorEvent. */
  readonly filename: string
  readonly lineno: number
  readonly colno: number
}

/** A connection, or an attempt to open one, ended. */
export class CloseEvent extends Event {
  constructor(type: string, init?: EventInit & { wasClean?: boolean; code?: number; reason?: string })
  /** The received code. 1005: the Close had no code. 1006: no Close arrived, or the connection was failed. */
  readonly code: number
  readonly reason: string
  /** Whether both sides sent a Close frame. */
  readonly wasClean: boolean
  /** The cause of an abnormal end. */
  readonly error: WebSocketError | null
  /** Whether another attempt follows. */
  readonly willReconnect: boolean
  /** In how many milliseconds. */
  readonly retryIn: number | null
  /** How many bytes of messages the system had not taken when the connection ended. */
  readonly unsent: number
}

/** The next attempt is planned. */
export interface ReconnectingEvent extends Event {
  /** 1 for the first attempt after the loss. */
  readonly attempt: number
  /** In how many milliseconds. */
  readonly delay: number
  /** The server's Retry-After in milliseconds, if it was longer than `maxRetryAfter`, the actual wait; else null. */
  readonly capped: number | null
  readonly cause: WebSocketError | null
}

/** The peer's ping, already answered. */
export interface PingEvent extends Event {
  readonly payload: Buffer
}

/** A pong. */
export interface PongEvent extends Event {
  readonly payload: Buffer
  /** The round trip in milliseconds, if it answers our ping. */
  readonly latency: number | null
}

/** The text heartbeat was sent, answered or missed. */
export interface HeartbeatEvent extends Event {
  readonly kind: 'sent' | 'answered' | 'missed'
  /** The time to its answer in milliseconds. */
  readonly latency: number | null
  /** How many in a row were missed, this one included. */
  readonly missed: number
}

/** Messages of the send queue will never be sent. */
export interface DroppedEvent extends Event {
  /** Oldest first. */
  readonly messages: readonly (string | Buffer)[]
  readonly reason: 'expired' | 'overflow' | 'closed'
}

/** Messages have to wait for the rate limit. */
export interface ThrottledEvent extends Event {
  /** How long the first of them has to wait, in milliseconds. */
  readonly delay: number
  /** How many wait. */
  readonly waiting: number
}

/** How to send a message. */
export interface SendOptions {
  /** Overrides the options and the size rule. */
  compress?: boolean
  /** The key of the message (`rateLimit.keys`): messages with one key keep their order. */
  key?: string
  /** The message waits for no login, and uses the reserve of the rate limit. */
  urgent?: boolean
}

/** How to send a request. The option `request` gives the missing members. */
export interface RequestCall {
  /** The time limit for the reply, from the call on, in milliseconds. null means no limit. */
  timeout?: number | null
  /** Whether it is sent again on the next connection if this one ends before the reply. */
  resend?: boolean
  /** Whether the reply is a `message` event, too. */
  deliver?: boolean
  key?: string
  urgent?: boolean
  /** Cancels the request. */
  signal?: AbortSignal
}

export interface WebSocketEventMap {
  open: OpenEvent
  message: MessageEvent
  error: ErrorEvent
  close: CloseEvent
  reconnecting: ReconnectingEvent
  ping: PingEvent
  pong: PongEvent
  heartbeat: HeartbeatEvent
  drain: Event
  dropped: DroppedEvent
  ready: Event
  throttled: ThrottledEvent
}

/**
 * A listener. TypeScript compares a method's parameters both ways, so a function also fits if it is typed with the DOM's or Node's class of the same
 * event, or with a narrower type such as `MessageEvent<string>`. A function for another event does not.
 */
export type Listener<E> = { call_(this: WebSocket, event: E): unknown }['call_']

/** The value of a handler attribute. The type is wide, so that the class stays assignable to the DOM's. */
type Handler = (event: any) => any

/** An object that is called with an event. */
export interface ListenerObject<E> {
  handleEvent(event: E): unknown
}

export interface ListenerOptions {
  once?: boolean
  capture?: boolean
  passive?: boolean
  signal?: AbortSignal
}

/** The facts of the first open connection. */
export interface Opened {
  readonly url: string
  readonly protocol: string
  readonly extensions: string
  readonly headers: Headers
}

/** The second argument of the platform's own constructor. With it, this class fits where that one is expected. */
type PlatformProtocols = typeof globalThis extends { WebSocket: new (url: any, protocols?: infer Second) => any } ? Second : never

/**
 * The WHATWG `WebSocket`, with additions for bots. Without options it behaves as the browser's does, and stays alive: it pings, and sends a Close
 * when the process ends.
 */
export class WebSocket extends EventTarget implements AsyncIterable<MessageEvent> {
  static readonly CONNECTING: 0
  static readonly OPEN: 1
  static readonly CLOSING: 2
  static readonly CLOSED: 3

  constructor(url: string | URL, protocols?: PlatformProtocols)
  /**
   * @param url ws, wss, http or https; or a function that is called before each attempt.
   * @param protocols Subprotocols, or options.
   */
  constructor(
    url: string | URL | (() => string | URL | Promise<string | URL>),
    protocols?: string | Iterable<string> | (() => string | Iterable<string> | Promise<string | Iterable<string>>),
    options?: WebSocketOptions,
  )
  constructor(url: string | URL | (() => string | URL | Promise<string | URL>), options?: WebSocketOptions)

  readonly CONNECTING: 0
  readonly OPEN: 1
  readonly CLOSING: 2
  readonly CLOSED: 3
  readonly url: string
  readonly readyState: 0 | 1 | 2 | 3
  /** The bytes of messages that have not left. If the connection is gone, they never leave. It changes only between two tasks of the script. */
  readonly bufferedAmount: number
  /** The extensions in use, or empty. */
  readonly extensions: string
  /** The subprotocol in use, or empty. */
  readonly protocol: string
  /** The type of delivered binary messages. Set it to `nodebuffer` for Buffers. */
  get binaryType(): 'blob' | 'arraybuffer'
  set binaryType(value: 'blob' | 'arraybuffer' | 'nodebuffer')

  get onopen(): Handler | null
  set onopen(value: Listener<OpenEvent> | null)
  get onmessage(): Handler | null
  set onmessage(value: Listener<MessageEvent> | null)
  get onerror(): Handler | null
  set onerror(value: Listener<ErrorEvent> | null)
  get onclose(): Handler | null
  set onclose(value: Listener<CloseEvent> | null)
  get onreconnecting(): Handler | null
  set onreconnecting(value: Listener<ReconnectingEvent> | null)
  get onping(): Handler | null
  set onping(value: Listener<PingEvent> | null)
  get onpong(): Handler | null
  set onpong(value: Listener<PongEvent> | null)
  get onheartbeat(): Handler | null
  set onheartbeat(value: Listener<HeartbeatEvent> | null)
  get ondrain(): Handler | null
  set ondrain(value: Listener<Event> | null)
  get ondropped(): Handler | null
  set ondropped(value: Listener<DroppedEvent> | null)
  get onready(): Handler | null
  set onready(value: Listener<Event> | null)
  get onthrottled(): Handler | null
  set onthrottled(value: Listener<ThrottledEvent> | null)

  /** Sends a message; `compress` overrides the options and the size rule. */
  send(data: Data, options?: SendOptions): void
  /** Starts the closing handshake. Final: no reconnection follows. */
  close(code?: number, reason?: string): void

  /** Sends a value as JSON text. */
  sendJSON(value: unknown): void
  /**
   * Sends one message whose parts, all text or all binary, arrive one by one. It waits while more than `writeLimit` bytes are unsent. A message
   * without parts is empty: text, or binary if `binary` is true. Rejects with a TypeError for a part of the other kind. Rejects with an
   * InvalidStateError if the connection ends before the last part; no part of it goes to the next connection.
   */
  sendStream(
    source: AsyncIterable<string | ArrayBufferLike | ArrayBufferView> | Iterable<string | ArrayBufferLike | ArrayBufferView>,
    options?: { compress?: boolean; binary?: boolean },
  ): Promise<void>
  /** Sends a ping with at most 125 bytes; its round trip comes with the `pong` event. */
  ping(data?: string | ArrayBufferLike | ArrayBufferView): void
  /** Sends an unsolicited pong. */
  pong(data?: string | ArrayBufferLike | ArrayBufferView): void
  /** Drops the connection at once. Final. */
  terminate(): void
  /**
   * Sends a request as JSON text, and adds an id if it has none. Resolves to the parsed reply, which is no `message` event. The request waits until
   * the connection is open and ready. Rejects with `request_timeout`, `request_failed` (the reply is the error's `body`), `connection_lost`,
   * `rate_limited`, or with the signal's reason; with `invalid_data` if the value has no place for an id, or its id is in use.
   */
  request<T = any>(value: object | string, options?: RequestCall): Promise<T>
  /**
   * The server asked us to slow down: for this time only urgent messages leave, or none with this key. 0 ends it. Needs the option `rateLimit`.
   */
  throttle(milliseconds: number, options?: { key?: string }): void
  /** Settles when the present connection is ready, or the next one: after `open`, or after the login (`ready`). Rejects when there will be none. */
  readonly ready: Promise<void>
  /**
   * Sets the heartbeat of the present connection, as a server requests it in its greeting; null turns it off. The next connection starts with the
   * option `heartbeat` again. Throws an InvalidStateError unless the connection is open.
   */
  setHeartbeat(options: HeartbeatOptions | null): void
  /**
   * Opens another connection now, without a delay, to `url` if one is given (for this attempt only). All messages of the old connection are
   * delivered. Then its server gets `code` (1000 by default), and its `close` event has the error `replaced`. If no connection is open, the next
   * attempt begins at once. Throws an InvalidStateError after close() and the last event.
   *
   * With `overlap` the other connection is opened, and logged in by `ready`, first. Then the old one is closed with `code` and its last messages are
   * delivered. `close` (with 1000), `open` and the events of the new connection follow, and `readyState` stays OPEN. If the new one fails, the old
   * one stays. If a function logs in, it throws an InvalidStateError.
   */
  reconnect(target?: string | URL | { url?: string | URL; code?: number; reason?: string; overlap?: boolean }): void
  /** Delivers no more messages until resume(). TCP then slows the peer down. */
  pause(): void
  resume(): void
  readonly isPaused: boolean
  /** The last measured round trip of a ping in milliseconds. */
  readonly latency: number | null
  /** The counts so far, over all connections. Each read gives a new snapshot. */
  readonly stats: Stats
  /** Keeps the process alive while the socket lives. This is the default. */
  ref(): this
  /** Lets the process end while the socket lives. */
  unref(): this
  hasRef(): boolean
  /** Settles with the first open connection; rejects when there will be none. */
  readonly opened: Promise<Opened>
  /** Settles with the last close event, also after a failure. */
  readonly closed: Promise<CloseEvent>;
  /** Messages as they come. Ends with the socket; throws its error if it was lost, and the reason if a signal ended it. */
  [Symbol.asyncIterator](): AsyncIterableIterator<MessageEvent>
  /** Closes it and waits for the end: `await using ws = new WebSocket(...)`. */
  [Symbol.asyncDispose](): Promise<void>

  addEventListener<K extends keyof WebSocketEventMap>(
    type: K,
    listener: Listener<WebSocketEventMap[K]> | ListenerObject<WebSocketEventMap[K]> | null,
    options?: boolean | ListenerOptions,
  ): void
  removeEventListener<K extends keyof WebSocketEventMap>(
    type: K,
    listener: Listener<WebSocketEventMap[K]> | ListenerObject<WebSocketEventMap[K]> | null,
    options?: boolean | { capture?: boolean },
  ): void
  dispatchEvent(event: Event): boolean
  on<K extends keyof WebSocketEventMap>(type: K, listener: Listener<WebSocketEventMap[K]> | ListenerObject<WebSocketEventMap[K]>): this
  once<K extends keyof WebSocketEventMap>(type: K, listener: Listener<WebSocketEventMap[K]> | ListenerObject<WebSocketEventMap[K]>): this
  off<K extends keyof WebSocketEventMap>(type: K, listener: Listener<WebSocketEventMap[K]> | ListenerObject<WebSocketEventMap[K]>): this
}
