// @ts-check
// Owns: the calls for bots: requests and their replies, the ready state, rate limits. The core does the work; this file makes promises of it.
'use strict'

const { AsyncLocalStorage } = require('node:async_hooks')
const addon = require('./addon.js')
const { WebSocketError, carried, thrown } = require('./errors.js')

/**
 * The members of a socket that a bot uses.
 * @typedef {object} Socket
 * @property {number | null} handle
 * @property {boolean} isOver
 * @property {unknown} abortReason
 * @property {{ error: unknown } | null} lastClose
 */

/** The socket whose login is running in this async context, set while the user's function runs. @type {AsyncLocalStorage<object>} */
const login = new AsyncLocalStorage()

const OPTIONS = ['timeout', 'resend', 'deliver', 'key', 'urgent', 'signal']

class Bot {
  #socket
  #face
  /** The callbacks that wait for the end of a request, by its ticket. @type {Map<number, (text: string | null, error: any) => void>} */
  #waiting = new Map()
  #tickets = 0
  /** @type {{ promise: Promise<void>, resolve: () => void, reject: (error: unknown) => void } | null} */
  #ready = null
  #isReady = false

  /** @param {Socket} socket @param {object} face */
  constructor(socket, face) {
    this.#socket = socket
    this.#face = face
  }

  /** Calls the function of the user that logs in. @param {(socket: any) => unknown} run */
  logIn(run) {
    return login.run(this.#face, run, this.#face)
  }

  /** @param {unknown} value @param {any} options */
  request(value, options = {}) {
    const unknown = Object.keys(options).find((name) => !OPTIONS.includes(name))
    if (unknown !== undefined) throw new TypeError(`request() has no option ${unknown}; allowed are ${OPTIONS.join(', ')}`)
    const text = typeof value === 'string' ? value : JSON.stringify(value)
    if (text === undefined) throw new TypeError('request() needs a value that JSON has; this one has no JSON text')
    const { signal, timeout, ...rest } = options
    if (timeout !== undefined && timeout !== null && !(timeout > 0 && Number.isFinite(timeout))) {
      throw new TypeError('the option timeout of request() must be milliseconds above 0, or null for no limit')
    }
    signal?.throwIfAborted()
    const { handle } = this.#socket
    if (handle === null) throw new DOMException('request() needs a connection, and none will come: the socket is closed', 'InvalidStateError')
    const ticket = ++this.#tickets
    const urgent = options.urgent ?? login.getStore() === this.#face
    return new Promise((resolve, reject) => {
      const abort = () => {
        this.#waiting.delete(ticket)
        if (this.#socket.handle !== null) addon.cancelRequest(this.#socket.handle, ticket)
        reject(signal.reason)
      }
      this.#waiting.set(ticket, (reply, error) => {
        signal?.removeEventListener('abort', abort)
        if (error !== null) reject(error)
        else resolve(JSON.parse(reply ?? 'null'))
      })
      const failed = addon.request(handle, ticket, text, JSON.stringify({ ...rest, urgent, ...(timeout === undefined ? {} : { timeout }) }))
      if (failed !== undefined) {
        this.#waiting.delete(ticket)
        throw thrown(failed)
      }
      signal?.addEventListener('abort', abort, { once: true })
    })
  }

  /** The end of a request. @param {{ ticket: number, reply: string | null, error: any }} settled */
  settle({ ticket, reply, error }) {
    const waiting = this.#waiting.get(ticket)
    this.#waiting.delete(ticket)
    waiting?.(reply, error && carried(error))
  }

  /** Settles when the present connection is ready, or the next one. Rejects if there will be none. */
  get ready() {
    if (this.#ready !== null) return this.#ready.promise
    const made = withResolvers()
    made.promise.catch(() => {})
    if (this.#isReady) made.resolve()
    else if (this.#socket.isOver || this.#socket.handle === null) made.reject(this.#failure())
    this.#ready = made
    return made.promise
  }

  #failure() {
    const { abortReason, lastClose } = this.#socket
    return abortReason ?? lastClose?.error ?? new WebSocketError({ code: 'cancelled', phase: 'closed', message: 'the socket was closed' })
  }

  becomeReady() {
    this.#isReady = true
    this.#ready?.resolve()
  }

  /** A connection ended. */
  end() {
    if (this.#isReady) this.#ready = null
    this.#isReady = false
    if (this.#socket.isOver) this.#ready?.reject(this.#failure())
  }

  /** @param {number} milliseconds @param {string} [key] */
  throttle(milliseconds, key) {
    if (!(milliseconds >= 0 && Number.isFinite(milliseconds))) throw new TypeError('throttle() takes milliseconds, 0 or more')
    const { handle } = this.#socket
    if (handle === null) return
    const failed = addon.throttle(handle, milliseconds, key ?? null)
    if (failed !== undefined) throw thrown(failed)
  }
}

/** `Promise.withResolvers`, which Node 18 lacks. @returns {any} */
function withResolvers() {
  /** @type {any} */
  const made = {}
  made.promise = new Promise((resolve, reject) => Object.assign(made, { resolve, reject }))
  return made
}

module.exports = { Bot }
