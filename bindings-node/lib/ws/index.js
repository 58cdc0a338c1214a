// @ts-check
// Owns: the exports of `require('heartwire/ws')`, which are those of ws. The classes that Heartwire does not replace come from ws, if it is
// installed.
'use strict'

const { createWebSocketStream } = require('./stream.js')
const { WebSocket } = require('./websocket.js')

/** The names that servers and extensions need. Heartwire is a client. */
const FROM_WS = ['WebSocketServer', 'Server', 'Sender', 'Receiver', 'PerMessageDeflate', 'extension', 'subprotocol']

/** @param {string} name @returns {unknown} */
function fromWs(name) {
  /** @type {any} */
  let ws
  try {
    // ws is there only if the user installed it.
    ws = require('ws')
  } catch (cause) {
    throw new Error(`heartwire/ws has no ${name} of its own, and the package ws, which has it, is not installed: npm install ws`, { cause })
  }
  // If an override replaces ws by heartwire/ws, there is no real ws.
  if (ws === WebSocket) throw new Error(`heartwire/ws has no ${name} of its own, and ws is replaced by it here: import it under another name`)
  return ws[name]
}

for (const name of FROM_WS) Object.defineProperty(WebSocket, name, { configurable: true, enumerable: true, get: () => fromWs(name) })

module.exports = Object.assign(WebSocket, { WebSocket, default: WebSocket, createWebSocketStream })
