// @ts-check
// Owns: the order of messages after a Blob that is still being read, and the callbacks of `send`, called once all earlier messages have left. Of
// Heartwire's socket it knows only how to send and `bufferedAmount`.
'use strict'

/** Milliseconds between two checks while the kernel takes no bytes. No event reports when it does. */
const LOOK_MS = 5

/**
 * @typedef {(error?: Error) => void} Callback
 * @typedef {{ size: number, blob?: Blob, callback?: Callback, run: (bytes?: ArrayBuffer) => void }} Job
 */

class Sender {
  #inner
  #fail
  /** The jobs that wait for a Blob. @type {Job[]} */
  #jobs = []
  /** @type {{ callback: Callback, isDeflated: boolean }[]} */
  #sent = []
  #planned = false
  #isOver = false

  /**
   * @param {import('../../index.js').WebSocket} inner
   * @param {(error: Error) => void} fail a Blob could not be read
   */
  constructor(inner, fail) {
    this.#inner = inner
    this.#fail = fail
  }

  /** The bytes that wait for a Blob. */
  get waiting() {
    return this.#jobs.reduce((sum, { size }) => sum + size, 0)
  }

  /** @param {any} data @param {{ compress?: boolean } | undefined} options @param {Callback | undefined} callback */
  send(data, options, callback) {
    const isDeflated = options?.compress !== false && this.#inner.extensions !== ''
    const transmit = (/** @type {any} */ content) => {
      this.#inner.send(content, options)
      if (callback) this.#await(callback, isDeflated)
    }
    if (data instanceof Blob) this.#push({ size: data.size, blob: data, callback, run: transmit })
    else this.#inOrder(() => transmit(data), Buffer.byteLength(data), callback)
  }

  /** @param {'ping' | 'pong'} kind @param {any} payload @param {Callback | undefined} callback */
  control(kind, payload, callback) {
    const transmit = () => {
      this.#inner[kind](payload)
      if (callback) this.#await(callback, false)
    }
    this.#inOrder(transmit, 0, callback)
  }

  /** Runs now, or behind the Blobs. @param {() => void} run @param {number} [size] @param {Callback} [callback] */
  #inOrder(run, size = 0, callback = undefined) {
    if (this.#jobs.length === 0) run()
    else this.#push({ size, callback, run })
  }

  /** @param {() => void} run */
  after(run) {
    this.#inOrder(run)
  }

  /** @param {Job} job */
  #push(job) {
    if (this.#jobs.push(job) === 1) void this.#drain()
  }

  async #drain() {
    for (let job = this.#jobs[0]; job !== undefined; job = this.#jobs[0]) {
      try {
        const bytes = await job.blob?.arrayBuffer()
        if (this.#isOver) return this.#drop()
        job.run(bytes)
        this.#jobs.shift()
      } catch (error) {
        this.#jobs = this.#jobs.filter((each) => each !== job)
        job.callback?.(/** @type {Error} */ (error))
        if (!this.#isOver) this.#fail(/** @type {Error} */ (error))
        return
      }
    }
  }

  /** The connection ended while a Blob was read. */
  #drop() {
    const lost = this.#jobs
    this.#jobs = []
    for (const { callback } of lost) callback?.(closed('the blob was being read'))
  }

  /** @param {Callback} callback @param {boolean} isDeflated */
  #await(callback, isDeflated) {
    this.#sent.push({ callback, isDeflated })
    if (this.#planned) return
    this.#planned = true
    setImmediate(() => this.#look())
  }

  #look() {
    this.#planned = false
    if (this.#sent.length === 0) return
    if (this.#inner.bufferedAmount === 0) {
      const done = this.#sent
      this.#sent = []
      for (const { callback } of done) callback()
      return
    }
    this.#planned = true
    setTimeout(() => this.#look(), LOOK_MS)
  }

  /** The connection is over. @param {boolean} hasLeft whether all that was sent has left */
  end(hasLeft) {
    if (this.#isOver) return
    this.#isOver = true
    const lost = this.#sent
    this.#sent = []
    for (const { callback, isDeflated } of lost) {
      if (hasLeft) callback()
      else callback(closed(isDeflated ? 'data was being compressed' : 'data was being sent'))
    }
  }
}

/** @param {string} during */
function closed(during) {
  return new Error(`The socket was closed while ${during}`)
}

module.exports = { Sender }
