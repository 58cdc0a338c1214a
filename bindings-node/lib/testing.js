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

  /** Replaces the script for later connections. @param {any} script */
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

  /** Ends it. Throws if a client did not do what the script expected, so that the test fails. */
  stop() {
    if (this.#last !== null) return
    /** @type {any[]} */
    const records = this.#call('records')
    this.#last = records
    this.#call('stop')
    const failed = records.filter(({ event }) => event === 'failed')
    if (failed.length > 0) throw new ScriptFailed(failed)
  }

  [Symbol.dispose ?? Symbol.for('Symbol.dispose')]() {
    this.stop()
  }

  async [Symbol.asyncDispose ?? Symbol.for('Symbol.asyncDispose')]() {
    this.stop()
  }

  /** @param {string} method @param {any} [argument] */
  #call(method, argument = null) {
    return unwrap(addon.testCall(this.#handle, method, JSON.stringify(argument)))
  }
}

/** Steps of the script that failed. */
class ScriptFailed extends Error {
  /** @param {{ connection: number, step: string, message: string }[]} failed */
  constructor(failed) {
    const lines = failed.map(({ connection, step, message }) => `connection ${connection}, ${step}: ${message}`)
    super(`the script of the fault server failed:\n  ${lines.join('\n  ')}`)
    /** Their records. */
    this.failed = failed
  }
}
Object.defineProperty(ScriptFailed.prototype, 'name', { value: 'ScriptFailed', configurable: true, writable: true })

/** @param {string} text */
function unwrap(text) {
  const { ok, kind, message } = JSON.parse(text)
  if (kind === undefined) return ok
  if (kind === 'script') throw new TypeError(message)
  throw Object.assign(new Error(message), kind === 'timeout' ? { name: 'TimeoutError' } : {})
}

module.exports = { FaultServer }
