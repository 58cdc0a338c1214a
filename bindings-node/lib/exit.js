// @ts-check
// Owns: makes the addon send the Close frames at the end of the process or of the worker. Knows no single socket.
'use strict'

const { addon, runtime } = require('./delivery.js')
const { tellOnBun, tellOnDeno } = require('./signals.js')

const host = runtime()
let watching = false

/** Loads a module that loads many others, so it waits for the first socket: importing the package stays cheap. */
const isMainThread = () => require('node:worker_threads').isMainThread

/** Called with each new socket, because signals may have lost their listeners meanwhile. */
function watchExit() {
  addon.watchExit(isMainThread(), host === 'node', host === 'deno')
  if (watching) return
  watching = true
  // Deno.exit() fires only Deno's own event.
  if (host === 'deno') Reflect.get(globalThis, 'addEventListener')('unload', () => addon.goodbye())
  if (host === 'bun' && isMainThread()) tellOnBun(addon.process, watchExit)
}

// At once, because Deno cannot tell later which listeners existed already.
if (host === 'deno' && isMainThread()) tellOnDeno(Reflect.get(globalThis, 'Deno'), addon.listens)

module.exports = { watchExit }
