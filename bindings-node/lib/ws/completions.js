// @ts-check
// Owns: the callbacks of `send`, called once what was sent before them has left. Knows of the socket only `bufferedAmount`.
'use strict'

/** How often to look while the kernel takes nothing. Nothing tells when it does. */
const LOOK_MS = 5

class Completions {
  #socket
  /** @type {((error?: Error) => void)[]} */
  #waiting = []
  #planned = false

  /** @param {{ readonly bufferedAmount: number }} socket */
  constructor(socket) {
    this.#socket = socket
  }

  /** @param {(error?: Error) => void} callback */
  add(callback) {
    this.#waiting.push(callback)
    if (!this.#planned) {
      this.#planned = true
      setImmediate(() => this.#look())
    }
  }

  #look() {
    this.#planned = false
    if (this.#waiting.length === 0) return
    if (this.#socket.bufferedAmount === 0) {
      const done = this.#waiting
      this.#waiting = []
      for (const callback of done) callback()
      return
    }
    this.#planned = true
    setTimeout(() => this.#look(), LOOK_MS)
  }

  /** The connection is over. @param {() => Error} reason */
  fail(reason) {
    const lost = this.#waiting
    this.#waiting = []
    for (const callback of lost) callback(reason())
  }
}

module.exports = { Completions }
