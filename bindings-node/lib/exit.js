// @ts-check
// Owns: having the addon say goodbye at the end of the process or of the worker. Knows no single socket.
'use strict'

const { isMainThread } = require('node:worker_threads')
const { addon, runtime } = require('./delivery.js')

const host = runtime()
let watching = false

/** Called with each new socket: signals that somebody listened to meanwhile may be free again. */
function watchExit() {
  addon.watchExit(isMainThread, host === 'node', host === 'deno')
  // Deno.exit() tells its own event alone.
  if (host === 'deno' && !watching) Reflect.get(globalThis, 'addEventListener')('unload', () => addon.goodbye())
  watching = true
}

module.exports = { watchExit }
