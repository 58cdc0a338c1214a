// @ts-check
// Owns: ws' class WebSocket (the client) over Heartwire's: an EventEmitter with ws' events, calls and words. What Heartwire has not is refused by name.
'use strict'

const { EventEmitter } = require('node:events')
const { WebSocket: Class, closeWith } = require('../websocket.js')
const { closedEarly, notOpen, unsupported, wsError } = require('./errors.js')
const { addEventListener, defineAttributes, kWasClean, removeEventListener } = require('./events.js')
const { checkProtocols, parseAddress, translate } = require('./options.js')
const { Request, Response } = require('./response.js')
const { Completions } = require('./completions.js')

const STATES = /** @type {const} */ (['CONNECTING', 'OPEN', 'CLOSING', 'CLOSED'])
const [CONNECTING, OPEN, CLOSING, CLOSED] = [0, 1, 2, 3]
const BINARY_TYPES = ['nodebuffer', 'arraybuffer', 'fragments', 'blob']
const NOTHING = Buffer.alloc(0)
/** The class as its types show it. @type {typeof import('../../index.js').WebSocket} */
const Native = /** @type {any} */ (Class)

class WebSocket extends EventEmitter {
  /** Heartwire's socket. @type {import('../../index.js').WebSocket} */
  #inner
  #url
  #state = CONNECTING
  #binaryType = 'nodebuffer'
  #bufferedAtEnd = 0
  #completions
  /** A listener has the refused upgrade: the end waits for it. */
  #refusalHeld = false
  /** @type {any} */
  #socket = null

  /**
   * @param {string | URL} address
   * @param {string | string[] | Record<string, any>} [protocols]
   * @param {Record<string, any>} [options]
   */
  constructor(address, protocols, options) {
    super()
    if (address === null) throw unsupported('the address null', 'sockets of a server are made by ws')
    if (protocols !== undefined && typeof protocols === 'object' && !Array.isArray(protocols) && protocols !== null) {
      options = protocols
      protocols = undefined
    }
    const { url, dial, unixSocket } = parseAddress(address)
    this.#url = url
    const made = translate(options ?? {})
    if (unixSocket !== undefined) made.unixSocket = unixSocket
    const inner = new Native(dial, checkProtocols(/** @type {any} */ (protocols)), made)
    this.#inner = inner
    this.#completions = new Completions(inner)
    inner.binaryType = 'nodebuffer'
    inner.onopen = (event) => this.#onOpen(event)
    inner.onmessage = ({ data }) => this.#onMessage(/** @type {string | Buffer} */ (data))
    inner.onerror = ({ error }) => this.#onError(error)
    inner.onclose = (event) => this.#onClose(event)
    inner.onping = ({ payload }) => this.emit('ping', payload)
    inner.onpong = ({ payload }) => this.emit('pong', payload)
  }

  /** Heartwire's own socket underneath: for what ws does not have. */
  get heartwire() {
    return this.#inner
  }

  // Events -----------------------------------------------------------------------------------------------------------------

  /** @param {import('../../index.js').OpenEvent} event */
  #onOpen({ headers }) {
    if (this.listenerCount('upgrade') > 0) this.emit('upgrade', new Response(101, Object.fromEntries(headers), ''))
    if (this.#state !== CONNECTING) return
    this.#state = OPEN
    this.emit('open')
  }

  /** @param {string | Buffer} data */
  #onMessage(data) {
    if (typeof data === 'string') this.emit('message', Buffer.from(data), false)
    else this.emit('message', this.#binary(data), true)
  }

  /** @param {Buffer} data */
  #binary(data) {
    if (this.#binaryType === 'nodebuffer') return data
    if (this.#binaryType === 'fragments') return [data]
    if (this.#binaryType === 'blob') return new Blob([/** @type {any} */ (data)])
    return data.buffer.slice(data.byteOffset, data.byteOffset + data.byteLength)
  }

  /** @param {import('../../index.js').WebSocketError} error */
  #onError(error) {
    const wasConnecting = this.#state === CONNECTING
    this.#state = CLOSING
    if (wasConnecting && error.status !== undefined && this.listenerCount('unexpected-response') > 0) {
      this.#refusalHeld = true
      const request = new Request(() => this.#letRefusalGo())
      this.#state = CONNECTING
      this.emit('unexpected-response', request, new Response(error.status, error.headers ?? {}, error.body))
      return
    }
    this.emit('error', wsError(error, this.#url))
  }

  #letRefusalGo() {
    if (!this.#refusalHeld) return
    this.#refusalHeld = false
    this.#state = CLOSING
    process.nextTick(() => {
      this.emit('error', closedEarly())
      this.#end(1006, '', false)
    })
  }

  /** @param {import('../../index.js').CloseEvent} event */
  #onClose({ code, reason, wasClean }) {
    this.#bufferedAtEnd = this.#inner.bufferedAmount
    this.#completions.fail(() => notOpen(CLOSED))
    if (!this.#refusalHeld) this.#end(code, reason, wasClean)
  }

  /** @param {number} code @param {string} reason @param {boolean} wasClean */
  #end(code, reason, wasClean) {
    this.#state = CLOSED
    Reflect.set(this, kWasClean, wasClean)
    this.emit('close', code, reason === '' ? NOTHING : Buffer.from(reason))
  }

  // State ------------------------------------------------------------------------------------------------------------------

  get readyState() {
    // Between a call and its event, Heartwire's state is the newer one.
    return this.#state === OPEN && this.#inner.readyState > OPEN ? CLOSING : this.#state
  }
  get url() {
    return this.#url.href
  }
  get protocol() {
    return this.#inner.protocol
  }
  get extensions() {
    return this.#inner.extensions
  }
  get bufferedAmount() {
    return this.#state === CLOSED ? this.#bufferedAtEnd : this.#inner.bufferedAmount
  }
  get isPaused() {
    return this.#inner.isPaused
  }
  get binaryType() {
    return this.#binaryType
  }
  set binaryType(value) {
    if (BINARY_TYPES.includes(value)) this.#binaryType = value
  }

  /** The part of ws' net.Socket that bots use. Other members throw by name. */
  get _socket() {
    if (this.#state === CONNECTING || this.#state === CLOSED) return null
    this.#socket ??= new Proxy(
      {
        ref: () => this.#inner.ref(),
        unref: () => this.#inner.unref(),
        destroy: () => this.#inner.terminate(),
        pause: () => this.#inner.pause(),
        resume: () => this.#inner.resume(),
      },
      {
        get: (known, name) => {
          if (name in known || typeof name === 'symbol' || name === 'then') return Reflect.get(known, name)
          throw unsupported(`_socket.${name}`, 'the core has the socket')
        },
      },
    )
    return this.#socket
  }

  // Calls ------------------------------------------------------------------------------------------------------------------

  /**
   * @param {any} data
   * @param {any} [options]
   * @param {(error?: Error) => void} [callback] called once the message has left
   */
  send(data, options, callback) {
    if (this.readyState === CONNECTING) throw notOpen(CONNECTING)
    if (typeof options === 'function') {
      callback = options
      options = {}
    }
    if (options?.fin === false) throw unsupported('send() with fin: false', 'use heartwire.sendStream() for a message in parts')
    if (options?.mask === false) throw unsupported('send() with mask: false', 'RFC 6455 section 5.3 demands a mask')
    const content = sendable(data, options?.binary)
    if (this.readyState !== OPEN) {
      if (callback) process.nextTick(callback, notOpen(this.readyState))
      return
    }
    try {
      this.#inner.send(content, options?.compress === undefined ? undefined : { compress: Boolean(options.compress) })
    } catch (error) {
      if (!callback) throw error
      process.nextTick(callback, error)
      return
    }
    if (callback) this.#completions.add(callback)
  }

  /** @param {any} [data] @param {any} [mask] @param {any} [callback] */
  ping(data, mask, callback) {
    this.#control('ping', data, mask, callback)
  }

  /** @param {any} [data] @param {any} [mask] @param {any} [callback] */
  pong(data, mask, callback) {
    this.#control('pong', data, mask, callback)
  }

  /** @param {'ping' | 'pong'} kind @param {any} data @param {any} mask @param {any} callback */
  #control(kind, data, mask, callback) {
    if (this.readyState === CONNECTING) throw notOpen(CONNECTING)
    if (typeof data === 'function') [data, mask, callback] = [undefined, undefined, data]
    else if (typeof mask === 'function') [mask, callback] = [undefined, mask]
    if (mask === false) throw unsupported(`${kind}() with mask: false`, 'RFC 6455 section 5.3 demands a mask')
    if (this.readyState !== OPEN) {
      if (callback) process.nextTick(callback, notOpen(this.readyState))
      return
    }
    const payload = sendable(data, undefined)
    if (Buffer.byteLength(payload) > 125) throw new RangeError('The data size must not be greater than 125 bytes')
    this.#inner[kind](payload)
    if (callback) this.#completions.add(callback)
  }

  /** @param {number} [code] @param {string | Buffer} [data] */
  close(code, data) {
    if (this.#state === CLOSED) return
    if (this.#refusalHeld) return this.#letRefusalGo()
    if (this.#state === CONNECTING) return this.#giveUp()
    if (this.readyState === CLOSING) return
    if (code !== undefined && !isValidCode(code)) throw new TypeError('First argument must be a valid error code number')
    const reason = data === undefined ? '' : typeof data === 'string' ? data : Buffer.from(data).toString()
    if (Buffer.byteLength(reason) > 123) throw new RangeError('The message must not be greater than 123 bytes')
    this.#state = CLOSING
    closeWith(/** @type {any} */ (this.#inner), code ?? 0, reason)
  }

  terminate() {
    if (this.#state === CLOSED) return
    if (this.#refusalHeld) return this.#letRefusalGo()
    if (this.#state === CONNECTING) return this.#giveUp()
    this.#state = CLOSING
    this.#completions.fail(() => new Error('The connection was dropped before the message had left'))
    this.#inner.terminate()
  }

  /** The error and the close follow from Heartwire's own. */
  #giveUp() {
    this.#state = CLOSING
    this.#inner.close()
  }

  pause() {
    if (this.#state === OPEN) this.#inner.pause()
  }

  resume() {
    if (this.#state === OPEN) this.#inner.resume()
  }
}

for (const [value, name] of STATES.entries()) {
  const descriptor = { enumerable: true, value }
  Object.defineProperty(WebSocket, name, descriptor)
  Object.defineProperty(WebSocket.prototype, name, descriptor)
}
for (const name of ['binaryType', 'bufferedAmount', 'extensions', 'isPaused', 'protocol', 'readyState', 'url']) {
  Object.defineProperty(WebSocket.prototype, name, { enumerable: true })
}
Object.assign(WebSocket.prototype, { addEventListener, removeEventListener })
defineAttributes(WebSocket.prototype)

/** Text or bytes, as ws would send them. @param {any} data @param {boolean | undefined} binary @returns {any} */
function sendable(data, binary) {
  if (typeof data === 'number') data = String(data)
  if (typeof data === 'string') return binary === true ? Buffer.from(data) : data
  if (!data) return NOTHING
  const bytes = Array.isArray(data) ? Buffer.from(data) : data
  return binary === false ? Buffer.from(bytes.buffer ?? bytes, bytes.byteOffset ?? 0, bytes.byteLength).toString() : bytes
}

/** The codes that RFC 6455 section 7.4 lets an endpoint send. @param {unknown} code */
function isValidCode(code) {
  if (typeof code !== 'number') return false
  return (code >= 1000 && code <= 1014 && code !== 1004 && code !== 1005 && code !== 1006) || (code >= 3000 && code <= 4999)
}

module.exports = { WebSocket }
