// @ts-check
// Owns: the error types that users see, made from the plain fields that the addon gives. Knows no socket.
'use strict'

const addon = require('./addon.js')

const { spelled } = require('./names.js')

const decoder = new TextDecoder()

/** The host's own, because a test runner may give its tests another one. @type {NodeJS.Process} */
const process = addon.process

/**
 * @typedef {{ code: string, phase: string, message: string, status?: number, headers?: [string, string][], body?: ArrayBuffer,
 *   retryable?: boolean, retryIn?: number | null, causes?: string[] }} Fields
 */

/** An error: its message, its phase, and whether a retry may help. Never holds a secret. */
class WebSocketError extends Error {
  /** @param {Fields} fields */
  constructor(fields) {
    super(spelled(fields.message), chain(fields.causes ?? []))
    /** The stable code, the same in every language. */
    this.code = fields.code
    /** The phase in which it happened: `options`, `dns`, `tcp`, `proxy`, `tls`, `http`, `protocol`, `liveness`, `ready`, `request`, `closed`, `process`. */
    this.phase = fields.phase
    /** Whether trying again may help. */
    this.retryable = fields.retryable ?? false
    if (fields.status !== undefined) {
      /** The HTTP status of a refused upgrade. */
      this.status = fields.status
      /** The response's headers, names in lower case. */
      this.headers = joined(fields.headers ?? [])
      /** The first 4 KiB of the response's body. */
      this.body = decoder.decode(fields.body)
      // Printing the error does not show them, because servers put cookies and tokens there.
      for (const name of ['headers', 'body']) Object.defineProperty(this, name, { enumerable: false })
    }
    if (fields.code === 'request_failed') {
      /** The server's answer, as text. */
      this.body = decoder.decode(fields.body)
      Object.defineProperty(this, 'body', { enumerable: false })
    }
    if (typeof fields.retryIn === 'number') {
      /** The milliseconds until the next attempt. */
      this.retryIn = fields.retryIn
    }
  }
}
Object.defineProperty(WebSocketError.prototype, 'name', { value: 'WebSocketError', writable: true, configurable: true })

/**
 * Errors for the causes beneath, outermost first.
 * @param {string[]} causes
 * @returns {{ cause?: Error }}
 */
function chain([first, ...rest]) {
  return first === undefined ? {} : { cause: new Error(spelled(first), chain(rest)) }
}

/** @param {[string, string][]} pairs */
function joined(pairs) {
  /** @type {Record<string, string>} */
  const headers = Object.create(null)
  for (const [name, value] of pairs) headers[name] = name in headers ? `${headers[name]}, ${value}` : value
  return { ...headers }
}

/**
 * An error for an event. It has no stack, which would only show our own code.
 * @param {Fields} fields
 */
function carried(fields) {
  const { stackTraceLimit } = Error
  // Frozen intrinsics do not allow it; an assignment would throw.
  Reflect.set(Error, 'stackTraceLimit', 0)
  try {
    return new WebSocketError(fields)
  } finally {
    Reflect.set(Error, 'stackTraceLimit', stackTraceLimit)
  }
}

/** @type {Record<string, string>} */
const standard = { invalid_url: 'SyntaxError', invalid_protocol: 'SyntaxError', invalid_state: 'InvalidStateError' }

/**
 * The error that a call throws: the standard's DOMException if the standard has one.
 * @param {Fields} fields
 */
function thrown(fields) {
  const name = standard[fields.code]
  return name === undefined ? new WebSocketError(fields) : new DOMException(spelled(fields.message), name)
}

/**
 * Reports an error as the host reports uncaught ones.
 * @param {unknown} error
 */
function report(error) {
  // process.exit() was called, and a listener of `exit` threw: no ticks run any more.
  if (Reflect.get(process, '_exiting')) return addon.report(error)
  process.nextTick(() => {
    throw error
  })
}

module.exports = { WebSocketError, carried, thrown, report }
