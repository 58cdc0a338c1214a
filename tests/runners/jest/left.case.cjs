// Owns: a file that leaves a socket open behind it, under jest.
const { URL, next } = require('../cases.cjs')

test('a socket is left open', async () => {
  const { WebSocket } = require('heartwire')
  const ws = new WebSocket(URL)
  await next(ws, 'open')
})
