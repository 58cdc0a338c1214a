// @ts-check
// Owns: one socket of the addon: its handle, the state that the user sees, its events on their way to the listeners, and the answers of the user's
// functions. Knows the public object only as the target of events.
'use strict'

const { AsyncResource } = require('node:async_hooks')
const { addon, beginTurn, endTask, sockets } = require('./delivery.js')
const events = require('./events.js')
const { thrown } = require('./errors.js')
const { OpenInfo, eventOf } = require('./incoming.js')
const { Bot } = require('./bot.js')
const log = require('./log.js')
const { Listeners } = require('./listeners.js')
const { Outbox } = require('./outbox.js')
const { heartbeat } = require('./options.js')
const { Providers } = require('./providers.js')
const stats = require('./stats.js')
const unheard = require('./unheard.js')

const CONNECTING = 0
const OPEN = 1
const CLOSING = 2
const CLOSED = 3

const { sendText, sendBinary } = addon

/** @typedef {import('./errors.js').Fields} Fields */

class Socket {
  /** The state that the user sees. */
  state = CONNECTING
  listeners = new Listeners()
  protocol = ''
  extensions = ''
  url = ''
  /** Whether the user paused it. */
  paused = false
  /** Null once the addon has forgotten it, after the last event. @type {number | null} */
  handle
  /** close() was called, and waits for the messages sent before it. */
  closeWaits = false
  /** The data of the first open event, and the last close event. @type {InstanceType<typeof OpenInfo> | null} */
  openInfo = null
  /** @type {any} */
  lastClose = null
  /** Why the user's AbortSignal closed it. @type {unknown} */
  abortReason = undefined
  closedByUs = false
  /** The time at which `state` last changed (of Date.now()), and the numbers of connections and messages. */
  since = Date.now()
  opens = 0
  sent = 0
  received = 0
  /** The number of promises and iterators that will get the error that ends it. */
  awaiting = 0

  /** @type {InstanceType<typeof Outbox> | null} */
  #outbox = null
  /** @type {Set<() => void> | null} */
  #watchers = null
  /** Requests, login and rate limits, once they are used. @type {InstanceType<typeof Bot> | null} */
  #bot = null
  /** The user's functions. @type {InstanceType<typeof Providers> | null} */
  #providers = null
  #referenced = true
  /** What the events of messages have in common; made for the first one. @type {{ origin: string } | null} */
  #messageInit = null
  /** The error of this connection's error event. @type {any} */
  #failure = null
  #amountAtEnd = 0
  /** The counts as JSON text, once the addon has forgotten the socket. */
  #statsAtEnd = ''
  #discarded = 0

  /**
   * @param {EventTarget} face
   * @param {string | Function} url
   * @param {import('./options.js').Prepared} prepared
   */
  constructor(face, url, prepared) {
    this.face = face
    this.binaryType = 'blob'
    this.synchronous = prepared.allowSynchronousEvents
    this.deliversAfterClose = prepared.deliverAfterClose
    this.queues = prepared.queues
    this.logsIn = prepared.logsIn
    this.writeLimit = prepared.writeLimit
    if (typeof url === 'function') prepared.providers.set('url', url)
    if (prepared.providers.size > 0) this.#providers = new Providers(prepared.providers)
    log.heed()
    const made = addon.create(typeof url === 'function' ? null : url, prepared.text, prepared.allowSynchronousEvents)
    if (typeof made !== 'number') throw thrown(made)
    this.handle = made
    if (typeof url !== 'function') {
      this.url = url
      this.#showURL(addon.url(made))
    }
    // The peer can answer while the constructor continues. Nothing is delivered before the caller returns.
    addon.start(made)
    sockets[made] = this
    addon.hold(true)
    this.resource = new AsyncResource('WebSocket', { requireManualDestroy: false })
  }

  /** @param {{ url: string, protocol: string, extensions: string }} connection */
  #show({ url, protocol, extensions }) {
    this.protocol = protocol
    this.extensions = extensions
    this.#showURL(url)
    this.#messageInit = null
  }

  /** @param {string} url */
  #showURL(url) {
    // The user's own string, not a copy for each socket.
    if (this.url !== url) this.url = url
  }

  /** Requests, login and rate limits. */
  get bot() {
    this.#bot ??= new Bot(this, this.face)
    return this.#bot
  }

  /** The messages that wait for a Blob, if there ever were any. */
  get outbox() {
    this.#outbox ??= new Outbox((data, flags) => this.transmit(data, flags))
    return this.#outbox
  }

  /** Whether messages wait for a Blob. */
  get readsBlobs() {
    return this.#outbox !== null && !this.#outbox.isEmpty
  }

  /** Called with each change that promises and iterators wait for. */
  get watchers() {
    this.#watchers ??= new Set()
    return this.#watchers
  }

  /** Whether the last event was delivered. */
  get isOver() {
    return this.lastClose !== null && !this.lastClose.willReconnect
  }

  /** Reads the state that the addon shows. */
  refresh() {
    if (this.handle === null) return
    const told = addon.readyState(this.handle)
    const state = this.closeWaits && told < CLOSING ? CLOSING : told
    if (state === this.state) return
    this.state = state
    this.since = Date.now()
  }

  // Delivery ---------------------------------------------------------------------------------------------------------------

  /** Delivers messages: with `allowSynchronousEvents` at once, otherwise each as its own task; the caller ends the last one. @param {any[]} contents */
  takeMessages(contents) {
    log.tellFrames()
    this.#messageInit ??= { origin: originOf(this.url) }
    const common = { type: 'message', init: this.#messageInit, time: performance.now() }
    if (this.synchronous) {
      this.resource.runInAsyncScope(dispatchMessages, null, this, contents, common)
      return
    }
    for (let index = 0, left = contents.length - 1; this.takes(left + 1); index++, left--) {
      this.resource.runInAsyncScope(dispatchMessage, null, this, contents[index], common)
      if (left === 0) return
      try {
        endTask?.()
      } catch (error) {
        addon.unread(this.handle, left)
        // It is reported, not thrown: the host is in the async context of the failed tick, and only the report restores ours.
        addon.report(error)
        return
      }
    }
  }

  /** Whether messages may still be delivered. If not now, the last `left` of a call are delivered again. @param {number} left */
  takes(left) {
    if (this.state !== OPEN && !(this.deliversAfterClose && this.state === CLOSING)) return false
    if (this.paused) addon.unread(this.handle, left)
    return !this.paused
  }

  /** @param {any} content @param {events.Common} common */
  message(content, common) {
    this.received++
    const data = typeof content === 'string' ? content : this.#binary(content)
    this.listeners.dispatch(this.face, events.trustedMessage(data, common))
  }

  /** @param {ArrayBuffer} bytes */
  #binary(bytes) {
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
    if (name === 'settled') return this.resource.runInAsyncScope(this.bot.settle, this.bot, fields)
    unheard.tellWarnings()
    log.tellFrames()
    this.refresh()
    if (name === 'ready' || (name === 'open' && !this.logsIn)) this.bot.becomeReady()
    if (name === 'open') {
      this.#show(fields)
      fields = new OpenInfo(this, fields.headers)
      this.openInfo ??= fields
      this.opens++
    }
    const event = eventOf(name, fields, this.#failure ?? this.lastClose?.error ?? null)
    if (name === 'error' || name === 'close') this.#providers?.explain(event.error)
    if (name === 'error') this.#failure = event.error
    if (name === 'close') {
      this.#failure = null
      this.lastClose = event
      this.#bot?.end()
    }
    if (name === 'error' && this.#isUnheard(event)) unheard.tellError(event.error)
    log.tellLife(this.url, name, event)
    this.dispatch(event)
    if ((name === 'open' || name === 'close') && this.#watchers !== null) for (const watcher of [...this.#watchers]) watcher()
    if (this.isOver) this.#finish()
  }

  /** Whether no function gets an error event. A program that awaits the socket's end gets its last error there. @param {any} event */
  #isUnheard({ error }) {
    const isTold = this.awaiting > 0 && error.retryIn === undefined
    return !this.closedByUs && !isTold && this.listeners.of('error').length === 0
  }

  /** @param {any} asked */
  #ask(asked) {
    const logIn = asked.question === 'ready' ? (/** @type {(socket: any) => unknown} */ run) => this.bot.logIn(run) : undefined
    this.#providers?.ask({ ...asked, logIn }, (ok, words) => {
      if (this.handle !== null) addon.answer(this.handle, asked.id, ok, words)
    })
  }

  /** The last event was delivered. */
  #finish() {
    if (this.handle === null) return
    this.#amountAtEnd = addon.bufferedAmount(this.handle, true)
    this.#statsAtEnd = stats.textOf(this.handle)
    this.unhold()
    sockets[this.handle] = undefined
    addon.release(this.handle)
    this.handle = null
  }

  /** @param {boolean} paused */
  pause(paused) {
    this.paused = paused
    if (this.handle !== null && this.state < CLOSING) addon.pause(this.handle, paused)
  }

  // Sending: see also outbox.js ----------------------------------------------------------------------------------------------------------------

  /**
   * Sends a message, behind those that wait for a Blob.
   * @param {string | ArrayBuffer | Uint8Array | Blob} data
   * @param {number} flags
   */
  send(data, flags) {
    if (this.closeWaits) this.discard(data)
    else if (data instanceof Blob || this.readsBlobs) this.sendLater(data, flags)
    else this.transmit(data, flags)
  }

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
    beginTurn?.()
    const failed = typeof data === 'string' ? sendText(this.handle, data, flags) : sendBinary(this.handle, data, flags)
    if (failed !== undefined) throw thrown(failed)
    if (this.state <= OPEN) this.sent++
  }

  /**
   * Sends a Blob, or other data behind one.
   * @param {string | ArrayBuffer | Uint8Array | Blob} data
   * @param {number} flags
   */
  sendLater(data, flags) {
    if (this.state === OPEN || (this.state === CONNECTING && this.queues)) this.outbox.send(data, flags)
    else if (this.state === CONNECTING) throw notOpen('send')
    else this.discard(data)
  }

  /** Counts messages sent after the end, as the standard requires. @param {string | ArrayBuffer | Uint8Array | Blob} data */
  discard(data) {
    this.#discarded += typeof data === 'string' ? Buffer.byteLength(data) : data instanceof Blob ? data.size : data.byteLength
  }

  get bufferedAmount() {
    beginTurn?.()
    const amount = this.handle === null ? this.#amountAtEnd : addon.bufferedAmount(this.handle, false)
    return amount + this.#discarded + (this.#outbox === null ? 0 : this.#outbox.size)
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
    this.closeWaits = this.readsBlobs
    if (this.closeWaits) {
      this.outbox.after(() => this.#closeNow(code, reason))
      this.refresh()
      this.#goOn()
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
    this.#goOn()
  }

  /** Sends text or bytes that may have to wait. @param {string | ArrayBuffer | Uint8Array} data @param {number} flags @param {any} way */
  sendBy(data, flags, { key, urgent }) {
    if (this.handle === null) return this.discard(data)
    beginTurn?.()
    const failed = addon.sendBy(this.handle, data, flags, key ?? null, urgent === true)
    if (failed !== undefined) throw thrown(failed)
    this.sent++
  }

  /** @param {unknown} given */
  setHeartbeat(given) {
    if (this.handle === null) throw notOpen('setHeartbeat')
    const { text, message } = heartbeat(given)
    const failed = addon.setHeartbeat(this.handle, text)
    if (failed !== undefined) throw thrown(failed)
    this.#providers ??= new Providers(new Map())
    this.#providers.replace('setHeartbeat.message', message)
  }

  /** @param {string} url empty for none @param {number} code 0 for none @param {string} reason @param {boolean} overlap */
  reconnect(url, code, reason, overlap) {
    if (this.handle === null || this.closeWaits) {
      throw new DOMException('reconnect() cannot open another connection: the socket is closed for good; make a new socket', 'InvalidStateError')
    }
    const failed = addon.reconnect(this.handle, url, code, reason, overlap)
    if (failed !== undefined) throw thrown(failed)
    this.refresh()
    this.#goOn()
  }

  terminate() {
    if (this.handle === null || this.isOver) return
    this.closedByUs = true
    this.#outbox?.clear()
    addon.terminate(this.handle)
    this.refresh()
    this.#goOn()
  }

  /** Resumes reading, because the end has to be read. */
  #goOn() {
    if (this.paused) addon.pause(this.handle, false)
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

  get stats() {
    return stats.read(this.handle === null ? this.#statsAtEnd : stats.textOf(this.handle))
  }
}

/** @param {Socket} socket @param {any} event */
function dispatch(socket, event) {
  socket.listeners.dispatch(socket.face, event)
}

/** @param {Socket} socket @param {any} content @param {events.Common} common */
function dispatchMessage(socket, content, common) {
  socket.message(content, common)
}

/** @param {Socket} socket @param {any[]} contents @param {events.Common} common */
function dispatchMessages(socket, contents, common) {
  for (let index = 0; index < contents.length && socket.takes(contents.length - index); index++) socket.message(contents[index], common)
}

/** @param {string} call */
function notOpen(call) {
  return new DOMException(`${call}() needs an open connection`, 'InvalidStateError')
}

/** @param {string} url of an open connection */
function originOf(url) {
  const { protocol, host } = new URL(url)
  return `${protocol}//${host}`
}

module.exports = { CLOSED, CLOSING, CONNECTING, OPEN, Socket }
