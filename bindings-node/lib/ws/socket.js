// @ts-check
// Owns: `_socket`: the part of net.Socket that users of ws reach for. Other members of net.Socket throw by name: the core has the real socket.
'use strict'

const { EventEmitter } = require('node:events')
const net = require('node:net')
const { unsupported } = require('./errors.js')

const LISTENS = ['on', 'once', 'addListener', 'prependListener', 'prependOnceListener']

class Face extends EventEmitter {
  #inner
  #url

  /** @param {import('../../index.js').WebSocket} inner @param {URL} url */
  constructor(inner, url) {
    super()
    this.#inner = inner
    this.#url = url
  }

  get destroyed() {
    return this.#inner.readyState === 3
  }
  get readable() {
    return this.#inner.readyState === 1
  }
  get writable() {
    return this.#inner.readyState === 1
  }
  get encrypted() {
    return this.#url.protocol === 'wss:'
  }
  get writableLength() {
    return this.#inner.bufferedAmount
  }
  get _writableState() {
    return { length: this.#inner.bufferedAmount, finished: this.destroyed }
  }

  ref() {
    this.#inner.ref()
    return this
  }
  unref() {
    this.#inner.unref()
    return this
  }
  pause() {
    this.#inner.pause()
    return this
  }
  resume() {
    this.#inner.resume()
    return this
  }
  isPaused() {
    return this.#inner.isPaused
  }
  destroy() {
    this.#inner.terminate()
    return this
  }

  /** Heartwire's own pings have the same purpose. @param {boolean} [enable] */
  setKeepAlive(enable = false) {
    if (enable) return this
    throw unsupported('_socket.setKeepAlive(false)', 'see the options pingInterval and tcpKeepalive of Heartwire')
  }
  /** @param {boolean} [enable] */
  setNoDelay(enable = true) {
    if (enable) return this
    throw unsupported('_socket.setNoDelay(false)', 'see the option tcpNodelay of Heartwire')
  }
  /** @param {number} [timeout] */
  setTimeout(timeout = 0) {
    if (timeout === 0) return this
    throw unsupported(`_socket.setTimeout(${timeout})`, 'see the option idleTimeout of Heartwire')
  }
}

for (const name of LISTENS) {
  const listen = Reflect.get(EventEmitter.prototype, name)
  Object.defineProperty(Face.prototype, name, {
    configurable: true,
    /** @param {string | symbol} type @param {any} listener */
    value(type, listener) {
      if (type !== 'close' && type !== 'error')
        throw unsupported(`_socket.${name}('${String(type)}')`, 'the core has the socket: only close and error are known')
      return listen.call(this, type, listener)
    },
  })
}

/** @param {import('../../index.js').WebSocket} inner @param {URL} url @returns {any} */
function socketFace(inner, url) {
  const face = new Face(inner, url)
  return new Proxy(face, {
    get(known, name) {
      const value = Reflect.get(known, name, known)
      if (value === undefined && name in net.Socket.prototype) throw unsupported(`_socket.${String(name)}`, 'the core has the socket')
      return typeof value === 'function' ? value.bind(known) : value
    },
  })
}

module.exports = { socketFace }
