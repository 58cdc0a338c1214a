// Owns: requests, login functions and rate limits in Node. The scenarios and the core's tests have the behaviour that all languages share.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { WebSocket } from '../lib/index.mjs'
import { FaultServer } from '../lib/testing.js'
import { next, within } from './helpers.mjs'

const accept = { do: 'accept' }
const expect = (value) => ({ do: 'expect', text: typeof value === 'string' ? value : JSON.stringify(value) })
const send = (value) => ({ do: 'send', text: typeof value === 'string' ? value : JSON.stringify(value) })
const close = { do: 'close', code: 1000 }

/** Plays a story with a server that follows this script. */
async function play(script, options, story) {
  const server = new FaultServer([[accept, ...script]])
  const ws = new WebSocket(server.url, { proxy: false, ...options })
  try {
    await within(story(ws), 'the story')
  } finally {
    ws.terminate()
    server.stop()
  }
}

test('a request gives its reply, which is no message', async () => {
  await play([expect({ id: 1, action: 'who' }), send('event'), send({ id: 1, name: 'bot' }), close], {}, async (ws) => {
    const messages = []
    ws.onmessage = ({ data }) => messages.push(data)
    assert.deepEqual(await ws.request({ action: 'who' }), { id: 1, name: 'bot' })
    await ws.closed
    assert.deepEqual(messages, ['event'])
  })
})

test('what goes wrong with a request', async () => {
  const script = [
    expect({ id: 1, n: 1 }),
    send({ id: 1, ok: false, why: 'no' }),
    { do: 'expect' },
    { do: 'expect' },
    { do: 'expect' },
    { do: 'reset' },
  ]
  await play(script, { request: { error: { ok: false } } }, async (ws) => {
    await assert.rejects(ws.request({ n: 1 }), (error) => error.code === 'request_failed' && JSON.parse(error.body).why === 'no')
    await assert.rejects(ws.request({ n: 2 }, { timeout: 50 }), { code: 'request_timeout', phase: 'request' })
    await assert.rejects(ws.request('no JSON'), { code: 'invalid_data' })
    await assert.rejects(ws.request({}, { timeout: -1 }), TypeError)
    await assert.rejects(ws.request({}, { tiemout: 1 }), /no option tiemout/)
    await assert.rejects(ws.request({}, { key: 'chat' }), { code: 'invalid_data' })
    const waiting = new AbortController()
    const aborted = ws.request({ id: 'x' }, { signal: waiting.signal })
    await assert.rejects(ws.request({ id: 'x' }), { code: 'invalid_data' })
    waiting.abort(new Error('enough'))
    await assert.rejects(aborted, /enough/)
    await assert.rejects(ws.request({ n: 'last' }), { code: 'connection_lost' })
    await ws.closed
    await assert.rejects(ws.request({}), { name: 'InvalidStateError' })
  })
})

test('a login function is called with the socket, and may make requests', async () => {
  const calls = []
  const ready = async (socket) => {
    calls.push(socket)
    assert.equal((await socket.request({ op: 'login' })).ok, true)
  }
  await play([expect({ id: 1, op: 'login' }), send({ id: 1, ok: true }), expect('after'), close], { ready }, async (ws) => {
    await ws.ready
    assert.deepEqual(calls, [ws])
    ws.send('after')
    await ws.closed
    await ws.ready.catch(() => {})
  })
})

test('a login function that returns false, and one that throws', async () => {
  const broken = () => {
    throw new RangeError('no token')
  }
  for (const [ready, code] of [
    [() => false, 'ready_rejected'],
    [broken, 'provider_failed'],
  ]) {
    await play([{ do: 'wait_close' }], { ready }, async (ws) => {
      const { error } = await next(ws, 'error')
      assert.deepEqual([error.code, error.phase], [code, 'ready'])
      await assert.rejects(ws.ready, { code })
    })
  }
})

test('ready is renewed with each connection', async () => {
  const server = new FaultServer([
    [accept, { do: 'reset' }],
    [accept, { do: 'wait_close' }],
  ])
  const ws = new WebSocket(server.url, { proxy: false, reconnect: { minDelay: 1, maxDelay: 2 } })
  const first = ws.ready
  await within(first, 'the first')
  await next(ws, 'close')
  assert.notEqual(ws.ready, first)
  await within(ws.ready, 'the second')
  ws.close()
  await ws.closed
  await assert.rejects(ws.ready)
  server.stop()
})

test('keys, urgent sends and throttle()', async () => {
  const rateLimit = { messages: 2, per: 100, keys: { messages: 1, per: 50 } }
  await play([expect('a'), expect('b'), expect('now'), close], { rateLimit }, async (ws) => {
    const throttled = next(ws, 'throttled')
    await ws.ready
    ws.send('a', { key: 'chat' })
    ws.send('b', { key: 'chat' })
    assert.equal((await throttled).waiting, 1)
    ws.throttle(1)
    setTimeout(() => ws.send('now', { urgent: true }), 300)
    await ws.closed
  })
  await play([{ do: 'wait_close' }], {}, async (ws) => {
    await ws.ready
    assert.throws(() => ws.throttle(1), { name: 'InvalidStateError' })
    assert.throws(() => ws.send('x', { key: 'chat' }), { code: 'invalid_data' })
    assert.throws(() => ws.send('x', { key: 7 }), TypeError)
    ws.close()
    await ws.closed
  })
})

test('bad options are told with their paths', () => {
  const bad = { heartbeat: { message: 'no JSON', fill: { '/d': '/s' } }, request: { id: 'id' }, rateLimit: { messages: 0, per: -1 } }
  assert.throws(
    () => new WebSocket('ws://127.0.0.1:9/', bad),
    ({ message }) => ['heartbeat.fill', 'request.id', 'rateLimit.messages', 'rateLimit.per'].every((path) => message.includes(path)),
  )
  const announced = { url: '/u', overlap: true }
  assert.throws(
    () => new WebSocket('ws://127.0.0.1:9/', { reconnect: announced }),
    ({ message }) => ['reconnect.url: needs reconnect.on', 'reconnect.overlap: needs reconnect.on'].every((words) => message.includes(words)),
  )
})
