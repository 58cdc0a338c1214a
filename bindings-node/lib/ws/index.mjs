import WebSocket from './index.js'

export const { createWebSocketStream } = WebSocket
export { WebSocket, WebSocket as default }
