// @ts-check
// Owns: having the addon say goodbye at the end of the process or of the worker. Knows no single socket.
'use strict'

const { isMainThread } = require('node:worker_threads')
const { addon, runtime } = require('./delivery.js')
const { tellOnBun, tellOnDeno } = require('./signals.js')

const host = runtime()
let watching = false

/** Called with each new socket: signals that somebody listened to meanwhile may be free again. */
function watchExit() {
  addon.watchExit(isMainThread, host === 'node', host === 'deno')
  if (watching) return
  watching = true
  // Deno.exit() tells its own event alone.
  if (host === 'deno') Reflect.get(globalThis, 'addEventListener')('unload', () => addon.goodbye())
  if (host === 'bun' && isMainThread) tellOnBun(addon.process, watchExit)
}

// At once, for Deno does not say who listens already when the first socket is made.
if (host === 'deno' && isMainThread) tellOnDeno(Reflect.get(globalThis, 'Deno'), addon.listens)

module.exports = { watchExit }
