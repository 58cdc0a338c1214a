// @ts-check
// Owns: messages that wait for a Blob to be read, so that all leave in the order of the calls. It stays empty for programs that send no Blob.
'use strict'

const { report } = require('./errors.js')

/**
 * @typedef {{ size: number, blob?: Blob, run: (bytes: ArrayBuffer) => void }} Waiting
 */

class Outbox {
  /** Payload bytes that wait here. */
  size = 0
  /** @type {Waiting[]} */
  #queue = []
  #reading = false
  #transmit

  /** @param {(data: string | ArrayBuffer | Uint8Array, flags: number) => void} transmit sends the next message */
  constructor(transmit) {
    this.#transmit = transmit
  }

  get isEmpty() {
    return this.#queue.length === 0
  }

  /**
   * Sends after the waiting messages.
   * @param {string | ArrayBuffer | Uint8Array | Blob} data
   * @param {number} flags
   */
  send(data, flags) {
    if (data instanceof Blob) {
      this.#push({ size: data.size, blob: data, run: (bytes) => this.#transmit(bytes, flags) })
    } else {
      const copy = typeof data === 'string' ? data : Uint8Array.from(data instanceof ArrayBuffer ? new Uint8Array(data) : data)
      const size = typeof copy === 'string' ? Buffer.byteLength(copy) : copy.byteLength
      this.#push({ size, run: () => this.#transmit(copy, flags) })
    }
  }

  /** Runs a function after the waiting messages. @param {() => void} run */
  after(run) {
    this.#push({ size: 0, run })
  }

  clear() {
    this.#queue = []
    this.size = 0
  }

  /** @param {Waiting} waiting */
  #push(waiting) {
    this.size += waiting.size
    this.#queue.push(waiting)
    if (!this.#reading) void this.#drain()
  }

  async #drain() {
    this.#reading = true
    for (let waiting = this.#queue[0]; waiting !== undefined; waiting = this.#queue[0]) {
      try {
        const bytes = (await waiting.blob?.arrayBuffer()) ?? new ArrayBuffer(0)
        if (this.#take(waiting)) waiting.run(bytes)
      } catch (error) {
        // The Blob could not be read, or the socket refused. The others continue, and the host gets the error.
        this.#take(waiting)
        report(error)
      }
    }
    this.#reading = false
  }

  /** Removes the first one; false if it was removed meanwhile. @param {Waiting} waiting */
  #take(waiting) {
    if (this.#queue[0] !== waiting) return false
    this.#queue.shift()
    this.size -= waiting.size
    return true
  }
}

module.exports = { Outbox }
