// shutdown(): no new connections, queues and requests finish, then Close 1001.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { shutdown, WebSocket } from 'heartwire'
import { FaultServer } from 'heartwire/testing'

const LATE = [
  { do: 'accept' },
  { do: 'expect', contains: 'ask' },
  { do: 'delay', for: 0.2 },
  { do: 'send', json: { id: 1, answer: 42 } },
  { do: 'wait_close' },
]

test('requests get their replies first', async (t) => {
  const server = new FaultServer(LATE)
  t.after(() => server.stop())
  const ws = new WebSocket(server.url)
  const reply = ws.request({ ask: 'it' })
  assert.equal(await shutdown(10_000), true)
  assert.equal((await reply).answer, 42)
  assert.equal((await ws.closed).code, 1001)
  await server.waitFor({ event: 'close', code: 1001 })
})

test('what is not done in time is given up', async (t) => {
  const server = new FaultServer([{ do: 'accept' }, { do: 'wait_close' }])
  t.after(() => server.stop())
  const ws = new WebSocket(server.url)
  const refused = assert.rejects(ws.request({ ask: 'it' }), { code: 'connection_lost' })
  await ws.opened
  assert.equal(await shutdown(100), false)
  await refused
  await server.waitFor({ event: 'close', code: 1001 })
})

test('no connection is opened any more', async (t) => {
  const server = new FaultServer([
    [{ do: 'accept' }, { do: 'expect', contains: 'ask' }, { do: 'delay', for: 0.2 }, { do: 'close', code: 1012 }],
    [{ do: 'accept' }],
  ])
  t.after(() => server.stop())
  const ws = new WebSocket(server.url, { reconnect: { minDelay: 1, maxDelay: 2 } })
  const refused = assert.rejects(ws.request({ ask: 'it' }), { code: 'connection_lost' })
  await server.waitFor({ event: 'message' })
  const ending = shutdown(10_000)
  const late = new WebSocket(server.url)
  const [error] = await Promise.all([new Promise((resolve) => late.addEventListener('error', resolve)), ending, refused])
  assert.equal(error.error.code, 'cancelled')
  assert.equal((await ws.closed).willReconnect, false)
  assert.deepEqual(
    server.records().filter((record) => record.connection === 1),
    [],
  )
  const again = new WebSocket(server.url)
  await again.opened
  again.close()
  await again.closed
})

test('what cannot be', async () => {
  for (const wrong of [-1, Number.NaN, '1', null]) await assert.rejects(shutdown(/** @type {any} */ (wrong)), TypeError)
  assert.equal(await shutdown(1), true)
  const ws = new WebSocket('ws://127.0.0.1:1/')
  ws.terminate()
  assert.throws(() => ws.reconnect(/** @type {any} */ ({ overlap: 'yes' })), /overlap must be true or false/)
})
