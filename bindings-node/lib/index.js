// @ts-check
// Owns: the exports of the package: the class itself, with everything else as its properties. Importing it changes nothing outside of it.
'use strict'

const { CloseEvent, MessageEvent } = require('./constructors.js')
const { WebSocketError } = require('./errors.js')
const { shutdown } = require('./shutdown.js')
const { stats } = require('./stats.js')
const { WebSocket } = require('./websocket.js')

for (const [name, value] of Object.entries({ WebSocket, WebSocketError, MessageEvent, CloseEvent, shutdown, stats })) {
  Object.defineProperty(WebSocket, name, { value, configurable: true, writable: true, enumerable: true })
}

module.exports = WebSocket
