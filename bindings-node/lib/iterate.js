// @ts-check
// Owns: `for await (const event of socket)`: messages in order, none lost between two steps, the socket paused when the loop is slow.
'use strict'

/** How many messages may wait for a slow loop before the socket is paused. */
const HIGH_WATER = 64

/** @typedef {InstanceType<typeof import('./socket.js').Socket>} Socket */

/**
 * @param {Socket} socket
 * @returns {AsyncGenerator<any, void, undefined>}
 */
function iterate(socket) {
  /** @type {any[]} */
  const waiting = []
  /** @type {(() => void) | null} */
  let wake = null
  let pausedByUs = false
  const notify = () => {
    wake?.()
    wake = null
  }
  const onMessage = (/** @type {any} */ event) => {
    waiting.push(event)
    if (waiting.length >= HIGH_WATER && !socket.paused) {
      pausedByUs = true
      socket.pause(true)
    }
    notify()
  }
  const goOn = () => {
    if (!pausedByUs) return
    pausedByUs = false
    socket.pause(false)
  }
  // Listens from now on, not from the first step on, so no message in between is lost.
  socket.listeners.add('message', onMessage)
  socket.watchers.add(notify)
  socket.awaiting++
  let stopped = false
  const stop = () => {
    if (!stopped) socket.awaiting--
    stopped = true
    socket.listeners.remove('message', onMessage)
    socket.watchers.delete(notify)
    goOn()
  }
  const generator = (async function* () {
    try {
      for (;;) {
        while (waiting.length > 0) {
          const event = waiting.shift()
          if (waiting.length === 0) goOn()
          yield event
        }
        if (socket.isOver) {
          if (socket.abortReason !== undefined) throw socket.abortReason
          const { error } = socket.lastClose
          // Our own close() ends the loop. A lost connection must not look like a regular end.
          if (error && !socket.closedByUs) throw error
          return
        }
        await new Promise((resolve) => {
          wake = () => resolve(undefined)
        })
      }
    } finally {
      stop()
    }
  })()
  const { return: finish, throw: fail } = generator
  // A generator that has not begun runs no `finally`.
  generator.return = (value) => {
    stop()
    return finish.call(generator, value)
  }
  generator.throw = (error) => {
    stop()
    return fail.call(generator, error)
  }
  return generator
}

module.exports = { iterate }
