// The types of `heartwire/ws`: those of ws' client (@types/ws), as far as Heartwire supports it.

/// <reference types="node" />

import type { EventEmitter } from 'node:events'
import type { ClientRequest, IncomingMessage } from 'node:http'
import type { LookupFunction } from 'node:net'
import type { Duplex, DuplexOptions } from 'node:stream'
import type { WebSocket as Heartwire, WebSocketOptions } from './index.js'

declare class WebSocket extends EventEmitter {
  static readonly CONNECTING: 0
  static readonly OPEN: 1
  static readonly CLOSING: 2
  static readonly CLOSED: 3
  static WebSocket: typeof WebSocket
  static default: typeof WebSocket
  static createWebSocketStream(websocket: WebSocket, options?: DuplexOptions): Duplex

  readonly CONNECTING: 0
  readonly OPEN: 1
  readonly CLOSING: 2
  readonly CLOSED: 3

  constructor(address: string | URL, options?: WebSocket.ClientOptions)
  constructor(address: string | URL, protocols?: string | string[], options?: WebSocket.ClientOptions)

  binaryType: 'nodebuffer' | 'arraybuffer' | 'fragments' | 'blob'
  readonly bufferedAmount: number
  readonly extensions: string
  readonly isPaused: boolean
  readonly protocol: string
  readonly readyState: 0 | 1 | 2 | 3
  readonly url: string
  /** Heartwire's socket underneath, for features that ws does not have; null while `finishRequest` or `lookup` runs. */
  readonly heartwire: Heartwire | null

  onopen: ((event: WebSocket.Event) => void) | null
  onerror: ((event: WebSocket.ErrorEvent) => void) | null
  onclose: ((event: WebSocket.CloseEvent) => void) | null
  onmessage: ((event: WebSocket.MessageEvent) => void) | null

  /** Closes with a code of RFC 6455 section 7.4 and a reason of at most 123 bytes. */
  close(code?: number, data?: string | Buffer): void
  /** The callback is called once the ping has left, or with an error. */
  ping(data?: any, mask?: boolean, cb?: (err: Error) => void): void
  pong(data?: any, mask?: boolean, cb?: (err: Error) => void): void
  /** The callback is called once the message has left, or with an error. */
  send(data: WebSocket.Data | number, cb?: (err?: Error) => void): void
  send(data: WebSocket.Data | number, options: WebSocket.SendOptions, cb?: (err?: Error) => void): void
  terminate(): void
  pause(): void
  resume(): void

  addEventListener<K extends keyof WebSocket.WebSocketEventMap>(
    type: K,
    listener: ((event: WebSocket.WebSocketEventMap[K]) => void) | { handleEvent(event: WebSocket.WebSocketEventMap[K]): void },
    options?: { once?: boolean },
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

declare namespace WebSocket {
  type RawData = Buffer | ArrayBuffer | Buffer[]
  type Data = string | Buffer | ArrayBuffer | ArrayBufferView | Buffer[] | Blob

  interface SendOptions {
    compress?: boolean
    /** Binary or text; by the type of the data if it is not given. */
    binary?: boolean
  }

  interface PerMessageDeflateOptions {
    serverNoContextTakeover?: boolean
    clientNoContextTakeover?: boolean
    serverMaxWindowBits?: number
    clientMaxWindowBits?: number | true
    zlibDeflateOptions?: { level?: number }
    threshold?: number
  }

  type Pem = string | Buffer | (string | Buffer)[]

  /** The options of ws that Heartwire has. Others throw by name. */
  interface ClientOptions {
    allowSynchronousEvents?: boolean
    auth?: string
    autoPong?: true
    closeTimeout?: number
    /** Makes the connection. Its bytes then pass through the event loop: a handler that blocks keeps the line no longer. */
    createConnection?: (options: any, oncreate?: any) => Duplex
    family?: 0 | 4 | 6
    /** Shapes the request, and ends it. */
    finishRequest?: (request: ClientRequest, websocket: WebSocket) => void
    followRedirects?: boolean
    handshakeTimeout?: number
    headers?: { [name: string]: string | number | string[] | undefined }
    localAddress?: string
    lookup?: LookupFunction
    maxPayload?: number
    maxRedirects?: number
    origin?: string
    perMessageDeflate?: boolean | PerMessageDeflateOptions
    protocolVersion?: 13
    skipUTF8Validation?: false
    /** Agents of Node, HttpProxyAgent, HttpsProxyAgent, SocksProxyAgent and ProxyAgent are read for their proxy and TLS options; others make the connection. */
    agent?: object | false
    ca?: Pem
    cert?: Pem
    key?: Pem
    passphrase?: string
    servername?: string
    rejectUnauthorized?: boolean
    minVersion?: 'TLSv1.2' | 'TLSv1.3'
    /** Heartwire's own options, beside those of ws. */
    heartwire?: WebSocketOptions
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
    data: string | Buffer | ArrayBuffer | Buffer[] | Blob
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
}

export = WebSocket
