// Owns: talking to a server that we did not write: `ws`, with compression, subprotocols, big messages, many sockets.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { after, before, test } from 'node:test'
import { WebSocketServer } from 'ws'
import { WebSocket } from '../lib/index.mjs'
import { within } from './helpers.mjs'

let server
let url
before(async () => {
  server = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: true, handleProtocols: (offered) => [...offered].at(-1) })
  server.on('connection', (peer) => {
    peer.on('message', (data, isBinary) => {
      if (`${data}` === 'bye') peer.close(4321, 'as you wish')
      else peer.send(data, { binary: isBinary })
    })
  })
  await once(server, 'listening')
  url = `ws://127.0.0.1:${server.address().port}/`
})
after(() => server.close())

async function echo(ws, data) {
  const back = within(once(ws, 'message'), 'the echo')
  ws.send(data)
  return (await back)[0].data
}

test('text and binary of many sizes, compressed and not', async () => {
  for (const compression of [true, false, { threshold: 0, clientNoContextTakeover: true }]) {
    const ws = new WebSocket(url, ['a', 'b'], { compression })
    ws.binaryType = 'nodebuffer'
    await within(ws.opened, 'open')
    assert.equal(ws.protocol, 'b')
    assert.equal(ws.extensions.includes('permessage-deflate'), compression !== false)
    for (const size of [0, 1, 125, 126, 127, 65_535, 65_536, 1_000_000]) {
      const text = 'zwölf Boxkämpfer '.repeat(size / 17 + 1).slice(0, size)
      assert.equal(await echo(ws, text), text)
      const bytes = Buffer.from(text)
      assert.ok(bytes.equals(await echo(ws, bytes)))
    }
    ws.send('bye')
    const { code, reason, wasClean } = await within(ws.closed, 'close')
    assert.deepEqual([code, reason, wasClean], [4321, 'as you wish', true])
  }
})

test('a thousand sockets at once', async () => {
  const sockets = Array.from({ length: 1000 }, () => new WebSocket(url, { connectLimit: 50, openTimeout: 60_000 }))
  await within(Promise.all(sockets.map((ws) => ws.opened)), 'a thousand connections', 60_000)
  const echoes = await within(Promise.all(sockets.map((ws, index) => echo(ws, `${index}`))), 'a thousand echoes', 60_000)
  assert.deepEqual(
    echoes,
    sockets.map((_, index) => `${index}`),
  )
  for (const ws of sockets) ws.close(1000)
  const closes = await within(Promise.all(sockets.map((ws) => ws.closed)), 'a thousand ends', 60_000)
  assert.ok(closes.every(({ wasClean }) => wasClean))
})
