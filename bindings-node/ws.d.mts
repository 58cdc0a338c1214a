import WebSocket = require('./ws.js')

export declare const createWebSocketStream: typeof WebSocket.createWebSocketStream
export { WebSocket, WebSocket as default }
