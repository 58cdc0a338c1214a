// @ts-check
// Owns: one message sent in fragments as its parts come from an iterable. Waits for the peer when much is buffered.
'use strict'

const { addon } = require('./delivery.js')
const { bytesOf } = require('./convert.js')
const { thrown } = require('./errors.js')
const { OPEN } = require('./socket.js')

/**
 * @param {InstanceType<typeof import('./socket.js').Socket>} socket
 * @param {AsyncIterable<any> | Iterable<any>} source
 * @param {number} flags
 */
async function sendStream(socket, source, flags) {
  /** @type {boolean | undefined} */
  let isText
  let first = true
  /** @type {ArrayBuffer | Uint8Array | undefined} */
  let held
  let before = socket.lastClose
  // The connection that it was begun on has ended: the rest belongs to none that may come after it.
  const isLost = () => !first && socket.lastClose !== before
  const send = (/** @type {ArrayBuffer | Uint8Array} */ part, /** @type {boolean} */ last) => {
    if (first) before = socket.lastClose
    if (isLost()) throw new DOMException('the connection ended amid the message', 'InvalidStateError')
    if (socket.handle === null) throw new DOMException('the socket is closed', 'InvalidStateError')
    const failed = addon.sendFragment(socket.handle, part, isText === true, first, last, flags)
    if (failed !== undefined) throw thrown(failed)
    first = false
  }
  try {
    for await (const part of source) {
      const bytes = typeof part === 'string' ? Buffer.from(part) : bytesOf(part)
      if (bytes === undefined) throw new TypeError('the parts of a stream are strings, ArrayBuffers or views')
      if (isText !== undefined && isText !== (typeof part === 'string')) {
        throw new TypeError('the parts of one message are all text or all binary')
      }
      isText = typeof part === 'string'
      if (held !== undefined) send(held, false)
      held = typeof part === 'string' ? bytes : Uint8Array.from(bytes instanceof ArrayBuffer ? new Uint8Array(bytes) : bytes)
      if (socket.handle !== null && addon.bufferedAmount(socket.handle, true) > socket.writeLimit) await drained(socket)
    }
    send(held ?? new ArrayBuffer(0), true)
  } catch (error) {
    // A part of the message has left already. The peer must not take it for the whole: the connection ends, and the socket may come back.
    if (!first && !isLost() && socket.handle !== null && socket.state === OPEN) addon.abandonMessage(socket.handle)
    throw error
  }
}

/** @param {InstanceType<typeof import('./socket.js').Socket>} socket */
function drained(socket) {
  return new Promise((resolve) => {
    const done = () => {
      socket.listeners.remove('drain', done)
      socket.watchers.delete(done)
      resolve(undefined)
    }
    socket.listeners.add('drain', done)
    socket.watchers.add(done)
  })
}

module.exports = { sendStream }
