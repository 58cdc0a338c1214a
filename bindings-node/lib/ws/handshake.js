// @ts-check
// Owns: the steps to an open connection, as in ws: the request, `lookup`, `finishRequest` and redirects. It makes Heartwire's socket for each attempt.
// Knows ws' class only as the emitter of `redirect`.
'use strict'

const net = require('node:net')
const { WebSocket: Class } = require('../websocket.js')
const { unsupported } = require('./errors.js')
const { bridge } = require('./bridge.js')
const { Request, Response } = require('./http.js')
const { checkProtocols, connectsItself, headerPairs, parseAddress, translate } = require('./options.js')

/** The class with its public types. @type {typeof import('../../index.js').WebSocket} */
const Native = /** @type {any} */ (Class)

/** Headers that a redirect to another host, or out of TLS, removes. */
const SECRET = ['authorization', 'cookie']

/**
 * @typedef {[string, string][]} Headers
 * @typedef {{ attach(inner: import('../../index.js').WebSocket): void, fail(error: Error): void }} Hooks
 */

class Handshake {
  /** How many redirects were followed. */
  redirects = 0
  /** @type {URL} */
  url
  #emitter
  #options
  #protocols
  #made
  /** @type {Headers} */
  #headers
  #hooks
  #path = '/'
  /** @type {string | undefined} */
  #unixSocket
  /** Where it began: credentials and the Host header go there only. @type {{ place: string, isSecure: boolean } | undefined} */
  #home
  /** @type {InstanceType<typeof Request> | null} */
  #request = null
  /** The user's agent or `createConnection` makes the connection. */
  #isForeign
  #isSent = false
  /** @type {any} */
  #stream = null
  #endBridge = () => {}
  #isOver = false

  /**
   * @param {import('node:events').EventEmitter} emitter
   * @param {string | URL} address
   * @param {any} protocols
   * @param {Record<string, any>} options
   * @param {Hooks} hooks
   */
  constructor(emitter, address, protocols, options, hooks) {
    this.#emitter = emitter
    this.#options = options
    this.#hooks = hooks
    this.#made = translate(options)
    this.#protocols = checkProtocols(protocols)
    this.#headers = headerPairs(options.headers)
    this.#isForeign = connectsItself(options)
    if (this.#isForeign && process.platform === 'win32')
      throw unsupported('createConnection, and agents that connect in a way of their own, on Windows')
    this.url = this.#aim(address)
    const auth = credentials(this.url) ?? options.auth
    if (auth && !this.#headers.some(([name]) => /^authorization$/i.test(name))) {
      this.#headers.push(['Authorization', `Basic ${Buffer.from(String(auth)).toString('base64')}`])
    }
    if (options.origin && !this.#headers.some(([name]) => /^origin$/i.test(name))) this.#headers.push(['Origin', String(options.origin)])
    if (options.servername === '' && net.isIP(this.#host) === 0) {
      throw unsupported("the option servername: ''", 'the core asks a host with a name for that name')
    }
  }

  /** @param {string | URL} address */
  #aim(address) {
    const { url, path, unixSocket } = parseAddress(address)
    this.url = url
    this.#path = path
    this.#unixSocket = unixSocket
    const isSecure = url.protocol === 'wss:'
    const place = unixSocket ?? url.host
    if (this.#home === undefined) this.#home = { place, isSecure }
    else if (this.#emitter.listenerCount('redirect') === 0) {
      const isSame = place === this.#home.place
      const dropped = isSame && (isSecure || !this.#home.isSecure) ? [] : isSame ? SECRET : [...SECRET, 'host']
      this.#headers = this.#headers.filter(([name]) => !dropped.includes(name.toLowerCase()))
    }
    return url
  }

  get #host() {
    return this.url.hostname.replace(/^\[|\]$/g, '')
  }

  /** The request as it is or will be sent. */
  get request() {
    if (this.#request === null) {
      const connects = this.#isForeign ? this.#options : undefined
      const asked = { url: this.url, path: this.#path, headers: this.#headers, protocols: this.#protocols, connects }
      this.#request = new Request(asked, {
        send: () => this.#send(),
        drop: (error) => this.#dropped(error),
        stream: (stream) => this.#cross(stream),
      })
    }
    return this.#request
  }

  begin() {
    const { finishRequest } = this.#options
    const isShown = this.redirects > 0 && this.#emitter.listenerCount('redirect') > 0
    if (isShown) this.#emitter.emit('redirect', this.url.href, this.request)
    if (this.#isOver) return
    if (finishRequest) finishRequest(this.request, this.#emitter)
    else if (isShown || this.#isForeign) this.request.end()
    else this.#send()
  }

  #send() {
    if (this.#isOver) return
    if (this.#request) this.#headers = this.#request.pairs()
    this.#isSent = true
    if (this.#isForeign) return this.#cross(this.#stream)
    const { lookup, family = 0 } = this.#options
    if (!lookup || this.#unixSocket !== undefined || net.isIP(this.#host) !== 0) return this.#dial()
    lookup(this.#host, { family, hints: 0, all: false }, (/** @type {Error | null} */ error, /** @type {any} */ found) => {
      if (this.#isOver) return
      if (error) return this.#fail(error)
      const address = Array.isArray(found) ? found[0]?.address : found
      if (net.isIP(address) === 0) return this.#fail(new TypeError(`the function given for lookup found no IP address: ${address}`))
      this.#dial(address)
    })
  }

  /** Leads the core to the user's stream, once both are there. @param {any} stream */
  #cross(stream) {
    if (stream !== this.#stream) {
      this.#stream = stream
      stream.on('error', (/** @type {Error} */ error) => this.#fail(error))
    }
    if (!stream || !this.#isSent || this.#isOver) return
    this.#endBridge = bridge(stream, (unixSocket) => {
      if (this.#isOver) return
      const { tls, proxy, ...made } = this.#made
      const hasHost = this.#headers.some(([name]) => /^host$/i.test(name))
      const host = this.url.host || 'localhost'
      /** @type {Headers} */
      const headers = hasHost ? this.#headers : [...this.#headers, ['Host', host]]
      this.#hooks.attach(new Native(`ws://${host}${this.#path}`, this.#protocols, /** @type {any} */ ({ ...made, headers, unixSocket })))
    })
  }

  /** @param {string} [address] */
  #dial(address) {
    const { protocol, host, port } = this.url
    /** @type {Record<string, any>} */
    const made = { ...this.#made, headers: this.#headers }
    if (this.#unixSocket !== undefined) made.unixSocket = this.#unixSocket
    if (address !== undefined) made.connectTo = `${net.isIPv6(address) ? `[${address}]` : address}:${port || (protocol === 'wss:' ? 443 : 80)}`
    const origin = this.#unixSocket === undefined ? `${protocol}//${host}` : 'ws://localhost'
    this.#hooks.attach(new Native(origin + this.#path, this.#protocols, made))
  }

  /** Whether an error is a redirect, which is then followed. @param {import('../../index.js').WebSocketError} error */
  follow({ status = 0, headers }) {
    const { followRedirects, maxRedirects = 10 } = this.#options
    const location = headers?.location
    if (!followRedirects || !location || status < 300 || status > 399) return false
    this.redirects++
    if (this.redirects > maxRedirects) {
      process.nextTick(() => this.#fail(new Error('Maximum redirects exceeded')))
      return true
    }
    this.#request = this.#stream = null
    this.#isSent = false
    try {
      this.#aim(resolve(location, this.url))
      this.begin()
    } catch (error) {
      this.#fail(/** @type {Error} */ (error))
    }
    return true
  }

  /** The arguments for a listener of `unexpected-response`. @param {import('../../index.js').WebSocketError} error @returns {[any, any]} */
  refusal({ status = 0, headers = {}, body }) {
    const { request } = this
    this.#isOver = true
    request.res = new Response(status, Object.entries(headers), body)
    return [request, request.res]
  }

  /** The user destroyed the request. @param {Error} [error] */
  #dropped(error) {
    if (!this.#isOver) this.#fail(error ?? Object.assign(new Error('socket hang up'), { code: 'ECONNRESET' }))
  }

  /** @param {Error} error */
  #fail(error) {
    if (this.#isOver) return
    this.end()
    this.#hooks.fail(error)
  }

  /** The attempt is over: open, failed, or cancelled. */
  end() {
    this.#isOver = true
    this.#endBridge()
  }
}

/** @param {string} location @param {URL} here */
function resolve(location, here) {
  let url
  try {
    url = new URL(location, here)
  } catch {
    throw new SyntaxError(`Invalid URL: ${location}`)
  }
  if (url.protocol === 'ws+unix:' && here.protocol !== 'ws+unix:') {
    throw unsupported('a redirect from the network to a unix socket', 'a server has no say in what is reached on this machine')
  }
  return url
}

/** @param {URL} url */
function credentials({ username, password }) {
  return username || password ? `${decodeURIComponent(username)}:${decodeURIComponent(password)}` : undefined
}

module.exports = { Handshake }
