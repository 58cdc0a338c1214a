// @ts-check
// Owns: putting the class on globalThis where none exists: `import 'heartwire/install'`.
'use strict'

const { CloseEvent, WebSocket } = require('./index.js')

for (const [name, value] of Object.entries({ WebSocket, CloseEvent })) {
  if (!(name in globalThis)) Object.defineProperty(globalThis, name, { value, configurable: true, writable: true })
}
