// The types of `import 'heartwire'`.

export * from './types.js'
export { WebSocket as default } from './types.js'
