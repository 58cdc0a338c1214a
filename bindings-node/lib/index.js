// @ts-check
// Owns: what the package exports. Importing it changes nothing outside of it.
'use strict'

const { CloseEvent, MessageEvent } = require('./constructors.js')
const { WebSocketError } = require('./errors.js')
const { WebSocket } = require('./websocket.js')

module.exports = { WebSocket, WebSocketError, MessageEvent, CloseEvent }
