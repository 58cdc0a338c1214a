// @ts-check
// Owns: one message whose parts come from an iterable. It waits for the peer while much is buffered. The core decides which part is the last.
'use strict'

const { addon } = require('./delivery.js')
const { bytesOf } = require('./convert.js')
const { thrown } = require('./errors.js')

/**
 * @param {InstanceType<typeof import('./socket.js').Socket>} socket
 * @param {AsyncIterable<any> | Iterable<any>} source
 * @param {number} flags
 */
async function sendStream(socket, source, flags) {
  /** @param {(handle: number) => import('./errors.js').Fields | undefined} act */
  const call = (act) => {
    if (socket.handle === null) throw new DOMException('the socket is closed', 'InvalidStateError')
    const failed = act(socket.handle)
    if (failed?.code === 'invalid_data') throw new TypeError(failed.message)
    if (failed !== undefined) throw thrown(failed)
  }
  call((handle) => addon.beginMessage(handle, flags))
  try {
    for await (const part of source) {
      const data = typeof part === 'string' ? part : bytesOf(part)
      if (data === undefined) throw new TypeError('the parts of a stream are strings, ArrayBuffers or views')
      call((handle) => addon.putPart(handle, data))
      if (socket.handle !== null && addon.bufferedAmount(socket.handle, true) > socket.writeLimit) await drained(socket)
    }
    call((handle) => addon.endMessage(handle))
  } catch (error) {
    // If a part has left, the peer must not take it for the whole message: the connection ends, and the socket may reconnect.
    if (socket.handle !== null) addon.abandonMessage(socket.handle)
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
