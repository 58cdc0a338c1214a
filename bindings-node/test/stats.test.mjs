// Tests `ws.stats` and `stats()`: the counts of every connection, the messages that wait, and the sum of the process.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { WebSocket } from 'heartwire'
import { FaultServer } from 'heartwire/testing'
import { child, within } from './helpers.mjs'

const TWO_CONNECTIONS = [
  [
    { do: 'accept', extensions: 'permessage-deflate' },
    { do: 'ping', payload: 'theirs', wait: true },
    { do: 'send', text: 'hello' },
    { do: 'expect', size: 5000 },
    { do: 'expect', text: 'small' },
    { do: 'reset' },
  ],
  [{ do: 'accept' }, { do: 'expect', text: 'again' }, { do: 'send', text: 'bye' }, { do: 'wait_close' }],
]

test('both connections of a socket are counted', async (t) => {
  const server = new FaultServer(TWO_CONNECTIONS)
  t.after(() => server.stop())
  const ws = new WebSocket(server.url, { reconnect: { minDelay: 10, maxDelay: 20 }, pingInterval: null })
  t.after(() => ws.terminate())
  let opens = 0
  let pong
  ws.onopen = () => ++opens === 2 && ws.send('again')
  ws.onmessage = ({ data }) => (data === 'hello' ? ws.ping('mine') : ws.close(1000))
  ws.onpong = (event) => {
    pong = event
    ws.send('a'.repeat(5000))
    ws.send('small')
  }
  await within(ws.closed, 'the end')
  const { stats } = ws
  assert.deepEqual([stats.attempts, stats.opens, stats.ends], [2, 2, { 1000: 1, 1006: 1 }])
  assert.deepEqual([stats.sent.messages, stats.sent.bytes, stats.sent.pings], [3, 5010, 1])
  assert.ok(stats.sent.wireBytes > 20 && stats.sent.wireBytes < 1000, '5000 letters a, compressed')
  // A header of two bytes and the payload: ping, text, pong; text, and Close with a code.
  assert.deepEqual(stats.received, { messages: 2, bytes: 8, wireBytes: 2 + 6 + 2 + 5 + 2 + 4 + (2 + 3 + 2 + 2), pings: 1 })
  assert.equal(stats.latency.measured, 1)
  assert.ok(Math.abs(stats.latency.last - pong.latency) < 0.001 && stats.latency.min === stats.latency.last)
  assert.ok(Math.abs(stats.latency.median / pong.latency - 1) <= 0.07)
  assert.deepEqual([stats.throttled, stats.dropped, stats.slowHandlers], [0, 0, 0])
  assert.deepEqual([stats.waiting.toSend, stats.waiting.bytesToSend], [0, 0])
})

test('messages that wait are counted, and those that had to wait', async (t) => {
  const server = new FaultServer([{ do: 'accept' }, { do: 'expect', text: 'three' }, { do: 'expect', text: 'two' }, { do: 'close', code: 1000 }])
  t.after(() => server.stop())
  const ws = new WebSocket(server.url, { reconnect: { maxRetries: 0 }, sendQueue: true, rateLimit: { messages: 1, per: 100, reserve: 0 } })
  t.after(() => ws.terminate())
  ws.send('two')
  assert.deepEqual([ws.stats.waiting.toSend, ws.stats.waiting.bytesToSend, ws.stats.attempts], [1, 3, 1])
  const seen = []
  // Messages of open handlers leave before the queue.
  ws.onopen = () => ws.send('three')
  ws.onthrottled = () => seen.push(ws.stats)
  await within(ws.closed, 'the end')
  assert.ok(seen[0].waiting.toSend >= 1 && seen[0].throttled >= 1)
  assert.equal(ws.stats.waiting.toSend, 0)
  assert.ok(ws.stats.throttled >= 1)
})

test('heartbeats and slow handlers are counted', async () => {
  const script = [
    { do: 'accept' },
    { do: 'send', text: 'block' },
    { do: 'expect', text: 'beat', within: 30 },
    { do: 'send', text: 'beaten' },
    { do: 'mark', name: 'stood in' },
    { do: 'wait_close', within: 30 },
  ]
  // A child, for its handler keeps the thread; the server's own thread goes on.
  const { out, err, code } = await child(`
    import { WebSocket } from 'heartwire'
    import { FaultServer } from 'heartwire/testing'
    const server = new FaultServer(${JSON.stringify(script)})
    const heartbeat = { message: 'beat', interval: 200, response: 'beaten' }
    const ws = new WebSocket(server.url, { keeper: 100, pingInterval: null, heartbeat })
    ws.onmessage = ({ data }) => {
      const until = Date.now() + 30_000
      if (data === 'block') while (!server.records().some(({ name }) => name === 'stood in') && Date.now() < until);
      else ws.close()
    }
    await ws.closed
    server.stop()
    console.log(JSON.stringify([ws.stats.slowHandlers >= 1, ws.stats.heartbeats.answered, ws.stats.heartbeats.missed]))
  `)
  assert.equal(out, '[true,1,0]\n', err)
  assert.equal(code, 0)
})

test('the process sums up the sockets of all its threads, those that are gone too', async () => {
  const { out, err, code } = await child(`
    import { Worker } from 'node:worker_threads'
    import { once } from 'node:events'
    import { WebSocket, stats } from 'heartwire'
    import { FaultServer } from 'heartwire/testing'
    const server = new FaultServer()
    const before = stats()
    const talk = async (url) => {
      const ws = new WebSocket(url)
      ws.onopen = () => ws.send('hi')
      ws.onmessage = () => ws.close(1000)
      await ws.closed
      return ws
    }
    const kept = await talk(server.url)
    const source = \`import('heartwire').then(({ WebSocket }) => (\${talk})('\${server.url}'))\`
    await once(new Worker(source, { eval: true }), 'exit')
    const { opens, attempts, sent, received, ends } = stats()
    server.stop()
    console.log(JSON.stringify([before.attempts, opens, attempts, sent.messages, received.bytes, ends, kept.stats.opens]))
  `)
  assert.equal(out, '[0,2,2,2,4,{"1000":2},1]\n', err)
  assert.equal(code, 0)
})
