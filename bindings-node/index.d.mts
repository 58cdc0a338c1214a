export * from './index.js'
export { WebSocket as default } from './index.js'
