// @ts-check
// Owns: the goodbye at the end of the process or of the worker, and which signals would end it. Knows no single socket.
'use strict'

const { constants } = require('node:os')
const { isMainThread } = require('node:worker_threads')
const { addon, runtime } = require('./delivery.js')

const SIGNALS = /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP'])

let watching = false

/** The numbers of those that nobody listens to. */
function free() {
  const numbers = []
  for (const name of SIGNALS) if (process.listenerCount(name) === 0) numbers.push(constants.signals[name])
  return numbers
}

/** Called with each new socket: signals that somebody listened to meanwhile may be free again. */
function watchExit() {
  if (isMainThread) {
    addon.watchSignals(runtime() === 'node', ...free())
  }
  if (watching) return
  watching = true
  const end = () => (isMainThread ? addon.goodbye() : addon.leave())
  process.on('exit', end)
  if (runtime() === 'deno') watchDeno(end)
}

/** Deno.exit() tells its own event alone, and Deno's handler of a signal calls ours, too. @param {() => void} end */
function watchDeno(end) {
  Reflect.get(globalThis, 'addEventListener')('unload', end)
  process.on('newListener', (name) => {
    const signal = SIGNALS.find((each) => each === name)
    if (signal) addon.leaveSignal(constants.signals[signal])
  })
}

module.exports = { watchExit }
