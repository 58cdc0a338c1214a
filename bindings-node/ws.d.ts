// The types of `heartwire/ws`: those of ws' client in @types/ws, so that programs and libraries take either. test/types/ws compares the two.
// An option that is refused at run time stands here only where @types/ws has it in a type that would not fit otherwise; its comment says so.

/// <reference types="node" />

import type { EventEmitter } from 'node:events'
import type { Agent, ClientRequest, ClientRequestArgs, IncomingMessage } from 'node:http'
import type { LookupFunction } from 'node:net'
import type { Duplex, DuplexOptions } from 'node:stream'
import type { SecureContextOptions } from 'node:tls'
import type { WebSocket as Heartwire, WebSocketOptions } from './index.js'

declare class WebSocket extends EventEmitter {
  static readonly CONNECTING: 0
  static readonly OPEN: 1
  static readonly CLOSING: 2
  static readonly CLOSED: 3

  readonly CONNECTING: 0
  readonly OPEN: 1
  readonly CLOSING: 2
  readonly CLOSED: 3

  /** @deprecated Throws: sockets of a server are made by ws. */
  constructor(address: null)
  constructor(address: string | URL, options?: WebSocket.ClientOptions | ClientRequestArgs)
  constructor(address: string | URL, protocols?: string | string[], options?: WebSocket.ClientOptions | ClientRequestArgs)

  /** `'blob'`, which ws takes and @types/ws does not know, works, too. */
  binaryType: 'nodebuffer' | 'arraybuffer' | 'fragments'
  readonly bufferedAmount: number
  readonly extensions: string
  readonly isPaused: boolean
  readonly protocol: string
  readonly readyState: 0 | 1 | 2 | 3
  readonly url: string
  /** Heartwire's socket underneath, for features that ws does not have; null while `finishRequest` or `lookup` runs. */
  readonly heartwire?: Heartwire | null

  onopen: ((event: WebSocket.Event) => void) | null
  onerror: ((event: WebSocket.ErrorEvent) => void) | null
  onclose: ((event: WebSocket.CloseEvent) => void) | null
  onmessage: ((event: WebSocket.MessageEvent) => void) | null

  /** Closes with a code of RFC 6455 section 7.4 and a reason of at most 123 bytes. */
  close(code?: number, data?: string | Buffer): void
  /** The callback is called once the ping has left, or with an error. `mask: false` throws. */
  ping(data?: any, mask?: boolean, cb?: (err: Error) => void): void
  pong(data?: any, mask?: boolean, cb?: (err: Error) => void): void
  /** The callback is called once the message has left, or with an error. */
  send(data: WebSocket.Sendable, cb?: (err?: Error) => void): void
  send(data: WebSocket.Sendable, options: WebSocket.SendOptions, cb?: (err?: Error) => void): void
  terminate(): void
  pause(): void
  resume(): void

  addEventListener<K extends keyof WebSocket.WebSocketEventMap>(
    type: K,
    listener: ((event: WebSocket.WebSocketEventMap[K]) => void) | { handleEvent(event: WebSocket.WebSocketEventMap[K]): void },
    options?: WebSocket.EventListenerOptions,
  ): void
  removeEventListener<K extends keyof WebSocket.WebSocketEventMap>(
    type: K,
    listener: ((event: WebSocket.WebSocketEventMap[K]) => void) | { handleEvent(event: WebSocket.WebSocketEventMap[K]): void },
  ): void

  on<K extends keyof WebSocket.EmitterEventMap>(event: K, listener: (this: WebSocket, ...args: WebSocket.EmitterEventMap[K]) => void): this
  on(event: string | symbol, listener: (this: WebSocket, ...args: any[]) => void): this
  once<K extends keyof WebSocket.EmitterEventMap>(event: K, listener: (this: WebSocket, ...args: WebSocket.EmitterEventMap[K]) => void): this
  once(event: string | symbol, listener: (this: WebSocket, ...args: any[]) => void): this
  off<K extends keyof WebSocket.EmitterEventMap>(event: K, listener: (this: WebSocket, ...args: WebSocket.EmitterEventMap[K]) => void): this
  off(event: string | symbol, listener: (this: WebSocket, ...args: any[]) => void): this
  addListener<K extends keyof WebSocket.EmitterEventMap>(event: K, listener: (...args: WebSocket.EmitterEventMap[K]) => void): this
  addListener(event: string | symbol, listener: (...args: any[]) => void): this
  removeListener<K extends keyof WebSocket.EmitterEventMap>(event: K, listener: (...args: WebSocket.EmitterEventMap[K]) => void): this
  removeListener(event: string | symbol, listener: (...args: any[]) => void): this
}

/** The class under a name that its namespace does not hide. */
declare const WebSocketAlias: typeof WebSocket
interface WebSocketAlias extends WebSocket {}

declare namespace WebSocket {
  type RawData = Buffer | ArrayBuffer | Buffer[]
  type Data = string | Buffer | ArrayBuffer | Buffer[]
  /** Text and bytes as `send()` of ws takes them. */
  type Sendable =
    | Data
    | number
    | ArrayBufferView
    | SharedArrayBuffer
    | Blob
    | readonly any[]
    | { valueOf(): ArrayBuffer | SharedArrayBuffer | Uint8Array | string | readonly number[] }
    | { [Symbol.toPrimitive](hint: string): string }
  type CertMeta = string | string[] | Buffer | Buffer[]
  /** Shapes the request, and ends it. */
  type FinishRequestCallback = (request: ClientRequest, websocket: WebSocket) => void

  interface SendOptions {
    compress?: boolean | undefined
    /** Binary or text; by the type of the data if it is not given. */
    binary?: boolean | undefined
    /** False throws: use `heartwire.sendStream()` for a message in parts. */
    fin?: boolean | undefined
    /** False throws: RFC 6455 section 5.3 demands a mask. */
    mask?: boolean | undefined
  }

  interface PerMessageDeflateOptions {
    serverNoContextTakeover?: boolean | undefined
    clientNoContextTakeover?: boolean | undefined
    serverMaxWindowBits?: number | undefined
    clientMaxWindowBits?: number | undefined
    zlibDeflateOptions?: { level?: number | undefined } | undefined
    threshold?: number | undefined
  }

  /** The options of ws that Heartwire has. Others throw by name. */
  interface ClientOptions extends Pick<SecureContextOptions, 'ca' | 'cert' | 'key' | 'passphrase' | 'minVersion'> {
    allowSynchronousEvents?: boolean | undefined
    auth?: string | undefined
    /** False throws: the core answers every ping. */
    autoPong?: boolean | undefined
    closeTimeout?: number | undefined
    /** Makes the connection. Its bytes then pass through the event loop: a handler that blocks keeps the line no longer. */
    createConnection?: ((options: any, oncreate?: any) => Duplex) | undefined
    family?: number | undefined
    finishRequest?: FinishRequestCallback | undefined
    followRedirects?: boolean | undefined
    handshakeTimeout?: number | undefined
    headers?: { [name: string]: string | number | string[] | undefined } | undefined
    /** Without effect, as in ws: the address has it. */
    host?: string | undefined
    localAddress?: string | undefined
    lookup?: LookupFunction | undefined
    maxPayload?: number | undefined
    maxRedirects?: number | undefined
    origin?: string | undefined
    perMessageDeflate?: boolean | PerMessageDeflateOptions | undefined
    /** Without effect, as in ws: the address has it. */
    protocol?: string | undefined
    /** Others than 13 throw. */
    protocolVersion?: number | undefined
    /** True throws: the core checks every text. */
    skipUTF8Validation?: boolean | undefined
    /** Agents of Node, HttpProxyAgent, HttpsProxyAgent, SocksProxyAgent and ProxyAgent are read for their proxy and TLS options; others make the connection. */
    agent?: Agent | false | undefined
    servername?: string | undefined
    rejectUnauthorized?: boolean | undefined
    /** Ends the socket, or the attempt to open it, once it aborts. */
    signal?: AbortSignal | undefined
    /** Heartwire's own options, beside those of ws. */
    heartwire?: WebSocketOptions | undefined
  }

  interface EventListenerOptions {
    once?: boolean | undefined
  }

  interface Event {
    type: string
    target: WebSocket
  }
  interface ErrorEvent extends Event {
    error: any
    message: string
  }
  interface CloseEvent extends Event {
    wasClean: boolean
    code: number
    reason: string
  }
  interface MessageEvent extends Event {
    data: Data
  }

  interface WebSocketEventMap {
    open: Event
    error: ErrorEvent
    close: CloseEvent
    message: MessageEvent
  }

  interface EmitterEventMap {
    open: []
    message: [data: RawData, isBinary: boolean]
    close: [code: number, reason: Buffer]
    error: [error: Error]
    ping: [data: Buffer]
    pong: [data: Buffer]
    redirect: [url: string, request: ClientRequest]
    upgrade: [response: IncomingMessage]
    'unexpected-response': [request: ClientRequest, response: IncomingMessage]
  }

  const WebSocket: typeof WebSocketAlias
  interface WebSocket extends WebSocketAlias {}
  function createWebSocketStream(websocket: WebSocket, options?: DuplexOptions): Duplex

  // ws' own, where it is installed under its own name; their types are in @types/ws.
  const Server: any
  type Server = any
  const WebSocketServer: any
  type WebSocketServer = any
  const Sender: any
  const Receiver: any
  const PerMessageDeflate: any
  const extension: any
  const subprotocol: any
}

export = WebSocket
