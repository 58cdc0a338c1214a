// @ts-check
// Owns: the goodbye at the end of the process or of the worker, and which signals would end it. Knows no single socket.
'use strict'

const { constants } = require('node:os')
const { isMainThread } = require('node:worker_threads')
const { addon, runtime } = require('./delivery.js')

const SIGNALS = /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP'])

let watching = false

/** Called with each new socket: signals that somebody listened to meanwhile may be free again. */
function watchExit() {
  if (isMainThread) {
    const free = SIGNALS.filter((name) => process.listenerCount(name) === 0).map((name) => constants.signals[name])
    addon.watchSignals(runtime() === 'node', ...free)
  }
  if (watching) return
  watching = true
  process.on('exit', () => (isMainThread ? addon.goodbye() : addon.leave()))
}

module.exports = { watchExit }
