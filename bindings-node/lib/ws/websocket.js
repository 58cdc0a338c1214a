// @ts-check
// Owns: ws' class WebSocket (the client) over Heartwire's: an EventEmitter with ws' events, calls and words. Features that Heartwire lacks are refused by name.
'use strict'

const { EventEmitter } = require('node:events')
const { closeWith } = require('../websocket.js')
const { closedEarly, notOpen, unsupported, wsError } = require('./errors.js')
const { addEventListener, defineAttributes, kWasClean, removeEventListener } = require('./events.js')
const { Handshake } = require('./handshake.js')
const { Response } = require('./http.js')
const { Sender } = require('./sender.js')
const { socketFace } = require('./socket.js')

/** @typedef {import('../../index.js').WebSocket} Inner */

const STATES = /** @type {const} */ (['CONNECTING', 'OPEN', 'CLOSING', 'CLOSED'])
const [CONNECTING, OPEN, CLOSING, CLOSED] = [0, 1, 2, 3]
const BINARY_TYPES = ['nodebuffer', 'arraybuffer', 'fragments', 'blob']
const NOTHING = Buffer.alloc(0)

class WebSocket extends EventEmitter {
  /** Heartwire's socket, once there is one. @type {Inner | null} */
  #inner = null
  /** @type {InstanceType<typeof Sender> | null} */
  #sender = null
  #handshake
  #state = CONNECTING
  #binaryType = 'nodebuffer'
  #offersExtension
  /** The bytes given to `send()` after the end. */
  #unsent = 0
  #hasErred = false
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
    this.#offersExtension = options?.perMessageDeflate !== false
    this.#handshake = new Handshake(this, address, protocols, options ?? {}, {
      attach: (inner) => this.#attach(inner),
      fail: (error) => {
        this.#detach()
        this.#fail(error)
      },
    })
    this.#handshake.begin()
  }

  /** @param {Inner} inner */
  #attach(inner) {
    this.#inner = inner
    this.#sender = new Sender(inner, (error) => this.#blobFailed(error))
    inner.binaryType = 'nodebuffer'
    inner.onopen = (event) => this.#onOpen(event)
    inner.onmessage = ({ data }) => this.#onMessage(/** @type {string | Buffer} */ (data))
    inner.onerror = ({ error }) => this.#onError(error)
    inner.onclose = (event) => this.#onClose(event)
    inner.onping = ({ payload }) => this.emit('ping', payload)
    inner.onpong = ({ payload }) => this.emit('pong', payload)
  }

  /** Removes the handlers of this attempt. */
  #detach() {
    const inner = this.#inner
    if (inner === null) return
    inner.onopen = inner.onmessage = inner.onerror = inner.onclose = inner.onping = inner.onpong = null
    inner.terminate()
  }

  /** Heartwire's own socket underneath, for features that ws does not have; null while the first request is prepared. */
  get heartwire() {
    return this.#inner
  }

  // Events -----------------------------------------------------------------------------------------------------------------

  /** @param {import('../../index.js').OpenEvent} event */
  #onOpen({ headers }) {
    if (this.listenerCount('upgrade') > 0) this.emit('upgrade', new Response(101, headers, ''))
    if (this.#state !== CONNECTING) return
    this.#handshake.end()
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
    if (this.#state === CONNECTING && error.status !== undefined && error.status !== 101) {
      this.#detach()
      if (this.#handshake.follow(error)) return
      if (this.listenerCount('unexpected-response') > 0) {
        this.emit('unexpected-response', ...this.#handshake.refusal(error))
        return
      }
      this.#fail(wsError(error, this.#handshake.url))
      return
    }
    this.#handshake.end()
    this.#state = CLOSING
    if (this.#hasErred) return
    this.#hasErred = true
    this.emit('error', wsError(error, this.#handshake.url, this.#offersExtension))
  }

  /** @param {Error} error */
  #blobFailed(error) {
    this.terminate()
    if (this.#hasErred) return
    this.#hasErred = true
    this.emit('error', error)
  }

  /** There will be no connection. @param {Error} error */
  #fail(error) {
    this.#handshake.end()
    this.#state = CLOSING
    this.emit('error', error)
    this.#end(1006, '', false)
  }

  /** @param {import('../../index.js').CloseEvent} event */
  #onClose({ code, reason, wasClean, error }) {
    if (this.#socket?.listenerCount('error') > 0 && /reset/i.test(`${error?.message} ${error?.cause}`)) {
      this.#socket.emit('error', Object.assign(new Error('read ECONNRESET', { cause: error }), { code: 'ECONNRESET', syscall: 'read' }))
    }
    this.#sender?.end(this.#inner?.bufferedAmount === 0)
    this.#end(code, reason, wasClean)
  }

  /** @param {number} code @param {string} reason @param {boolean} wasClean */
  #end(code, reason, wasClean) {
    this.#state = CLOSED
    Reflect.set(this, kWasClean, wasClean)
    this.#socket?.emit('close', !wasClean)
    this.emit('close', code, reason === '' ? NOTHING : Buffer.from(reason))
  }

  // State ------------------------------------------------------------------------------------------------------------------

  get readyState() {
    // Between a call and its event, Heartwire's state is the newer one.
    return this.#state === OPEN && /** @type {Inner} */ (this.#inner).readyState > OPEN ? CLOSING : this.#state
  }
  get url() {
    return this.#handshake.url.href
  }
  get protocol() {
    return this.#inner?.protocol ?? ''
  }
  /** As ws has it: the names without their parameters. */
  get extensions() {
    return this.#inner?.extensions.replace(/;[^,]*/g, '') ?? ''
  }
  get bufferedAmount() {
    return (this.#inner?.bufferedAmount ?? 0) + (this.#sender?.waiting ?? 0) + this.#unsent
  }
  get isPaused() {
    return this.#inner?.isPaused ?? false
  }
  /** How many redirects were followed. */
  get _redirects() {
    return this.#handshake.redirects
  }
  /** The request of the opening handshake. */
  get _req() {
    return this.#state === CONNECTING ? this.#handshake.request : null
  }
  get binaryType() {
    return this.#binaryType
  }
  set binaryType(value) {
    if (BINARY_TYPES.includes(value)) this.#binaryType = value
  }

  /** The part of net.Socket that users of ws reach for. */
  get _socket() {
    if (this.#inner === null || this.#state === CONNECTING) return null
    this.#socket ??= socketFace(this.#inner, this.#handshake.url)
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
    if (this.readyState !== OPEN) return this.#tooLate(content, callback)
    const given = options?.compress === undefined ? undefined : { compress: Boolean(options.compress) }
    try {
      this.#sender?.send(content, given, callback)
    } catch (error) {
      if (!callback) throw error
      process.nextTick(callback, error)
    }
  }

  /** Data sent after the end counts as buffered. @param {any} content @param {any} callback */
  #tooLate(content, callback) {
    this.#unsent += content instanceof Blob ? content.size : Buffer.byteLength(content)
    if (callback) process.nextTick(callback, notOpen(this.readyState))
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
    const payload = sendable(data, undefined)
    if (this.readyState !== OPEN) return this.#tooLate(payload, callback)
    if (Buffer.byteLength(payload) > 125) throw new RangeError('The data size must not be greater than 125 bytes')
    this.#sender?.control(kind, payload, callback)
  }

  /** @param {number} [code] @param {string | Buffer} [data] */
  close(code, data) {
    if (this.#state === CLOSED) return
    if (this.#state === CONNECTING) return this.#giveUp()
    if (this.readyState === CLOSING) return
    if (code !== undefined && !isValidCode(code)) throw new TypeError('First argument must be a valid error code number')
    const reason = data === undefined ? '' : typeof data === 'string' ? data : Buffer.from(data).toString()
    if (Buffer.byteLength(reason) > 123) throw new RangeError('The message must not be greater than 123 bytes')
    this.#state = CLOSING
    this.#sender?.after(() => closeWith(/** @type {any} */ (this.#inner), code ?? 0, reason))
  }

  terminate() {
    if (this.#state === CLOSED) return
    if (this.#state === CONNECTING) return this.#giveUp()
    this.#state = CLOSING
    this.#sender?.end(false)
    this.#inner?.terminate()
  }

  /** Ends before it is open. */
  #giveUp() {
    this.#state = CLOSING
    this.#handshake.end()
    this.#detach()
    process.nextTick(() => this.#fail(closedEarly()))
  }

  pause() {
    if (this.#state === OPEN || this.#state === CLOSING) this.#inner?.pause()
  }

  resume() {
    if (this.#state === OPEN || this.#state === CLOSING) this.#inner?.resume()
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
