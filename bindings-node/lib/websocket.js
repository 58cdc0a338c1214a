// @ts-check
// Owns: the public class: the WHATWG WebSocket, and Heartwire's additions. The work is in socket.js.
'use strict'

const { inspect } = require('node:util')
const { whenAborted } = require('./abort.js')
const convert = require('./convert.js')
const { watchExit } = require('./exit.js')
const foreign = require('./foreign.js')
const { iterate } = require('./iterate.js')
const { absolute } = require('./location.js')
const options = require('./options.js')
const { CLOSED, CLOSING, CONNECTING, OPEN, Socket } = require('./socket.js')
const { show } = require('./show.js')
const { sendStream } = require('./stream.js')
const { closed, opened } = require('./promises.js')

/** Functions of the package that are called with each new socket. @type {Set<(ws: WebSocket) => void>} */
const observers = new Set()

const COMPRESS = 2
const PLAIN = 4
const TEXT = 8
const BINARY = 16

/** The types of events that have a handler attribute. */
const TYPES = /** @type {const} */ ([
  'open',
  'message',
  'error',
  'close',
  'reconnecting',
  'ping',
  'pong',
  'heartbeat',
  'drain',
  'dropped',
  'ready',
  'throttled',
])

/** A close with any code that RFC 6455 lets an endpoint send; `close()` has the browser's. @type {(ws: WebSocket, code: number, reason: string) => void} */
let closeWith

class WebSocket extends EventTarget {
  /** @type {InstanceType<typeof Socket>} */
  #socket

  static {
    closeWith = (ws, code, reason) => ws.#socket.close(code, reason)
  }

  /**
   * @param {string | URL | (() => string | URL | Promise<string | URL>)} url
   * @param {any} [protocols]
   */
  constructor(url, protocols = undefined) {
    super()
    if (arguments.length === 0) throw new TypeError("Failed to construct 'WebSocket': 1 argument required, but only 0 present")
    // The third argument is ours; `length` stays 1, as the standard requires.
    const prepared = options.prepare(options.collect(protocols, arguments[2]))
    this.#socket = new Socket(this, typeof url === 'function' ? url : absolute(convert.scalarText(url)), prepared)
    watchExit()
    for (const observe of observers) observe(this)
    const { signal } = prepared
    if (signal) this.#heed(signal)
  }

  /** @param {AbortSignal} signal */
  #heed(signal) {
    const abort = () => {
      this.#socket.abortReason = signal.reason
      this.#socket.terminate()
    }
    if (signal.aborted) abort()
    else {
      const unheed = whenAborted(signal, abort)
      this.#socket.watchers.add(() => {
        if (this.#socket.isOver) unheed()
      })
    }
  }

  get url() {
    return this.#socket.url
  }
  get readyState() {
    return this.#socket.state
  }
  get bufferedAmount() {
    return this.#socket.bufferedAmount
  }
  get extensions() {
    return this.#socket.extensions
  }
  get protocol() {
    return this.#socket.protocol
  }
  get binaryType() {
    return this.#socket.binaryType
  }
  set binaryType(value) {
    const socket = this.#socket
    const text = convert.scalarText(value)
    if (text === 'blob' || text === 'arraybuffer' || text === 'nodebuffer') socket.binaryType = text
  }

  /**
   * @param {string | ArrayBufferLike | ArrayBufferView | Blob} data
   */
  send(data) {
    const socket = this.#socket
    if (arguments.length === 0) throw new TypeError("Failed to execute 'send' on 'WebSocket': 1 argument required, but only 0 present")
    const content = typeof data === 'string' ? data : convert.message(data)
    if (arguments.length === 1) socket.send(content, 0)
    else this.#sendWith(content, arguments)
  }

  /** @param {string | ArrayBuffer | Uint8Array | Blob} content @param {ArrayLike<any>} given options, a callback of code for `ws`, or both */
  #sendWith(content, given) {
    const { options, callback } = foreign.behindData(given)
    foreign.checkSendOptions(options, typeof content === 'string')
    const isTaken = this.#socket.state < CLOSING
    if (options?.key === undefined && options?.urgent === undefined) this.#socket.send(content, sendFlags(options))
    else if (content instanceof Blob) throw new TypeError('send() of a Blob takes neither key nor urgent: read it first')
    else this.#socket.sendBy(content, sendFlags(options), sendWay(options))
    if (callback) foreign.answer(callback, isTaken)
  }

  /** @param {number} [code] @param {string} [reason] */
  close(code = undefined, reason = undefined) {
    const socket = this.#socket
    const [number, text] = convert.closeArguments(code, reason)
    // Also between two attempts, where the state may be CLOSED for a moment.
    if (socket.state !== CLOSING) socket.close(number, text)
  }

  // What Heartwire adds ----------------------------------------------------------------------------------------------------

  /** Sends a value as JSON text. @param {unknown} value */
  sendJSON(value) {
    const text = JSON.stringify(value)
    if (text === undefined) throw new TypeError('sendJSON() needs a value that JSON has; this one has no JSON text')
    this.send(text)
  }

  /** Sends a request, and gives the server's reply. @param {unknown} value @param {any} [options] */
  async request(value, options) {
    return this.#socket.bot.request(value, options)
  }

  /** The server said "slow down". @param {number} milliseconds @param {{ key?: string }} [options] */
  throttle(milliseconds, options) {
    this.#socket.bot.throttle(milliseconds, options?.key)
  }

  /** Settles when the present connection is ready, or the next one. */
  get ready() {
    return this.#socket.bot.ready
  }

  /** Sends one message whose parts come one by one. @param {any} source @param {any} [options] */
  async sendStream(source, options) {
    return sendStream(this.#socket, source, sendFlags(options) | kindFlag(options))
  }

  /** @param {any} [data] */
  ping(data) {
    this.#control('ping', data, arguments)
  }

  /** @param {any} [data] */
  pong(data) {
    this.#control('pong', data, arguments)
  }

  /** @param {'ping' | 'pong'} kind @param {any} data @param {ArrayLike<any>} given a callback of code for `ws` may be among it */
  #control(kind, data, given) {
    const isCallback = typeof data === 'function'
    const callback = isCallback ? data : foreign.behindData(given).callback
    this.#socket.control(kind, convert.payload(isCallback ? undefined : data))
    if (callback) foreign.answer(callback, true)
  }

  /** Drops the connection at once. */
  terminate() {
    this.#socket.terminate()
  }

  /** Sets the heartbeat of this connection, as the server requests it; null turns it off. @param {any} options */
  setHeartbeat(options) {
    this.#socket.setHeartbeat(options)
  }

  /** Opens another connection now, without a delay. @param {any} [target] */
  reconnect(target = undefined) {
    const isPlain = typeof target === 'object' && target !== null && !(target instanceof URL)
    /** @type {any} */
    const given = isPlain ? target : { url: target }
    const { url, code, reason, overlap = false, ...unknown } = given
    const [other] = Object.keys(unknown)
    if (other !== undefined) throw new TypeError(`reconnect() has no option ${other}; allowed are url, code, reason and overlap`)
    if (typeof overlap !== 'boolean') throw new TypeError(`overlap must be true or false; got ${typeof overlap}`)
    const [number, text] = convert.closeArguments(code, reason)
    this.#socket.reconnect(url == null ? '' : absolute(convert.scalarText(url)), number, text, overlap)
  }

  /** Stops delivering messages until resume(). TCP then slows the peer down. */
  pause() {
    this.#socket.pause(true)
  }

  resume() {
    this.#socket.pause(false)
  }

  get isPaused() {
    return this.#socket.paused
  }

  /** The last measured round trip of a ping in milliseconds, or null. */
  get latency() {
    return this.#socket.latency
  }

  /** The counts so far, over all connections. */
  get stats() {
    return this.#socket.stats
  }

  /** Keeps the process alive while the socket lives (the default). */
  ref() {
    this.#socket.hold()
    return this
  }

  /** Lets the process end while the socket lives. */
  unref() {
    this.#socket.unhold()
    return this
  }

  hasRef() {
    return this.#socket.referenced
  }

  /** Settles with the first open connection, or rejects when there will be none. */
  get opened() {
    return opened(this.#socket)
  }

  /** Settles with the last close event. */
  get closed() {
    return closed(this.#socket)
  }

  [Symbol.asyncIterator]() {
    return iterate(this.#socket)
  }

  async [Symbol.asyncDispose ?? Symbol.for('Symbol.asyncDispose')]() {
    this.close(1000)
    await closed(this.#socket)
  }

  // EventTarget ------------------------------------------------------------------------------------------------------------

  /** @param {string} type @param {any} callback @param {any} [options] */
  addEventListener(type, callback, options) {
    need(arguments.length, 2, 'addEventListener')
    this.#socket.listeners.add(convert.scalarText(type), callback, options)
  }

  /** @param {string} type @param {any} callback @param {any} [options] */
  removeEventListener(type, callback, options) {
    need(arguments.length, 2, 'removeEventListener')
    this.#socket.listeners.remove(convert.scalarText(type), callback, options)
  }

  /** @param {Event} event */
  dispatchEvent(event) {
    need(arguments.length, 1, 'dispatchEvent')
    return this.#socket.listeners.dispatchForeign(this, event)
  }

  /** @param {string} type @param {any} listener */
  on(type, listener) {
    foreign.heedListener(type, listener)
    this.#socket.listeners.add(convert.scalarText(type), listener)
    return this
  }

  /** @param {string} type @param {any} listener */
  once(type, listener) {
    foreign.heedListener(type, listener)
    this.#socket.listeners.add(convert.scalarText(type), listener, { once: true })
    return this
  }

  /** @param {string} type @param {any} listener */
  off(type, listener) {
    this.#socket.listeners.remove(convert.scalarText(type), listener)
    return this
  }

  /** What `console.log` shows. @param {number} depth @param {import('node:util').InspectOptions} options */
  [inspect.custom](depth, options) {
    // The prototype itself has no socket.
    return #socket in this ? show(this.constructor.name, this.#socket, depth, options) : '[WebSocket prototype]'
  }

  static {
    for (const type of TYPES) {
      Object.defineProperty(this.prototype, `on${type}`, {
        get() {
          return this.#socket.listeners.handler(type)
        },
        set(value) {
          this.#socket.listeners.setHandler(type, value)
        },
        configurable: true,
      })
    }
    shape(this)
  }
}

/** @param {any} options */
function sendFlags(options) {
  const compress = options?.compress
  if (compress === undefined) return 0
  if (typeof compress !== 'boolean') throw new TypeError('the option compress of send() must be true or false')
  return compress ? COMPRESS : PLAIN
}

/** @param {any} options */
function kindFlag(options) {
  const binary = options?.binary
  if (binary === undefined) return 0
  if (typeof binary !== 'boolean') throw new TypeError('the option binary of sendStream() must be true or false')
  return binary ? BINARY : TEXT
}

/** @param {any} options */
function sendWay({ key, urgent }) {
  if (key !== undefined && typeof key !== 'string') throw new TypeError('the option key of send() must be a string')
  if (urgent !== undefined && typeof urgent !== 'boolean') throw new TypeError('the option urgent of send() must be true or false')
  return { key, urgent }
}

/** @param {number} given @param {number} needed @param {string} method */
function need(given, needed, method) {
  if (given < needed) {
    throw new TypeError(`Failed to execute '${method}' on 'EventTarget': ${needed} arguments required, but only ${given} present`)
  }
}

/** Gives the class's properties the attributes that Web IDL requires. @param {any} Class */
function shape(Class) {
  const { prototype } = Class
  for (const [name, descriptor] of Object.entries(Object.getOwnPropertyDescriptors(prototype))) {
    if (name === 'constructor') continue
    if (descriptor.get) {
      Object.defineProperty(descriptor.get, 'name', { value: `get ${name}` })
      if (descriptor.set) Object.defineProperty(descriptor.set, 'name', { value: `set ${name}` })
    }
    Object.defineProperty(prototype, name, { enumerable: true })
  }
  for (const [name, value] of Object.entries({ CONNECTING, OPEN, CLOSING, CLOSED })) {
    for (const target of [Class, prototype]) Object.defineProperty(target, name, { value, enumerable: true })
  }
  Object.defineProperty(prototype, Symbol.toStringTag, { value: 'WebSocket', configurable: true })
  const hidden = { configurable: true, writable: true }
  Object.defineProperty(prototype, 'removeListener', { value: prototype.off, ...hidden })
  Object.defineProperty(prototype, Symbol.for('nodejs.ref'), { value: prototype.ref, ...hidden })
  Object.defineProperty(prototype, Symbol.for('nodejs.unref'), { value: prototype.unref, ...hidden })
}

module.exports = { WebSocket, closeWith, observers }
