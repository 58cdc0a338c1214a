// @ts-check
// Owns: one socket as the addon knows it: its handle, what the user sees of its state, its events on their way to the listeners, and the answers of
// the user's functions. Knows the face only as the target of events.
'use strict'

const { AsyncResource } = require('node:async_hooks')
const { addon, serveAgain, sockets, turn } = require('./delivery.js')
const events = require('./events.js')
const { carried, thrown } = require('./errors.js')
const { Listeners } = require('./listeners.js')
const { Outbox } = require('./outbox.js')
const options = require('./options.js')

const CONNECTING = 0
const OPEN = 1
const CLOSING = 2
const CLOSED = 3

/** More follows in this turn: write when it ends. */
const MORE = 1

/** @typedef {import('./errors.js').Fields} Fields */

class Socket {
  /** What the user sees. */
  state = CONNECTING
  listeners = new Listeners()
  outbox = new Outbox(this)
  protocol = ''
  extensions = ''
  url = ''
  /** Whether the user paused it. */
  paused = false
  /** Null once the addon has forgotten it, after the last event. @type {number | null} */
  handle
  /** close() was called, and waits for what was sent before it. */
  closeWaits = false
  /** What the first open event told, and the last close event. @type {any} */
  openInfo = null
  /** @type {any} */
  lastClose = null
  /** Why the user's AbortSignal closed it. @type {unknown} */
  abortReason = undefined
  closedByUs = false
  /** Called with each change that promises and iterators wait for. @type {Set<() => void>} */
  watchers = new Set()

  #referenced = true
  /** @type {any[]} */
  #messages = []
  #at = 0
  #origin = ''
  #time = 0
  #finishing = false
  /** The error of this connection's error event. @type {any} */
  #failure = null
  // bufferedAmount: as it was when the turn began, and what was added since.
  #turn = -1
  #sample = 0
  #added = 0
  #discarded = 0
  #flushing = false

  /**
   * @param {EventTarget} face
   * @param {string | Function} url
   * @param {import('./options.js').Prepared} prepared
   */
  constructor(face, url, prepared) {
    this.face = face
    this.binaryType = 'blob'
    this.synchronous = prepared.allowSynchronousEvents
    this.providers = prepared.providers
    this.queues = prepared.queues
    this.writeLimit = prepared.writeLimit
    if (typeof url === 'function') this.providers.set('url', url)
    const made = addon.create(typeof url === 'function' ? null : url, prepared.text)
    if (typeof made !== 'number') throw thrown(made)
    this.handle = made
    this.resource = new AsyncResource('WebSocket', { requireManualDestroy: false })
    if (typeof url !== 'function') this.#describe()
    sockets.set(made, this)
    addon.hold(true)
    addon.start(made)
  }

  #describe() {
    const [url, protocol, extensions] = addon.describe(this.handle)
    this.protocol = protocol
    this.extensions = extensions
    this.url = url
    const { protocol: scheme, host } = new URL(url)
    this.#origin = `${scheme}//${host}`
  }

  /** Whether the last event was delivered. */
  get isOver() {
    return this.lastClose !== null && !this.lastClose.willReconnect
  }

  /** Reads the state that the addon shows. */
  refresh() {
    if (this.handle === null) return
    const state = addon.readyState(this.handle)
    this.state = this.closeWaits && state < CLOSING ? CLOSING : state
  }

  // Delivery ---------------------------------------------------------------------------------------------------------------

  /** Whether events wait: paused, and still open. */
  isHeld() {
    return this.paused && this.state === OPEN
  }

  /** @param {any[]} messages */
  takeMessages(messages) {
    this.#messages = messages
    this.#at = 0
    this.#time = performance.now()
  }

  /** Delivers the next of the messages at hand. False: there is none. */
  nextMessage() {
    while (this.#at < this.#messages.length) {
      if (this.state !== OPEN) break
      if (this.isHeld()) return false
      const content = this.#messages[this.#at]
      this.#messages[this.#at++] = undefined
      const data = typeof content === 'string' ? content : this.binary(content)
      this.dispatch(events.trusted(events.MessageEvent, 'message', { data, origin: this.#origin }, this.#time))
      return true
    }
    this.#messages = []
    this.#at = 0
    return false
  }

  /** @param {ArrayBuffer} bytes */
  binary(bytes) {
    if (this.binaryType === 'arraybuffer') return bytes
    return this.binaryType === 'nodebuffer' ? Buffer.from(bytes) : new Blob([bytes])
  }

  /** @param {any} event */
  dispatch(event) {
    this.resource.runInAsyncScope(dispatch, null, this, event)
  }

  /**
   * Delivers an event that is not a message.
   * @param {string} name
   * @param {any} fields
   */
  deliver(name, fields) {
    if (name === 'ask') return this.resource.runInAsyncScope(this.#ask, this, fields)
    this.refresh()
    if (name === 'open') this.#describe()
    const event = this.#make(name, fields)
    if (name === 'open') this.openInfo ??= { url: this.url, protocol: this.protocol, extensions: this.extensions, headers: event.headers }
    if (name === 'close') {
      this.#failure = null
      this.lastClose = event
      if (!event.willReconnect) this.#finishing = true
    }
    this.dispatch(event)
    if (name === 'open' || name === 'close') for (const watcher of [...this.watchers]) watcher()
  }

  /** @param {string} name @param {any} fields @returns {any} */
  #make(name, fields) {
    const { trusted } = events
    switch (name) {
      case 'open':
        return trusted(events.OpenEvent, name, { headers: headersOf(fields.headers) })
      case 'error': {
        const error = carried(fields.error)
        this.#failure = error
        return trusted(events.ErrorEvent, name, { error, message: error.message })
      }
      case 'close':
        return closeEvent(fields, this.#failure)
      case 'reconnecting':
        return trusted(events.ReconnectingEvent, name, { ...fields, cause: fields.cause && carried(fields.cause) })
      case 'ping':
        return trusted(events.PingEvent, name, { payload: Buffer.from(fields.payload) })
      case 'pong':
        return trusted(events.PongEvent, name, { ...fields, payload: Buffer.from(fields.payload) })
      case 'heartbeat':
        return trusted(events.HeartbeatEvent, name, fields)
      case 'dropped': {
        const messages = fields.messages.map((/** @type {any} */ each) => (typeof each === 'string' ? each : Buffer.from(each)))
        return trusted(events.DroppedEvent, name, { ...fields, messages })
      }
      default:
        return trusted(events.DrainEvent, name, fields)
    }
  }

  /** The addon has nothing more for now; after the last event, that is for ever. */
  drained() {
    if (!this.#finishing || this.handle === null) return
    this.#sample = addon.bufferedAmount(this.handle)
    this.#added = 0
    this.unhold()
    sockets.delete(this.handle)
    addon.release(this.handle)
    this.handle = null
  }

  /** @param {boolean} paused */
  pause(paused) {
    this.paused = paused
    if (this.handle === null) return
    addon.pause(this.handle, paused)
    if (!paused) serveAgain(this)
  }

  // The user's functions ---------------------------------------------------------------------------------------------------

  /** @param {{ id: number, question: string, close: any }} asked */
  #ask({ id, question, close }) {
    const reply = (/** @type {boolean} */ ok, /** @type {string} */ words) => {
      if (this.handle !== null) addon.answer(this.handle, id, ok, words)
    }
    const fail = (/** @type {any} */ error) => reply(false, error instanceof Error ? `${error.name}: ${error.message}` : String(error))
    try {
      const given = this.providers.get(question)?.(...(close ? [closeEvent(close)] : []))
      const answer = (/** @type {any} */ value) => reply(true, options.answer(question, value))
      if (typeof given?.then === 'function') given.then(answer).then(undefined, fail)
      else answer(given)
    } catch (error) {
      fail(error)
    }
  }

  // Sending: see also outbox.js ----------------------------------------------------------------------------------------------------------------

  /**
   * Sends text or bytes now.
   * @param {string | ArrayBuffer | Uint8Array} data
   * @param {number} [flags]
   */
  transmit(data, flags = 0) {
    if (this.handle === null) {
      this.discard(data)
      return
    }
    const first = this.#beginTurn()
    const more = first ? 0 : MORE
    const sent = typeof data === 'string' ? addon.sendText(this.handle, data, flags | more) : addon.sendBinary(this.handle, data, flags | more)
    if (typeof sent !== 'number') throw thrown(sent)
    this.#added += sent
    if (more !== 0) this.#flushLater()
  }

  /**
   * Sends a Blob, or behind one.
   * @param {string | ArrayBuffer | Uint8Array | Blob} data
   * @param {number} flags
   */
  sendLater(data, flags) {
    if (this.state === OPEN || (this.state === CONNECTING && this.queues)) this.outbox.send(data, flags)
    else if (this.state === CONNECTING) throw notOpen('send')
    else this.discard(data)
  }

  /** Counts what is sent after the end, as the standard has it. @param {string | ArrayBuffer | Uint8Array | Blob} data */
  discard(data) {
    this.#discarded += typeof data === 'string' ? Buffer.byteLength(data) : data instanceof Blob ? data.size : data.byteLength
  }

  /** Notes what was buffered when the turn began. True: it begins now. */
  #beginTurn() {
    if (this.#turn === turn.number) return false
    this.#turn = turn.number
    this.#sample = addon.bufferedAmount(this.handle)
    this.#added = 0
    turn.note()
    return true
  }

  #flushLater() {
    if (this.#flushing) return
    this.#flushing = true
    process.nextTick(() => {
      this.#flushing = false
      if (this.handle !== null) addon.flush(this.handle)
    })
  }

  get bufferedAmount() {
    if (this.handle !== null) this.#beginTurn()
    return this.#sample + this.#added + this.#discarded + this.outbox.size
  }

  // Control ----------------------------------------------------------------------------------------------------------------

  /** @param {'ping' | 'pong'} kind @param {ArrayBuffer | Uint8Array} payload */
  control(kind, payload) {
    if (this.handle === null) throw notOpen(kind)
    const failed = addon[kind](this.handle, payload)
    if (failed !== undefined) throw thrown(failed)
  }

  /** @param {number} code @param {string} reason */
  close(code, reason) {
    if (this.handle === null || this.isOver) return
    this.closedByUs = true
    this.closeWaits = !this.outbox.isEmpty
    if (this.closeWaits) {
      this.outbox.after(() => this.#closeNow(code, reason))
      this.refresh()
    } else {
      this.#closeNow(code, reason)
    }
  }

  /** @param {number} code @param {string} reason */
  #closeNow(code, reason) {
    if (this.handle === null) return
    const failed = addon.close(this.handle, code, reason)
    if (failed !== undefined) throw thrown(failed)
    this.refresh()
    if (this.paused) serveAgain(this)
  }

  terminate() {
    if (this.handle === null || this.isOver) return
    this.closedByUs = true
    this.outbox.clear()
    addon.terminate(this.handle)
    this.refresh()
    if (this.paused) serveAgain(this)
  }

  // The life of the process ------------------------------------------------------------------------------------------------

  get referenced() {
    return this.#referenced && this.handle !== null
  }

  hold() {
    if (this.#referenced) return
    this.#referenced = true
    if (this.handle !== null) addon.hold(true)
  }

  unhold() {
    if (!this.#referenced) return
    this.#referenced = false
    if (this.handle !== null) addon.hold(false)
  }

  get latency() {
    return this.handle === null ? null : addon.latency(this.handle)
  }
}

/** @param {Socket} socket @param {any} event */
function dispatch(socket, event) {
  socket.listeners.dispatch(socket.face, event)
}

/** @param {string} call */
function notOpen(call) {
  return new DOMException(`${call}() needs an open connection`, 'InvalidStateError')
}

/**
 * @param {any} fields
 * @param {any} [failure] that of the error event just before, which is the same one
 */
function closeEvent(fields, failure) {
  const error = failure && fields.error?.code === failure.code ? failure : fields.error && carried(fields.error)
  return events.trusted(events.CloseEvent, 'close', { ...fields, error })
}

/** @param {[string, string][]} pairs */
function headersOf(pairs) {
  const headers = new Headers()
  for (const [name, value] of pairs) {
    try {
      headers.append(name, value)
    } catch {
      // A header that fetch's Headers cannot hold is of no use here.
    }
  }
  return headers
}

module.exports = { CLOSED, CLOSING, CONNECTING, OPEN, Socket }
