// @ts-check
// Owns: the http objects that ws gives to its listeners: the request, and the response as far as the core reports it. They carry no bytes: the core
// does.
'use strict'

const http = require('node:http')
const https = require('node:https')

/** The agent of a request that the core sends: it never gets a socket of Node's. */
const PARKED = /** @type {any} */ ({ addRequest() {} })

/** The headers that the core makes itself. */
const ITS_OWN = /^(connection|upgrade|sec-websocket-.*)$/i

/** The calls on a request before its constructor had ended. */
const kEarly = Symbol('early')

/**
 * @typedef {{ url: URL, path: string, headers: [string, string][], protocols: string[], connects?: Record<string, any> }} Asked `connects`: options
 *   with the user's `agent` or `createConnection`
 * @typedef {{ send(): void, drop(error?: Error): void, stream(stream: any): void }} Hooks
 */

class Request extends http.ClientRequest {
  /** The response, once there is one that is no upgrade. @type {any} */
  res = null
  #host
  #hooks

  /** @param {Asked} asked @param {Hooks} hooks */
  constructor({ url, path, headers, protocols, connects = { agent: PARKED } }, hooks) {
    const isSecure = url.protocol === 'wss:'
    const defaultPort = isSecure ? 443 : 80
    const own = { Connection: 'Upgrade', Upgrade: 'websocket', 'Sec-WebSocket-Version': '13' }
    const offer = protocols.length > 0 ? { 'Sec-WebSocket-Protocol': protocols.join(',') } : {}
    super(
      /** @type {any} */ ({
        ...connects,
        _defaultAgent: isSecure ? https.globalAgent : http.globalAgent,
        defaultPort,
        host: url.hostname.replace(/^\[|\]$/g, '') || 'localhost',
        port: url.port || defaultPort,
        path,
        headers: { ...own, ...offer, ...several(headers) },
      }),
    )
    this.#host = headers.some(([name]) => /^host$/i.test(name)) ? undefined : this.getHeader('host')
    this.#hooks = hooks
    /** @type {any} */
    const early = Reflect.get(this, kEarly)
    if (early) this.onSocket(early[0], early[1])
  }

  /** The agent or `createConnection` has made a connection, or could not. @param {any} stream @param {Error | null} [error] */
  onSocket(stream, error) {
    if (!(#hooks in this)) {
      Reflect.set(this, kEarly, [stream, error])
      return
    }
    process.nextTick(() => {
      if (error) return this.#hooks.drop(error)
      if (this.destroyed) return stream.destroy()
      this.#hooks.stream(stream)
      this.emit('socket', stream)
    })
  }

  /** The headers for the core. @returns {[string, string][]} */
  pairs() {
    return this.getRawHeaderNames().flatMap((name) => {
      const value = this.getHeader(name)
      if (ITS_OWN.test(name) || (/^host$/i.test(name) && value === this.#host)) return []
      return (Array.isArray(value) ? value : [value]).map((each) => /** @type {[string, string]} */ ([name, String(each)]))
    })
  }

  /** @param {string} name @param {any} value */
  setHeader(name, value) {
    if (#hooks in this && ITS_OWN.test(name)) {
      const error = new TypeError(`heartwire/ws does not support another header ${name}: the core makes it`)
      throw Object.assign(error, { code: 'HEARTWIRE_UNSUPPORTED' })
    }
    return super.setHeader(name, value)
  }

  /** @returns {this} */
  end() {
    if (this.headersSent) return this
    super.end()
    this.#hooks.send()
    return this
  }

  /** @param {Error} [error] */
  destroy(error) {
    if (this.destroyed) return this
    super.destroy(error)
    this.#hooks.drop(error)
    return this
  }
}

/** The headers in http's form: names in lower case, cookies as a list. @param {[string, string][]} pairs */
function joined(pairs) {
  /** @type {Record<string, string | string[]>} */
  const headers = {}
  for (const [given, value] of pairs) {
    const name = given.toLowerCase()
    if (name === 'set-cookie') headers[name] = [headers[name] ?? [], value].flat()
    else headers[name] = name in headers ? `${headers[name]}, ${value}` : value
  }
  return headers
}

/** Several values of a header as one member. @param {[string, string][]} pairs */
function several(pairs) {
  /** @type {Record<string, string | string[]>} */
  const headers = {}
  for (const [name, value] of pairs) headers[name] = name in headers ? [headers[name], value].flat() : value
  return headers
}

/** A response of the server: status, headers, and the body (its first 4 KiB) as a stream. */
class Response extends http.IncomingMessage {
  /** @param {number} statusCode @param {Iterable<[string, string]>} headers @param {string | undefined} body */
  constructor(statusCode, headers, body) {
    super(/** @type {any} */ (null))
    this.statusCode = statusCode
    this.statusMessage = http.STATUS_CODES[statusCode] ?? ''
    this.httpVersion = '1.1'
    this.httpVersionMajor = 1
    this.httpVersionMinor = 1
    const pairs = [...headers]
    this.rawHeaders = pairs.flat()
    Object.defineProperty(this, 'headers', { enumerable: true, configurable: true, value: joined(pairs) })
    this.complete = true
    if (body) this.push(body)
    this.push(null)
  }

  _read() {}

  /** @param {Error | null} error @param {(error?: Error | null) => void} callback */
  _destroy(error, callback) {
    callback(error)
  }
}

module.exports = { Request, Response }
