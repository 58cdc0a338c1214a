// @ts-check
// Owns: what listeners of `unexpected-response` and `upgrade` get: the request and the response, as far as the core tells of them. Knows no socket.
'use strict'

const { EventEmitter } = require('node:events')
const { Readable } = require('node:stream')
const { STATUS_CODES } = require('node:http')

/** A response of the server: status, headers, and the body (its first 4 KiB) as a stream. */
class Response extends Readable {
  /** @param {number} statusCode @param {Record<string, any>} headers @param {string | undefined} body */
  constructor(statusCode, headers, body) {
    super()
    this.statusCode = statusCode
    this.statusMessage = STATUS_CODES[statusCode] ?? ''
    this.headers = headers
    this.rawHeaders = Object.entries(headers).flatMap(([name, value]) =>
      Array.isArray(value) ? value.flatMap((each) => [name, each]) : [name, value],
    )
    this.httpVersion = '1.1'
    if (body) this.push(body)
    this.push(null)
  }

  _read() {}
}

/** The request that was refused. It is over: to abort it ends the socket. */
class Request extends EventEmitter {
  #abort
  destroyed = false

  /** @param {() => void} abort */
  constructor(abort) {
    super()
    this.#abort = abort
  }

  /** @param {Error} [_error] */
  destroy(_error) {
    if (this.destroyed) return this
    this.destroyed = true
    this.#abort()
    return this
  }

  abort() {
    this.destroy()
  }

  end() {
    return this
  }
}

module.exports = { Request, Response }
