// Owns: the ES module face of index.js: one and the same module, however it is loaded.
import heartwire from './index.js'

export const { WebSocket, WebSocketError, MessageEvent, CloseEvent, shutdown, stats } = /** @type {any} */ (heartwire)
export default WebSocket
