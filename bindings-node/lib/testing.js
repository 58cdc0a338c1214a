// @ts-check
// Owns: `heartwire/testing`: the fault server, a peer on loopback that behaves, or misbehaves, by a script (docs/testing.md).
'use strict'

const addon = require('./addon.js')

class FaultServer {
  #handle
  /** @type {any[] | null} What was recorded until stop(). */
  #last = null

  /** Starts it; null is an echo server. @param {any} [script] */
  constructor(script = null) {
    const about = unwrap(addon.testStart(JSON.stringify(script)))
    this.#handle = about.handle
    this.url = about.url
    this.port = about.port
    this.caPem = about.caPem
    this.clientPem = about.clientPem
  }

  /** Replaces the script for the connections to come. @param {any} script */
  setScript(script) {
    this.#call('setScript', script)
  }

  /** Everything recorded so far. */
  records() {
    return this.#last ?? this.#call('records')
  }

  /**
   * Waits until something like `pattern` was recorded, now or before, and gives that record.
   * @param {any} pattern
   * @param {number} [timeout] milliseconds
   */
  async waitFor(pattern, timeout = 5000) {
    return unwrap(await addon.testWait(this.#handle, JSON.stringify(pattern), timeout))
  }

  refuseConnections() {
    this.#call('refuse')
  }

  acceptConnections() {
    this.#call('accept')
  }

  dropConnections() {
    this.#call('drop')
  }

  stop() {
    if (this.#last !== null) return
    this.#last = this.#call('records')
    this.#call('stop')
  }

  [Symbol.dispose ?? Symbol.for('Symbol.dispose')]() {
    this.stop()
  }

  /** @param {string} method @param {any} [argument] */
  #call(method, argument = null) {
    return unwrap(addon.testCall(this.#handle, method, JSON.stringify(argument)))
  }
}

/** @param {string} text */
function unwrap(text) {
  const { ok, kind, message } = JSON.parse(text)
  if (kind === undefined) return ok
  if (kind === 'script') throw new TypeError(message)
  throw Object.assign(new Error(message), kind === 'timeout' ? { name: 'TimeoutError' } : {})
}

module.exports = { FaultServer }
