// Owns: bad input of the bot layer, as Node has it: a clear error or a documented outcome each, and nothing hangs. docs/bots.md, "When something is wrong".
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { WebSocket } from '../lib/index.mjs'
import { FaultServer } from '../lib/testing.js'
import { next, within } from './helpers.mjs'

const accept = { do: 'accept' }
const close = { do: 'close', code: 1000 }
const stay = { do: 'wait_end' }
const NOWHERE = 'ws://127.0.0.1:9/'

/** Plays a story with a server that follows this script. */
async function play(script, options, story) {
  const server = new FaultServer([[accept, ...script]])
  const ws = new WebSocket(server.url, { proxy: false, ...options })
  try {
    await within(story(ws, server), 'the story')
  } finally {
    ws.terminate()
    server.stop()
  }
}

/** Every one of these options is refused, and the error names its path. */
function refused(options) {
  for (const [path, given] of options) {
    assert.throws(
      () => new WebSocket(NOWHERE, given),
      ({ message }) => message.includes(path),
      path,
    )
  }
}

test('what is no reply is a message, and so is a second one', async () => {
  const strange = ['no JSON', '', '[1]', '{"id":', '{"id":7,"for":"nobody"}', '{"id":"1"}', '{"id":[1]}', '{"id":null}']
  const script = [
    { do: 'expect', text: '{"id":1,"action":"who"}' },
    ...strange.map((text) => ({ do: 'send', text })),
    { do: 'send', text: '{"id":1,"n":1}' },
    { do: 'send', text: '{"id":1,"n":2}' },
    close,
  ]
  await play(script, {}, async (ws) => {
    const messages = []
    ws.onmessage = ({ data }) => messages.push(data)
    assert.deepEqual(await ws.request({ action: 'who' }), { id: 1, n: 1 })
    await ws.closed
    assert.deepEqual(messages, [...strange, '{"id":1,"n":2}'])
  })
})

test('an id in use is refused, and the first request is answered', async () => {
  const script = [{ do: 'expect', text: '{"id":"x"}' }, { do: 'expect', text: 'go' }, { do: 'send', text: '{"id":"x","ok":true}' }, close]
  await play(script, {}, async (ws) => {
    await ws.ready
    const reply = ws.request({ id: 'x' })
    await assert.rejects(ws.request({ id: 'x' }), { code: 'invalid_data', message: /the id "x" waits for its reply already/ })
    ws.send('go')
    assert.deepEqual(await reply, { id: 'x', ok: true })
    await ws.closed
  })
})

test('a request without room for an id is refused', async () => {
  await play([stay], {}, async (ws) => {
    await ws.ready
    for (const value of ['no JSON', '[1]', '3', '', [1], 3, null]) {
      await assert.rejects(ws.request(value), { code: 'invalid_data', message: /room for an id/ }, JSON.stringify(value))
    }
  })
})

test('a login function that never returns is given up', async () => {
  const run = () => new Promise(() => {})
  await play([stay], { ready: { run, timeout: 100 } }, async (ws) => {
    const { error } = await next(ws, 'error')
    assert.deepEqual([error.code, error.phase], ['ready_timeout', 'ready'])
    assert.match(error.message, /did not return within/)
    await assert.rejects(ws.ready, { code: 'ready_timeout' })
  })
})

test('reconnect() after close() is refused', async () => {
  await play([stay], {}, async (ws) => {
    await ws.ready
    ws.close()
    for (const overlap of [false, true]) {
      assert.throws(() => ws.reconnect({ overlap }), { name: 'InvalidStateError', message: /close\(\) is final/ })
    }
    await ws.closed
    assert.throws(() => ws.reconnect(), { name: 'InvalidStateError', message: /make a new socket/ })
  })
})

test('what is no JSON pointer is refused', () => {
  for (const pointer of ['id', 'id/x', '/~2', '/~', 7, ['/id']]) {
    refused([
      ['request.id', { request: { id: pointer } }],
      ['request.responseId', { request: { responseId: pointer } }],
      ['reconnect.url', { reconnect: { on: 'x', url: pointer } }],
      ['heartbeat.fill', { heartbeat: { message: {}, fill: { '/d': pointer } } }],
    ])
  }
})

test('what is no matcher is refused', () => {
  for (const matcher of [3, 1.5, true, Number.NaN, new Uint8Array(1), () => {}]) {
    refused([
      ['ready.expect', { ready: { expect: matcher } }],
      ['ready.reject', { ready: { expect: 'x', reject: matcher } }],
      ['heartbeat.response', { heartbeat: { message: 'x', response: matcher } }],
      ['request.error', { request: { error: matcher } }],
      ['reconnect.on', { reconnect: { on: matcher } }],
    ])
  }
})

test('windows of no length, and of no messages, are refused', async () => {
  for (const window of [0, -1, Number.NaN, Number.POSITIVE_INFINITY, '1']) {
    refused([
      ['rateLimit.per', { rateLimit: { messages: 1, per: window } }],
      ['rateLimit.messages', { rateLimit: { messages: window, per: 1000 } }],
      ['rateLimit.keys.per', { rateLimit: { messages: 1, per: 1000, keys: { messages: 1, per: window } } }],
      ['rateLimit.keys.messages', { rateLimit: { messages: 1, per: 1000, keys: { messages: window, per: 1000 } } }],
    ])
  }
  refused([['rateLimit.reserve: must be less than rateLimit.messages', { rateLimit: { messages: 2, per: 1000, reserve: 2 } }]])
  await play([stay], { rateLimit: { messages: 1, per: 1000 } }, async (ws) => {
    await ws.ready
    for (const time of [-1, Number.NaN, Number.POSITIVE_INFINITY, 'soon']) assert.throws(() => ws.throttle(time), TypeError)
  })
})

test('fill without room is refused', async () => {
  const fill = { '/d/x': '/s' }
  const messages = ['no JSON', new Uint8Array([1]), '[1]', 3, { d: [1] }]
  for (const message of messages) {
    refused([['heartbeat.fill: needs heartbeat.message to be JSON with room', { heartbeat: { message, fill } }]])
  }
  await play([stay], {}, async (ws) => {
    await ws.ready
    for (const message of messages) assert.throws(() => ws.setHeartbeat({ message, fill }), /fill/)
  })
})

test('a function that gives no JSON is sent as it is', async () => {
  const beats = ['no JSON', { op: 1 }]
  const script = [{ do: 'send', text: '{"s":7}' }, { do: 'expect', text: 'no JSON' }, { do: 'expect', json: { op: 1, d: 7 } }, close]
  await play(script, { heartbeat: { message: () => beats.shift(), interval: 200, fill: { '/d': '/s' } } }, async (ws) => {
    assert.equal((await ws.closed).code, 1000)
  })
})

test('a request names the option that is wrong', async () => {
  await play([stay], {}, async (ws) => {
    await ws.ready
    for (const timeout of [-1, 0, Number.NaN, 'soon']) await assert.rejects(ws.request({}, { timeout }), /timeout/)
    await assert.rejects(ws.request({}, { key: 'chat' }), /rateLimit\.keys/)
  })
})
