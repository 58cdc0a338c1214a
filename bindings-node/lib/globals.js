// @ts-check
// Owns: putting the classes on globalThis. It is the only module that changes anything outside of the package, and only on request.
'use strict'

const { CloseEvent } = require('./constructors.js')
const { warnOnce } = require('./warnings.js')
const { WebSocket } = require('./websocket.js')

let isOurs = false

/**
 * It leaves MessageEvent alone: the events of Node's own MessagePorts are instances of the existing class, and so are ours.
 * @param {boolean} force also replaces existing classes
 */
function install(force) {
  for (const [name, value] of Object.entries({ WebSocket, CloseEvent })) {
    // Only checks that the name exists: reading Node's own class would load it.
    const isThere = name in globalThis
    if (isThere && name === 'WebSocket' && !force && !isOurs) {
      warnOnce(
        'HEARTWIRE_NOT_INSTALLED',
        "globalThis.WebSocket is here already, as in Node 22 and later, and stays: heartwire/install changed nothing. import 'heartwire/install/force' replaces it.",
      )
    }
    if (isThere && !force) continue
    Object.defineProperty(globalThis, name, { value, configurable: true, writable: true, enumerable: false })
    if (name === 'WebSocket') isOurs = true
  }
}

module.exports = { install }
