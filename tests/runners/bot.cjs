// Owns: a bot as PM2 runs it.
const { WebSocket } = require('heartwire')

new WebSocket(process.env.HEARTWIRE_TEST_URL)
