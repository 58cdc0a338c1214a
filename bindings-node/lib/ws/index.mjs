// Owns: the exports of `import … from 'heartwire/ws'`.
import WebSocket from './index.js'

export const { createWebSocketStream } = WebSocket
export { WebSocket, WebSocket as default }

// Code that imports them by name has to find the names, also without `ws`: they are then undefined.
export const WebSocketServer = ofWs('WebSocketServer')
export const Server = ofWs('Server')
export const Sender = ofWs('Sender')
export const Receiver = ofWs('Receiver')
export const PerMessageDeflate = ofWs('PerMessageDeflate')
export const extension = ofWs('extension')
export const subprotocol = ofWs('subprotocol')

function ofWs(name) {
  try {
    return WebSocket[name]
  } catch {
    return undefined
  }
}
