// Owns: promises, iteration, abort, disposal, pausing, streams, reconnection and the user's functions, `heartwire/install`.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { WebSocket } from '../lib/index.mjs'
import { FaultServer } from '../lib/testing.js'
import { child, history, next, within } from './helpers.mjs'

const accept = { do: 'accept' }

test('opened tells what was agreed, closed gives the last close event, both also when asked late', async () => {
  const server = new FaultServer([[{ do: 'accept', headers: [['X-Room', 'seven']] }, { do: 'echo' }]])
  const ws = new WebSocket(server.url)
  const { url, protocol, headers } = await within(ws.opened, 'opened')
  assert.deepEqual([url, protocol, headers.get('x-room')], [server.url, '', 'seven'])
  assert.equal(ws.opened, ws.opened)
  ws.close(1000, 'bye')
  const close = await within(ws.closed, 'closed')
  assert.deepEqual([close.type, close.code], ['close', 1000])
  assert.equal((await ws.opened).url, url)
  assert.equal(await ws.closed, close)
  server.stop()
})

test('unused promises are no unhandled rejections', async () => {
  const { code, err } = await child(`
    import { WebSocket } from './lib/index.mjs'
    const ws = new WebSocket('ws://127.0.0.1:1/')
    ws.opened
    ws.closed`)
  assert.deepEqual([code, err], [0, ''])
})

test('for await: every message, then the end; a loss is thrown', async () => {
  const texts = Array.from({ length: 500 }, (_, index) => `${index}`)
  const steps = [accept, ...texts.map((text) => ({ do: 'send', text }))]
  const server = new FaultServer([[...steps, { do: 'close', code: 1000 }]])
  const got = []
  for await (const { data } of new WebSocket(server.url)) got.push(data)
  assert.deepEqual(got, texts)
  server.setScript([[...steps.slice(0, 3), { do: 'reset' }]])
  const lost = []
  await assert.rejects(
    async () => {
      for await (const { data } of new WebSocket(server.url)) lost.push(data)
    },
    { name: 'WebSocketError', code: 'connection_lost' },
  )
  assert.deepEqual(lost, ['0', '1'])
  server.stop()
})

test('for await: a slow loop slows the server down, break leaves the socket open', async () => {
  const server = new FaultServer([[accept, { do: 'send', size: 1000, count: 300 }, { do: 'send', text: 'end' }, { do: 'echo' }]])
  const ws = new WebSocket(server.url)
  let count = 0
  for await (const { data } of ws) {
    if (++count % 100 === 0) await new Promise((resolve) => setTimeout(resolve, 5)) // the loop is slow: that is the subject
    if (data === 'end') break
  }
  assert.equal(count, 301)
  assert.deepEqual([ws.readyState, ws.isPaused], [1, false])
  ws.send('again')
  assert.equal((await within(once(ws, 'message'), 'an echo'))[0].data, 'again')
  ws.close()
  await within(ws.closed, 'closed')
  server.stop()
})

test('an iterator that is given up before its first step lets the socket go on', async () => {
  const server = new FaultServer([[accept, { do: 'send', size: 10, count: 200 }, { do: 'send', text: 'end' }, { do: 'close' }]])
  const ws = new WebSocket(server.url)
  await ws[Symbol.asyncIterator]().return()
  await assert.rejects(ws[Symbol.asyncIterator]().throw(new Error('enough')), { message: 'enough' })
  let last
  ws.onmessage = ({ data }) => {
    last = data
  }
  await within(ws.closed, 'closed')
  assert.equal(last, 'end')
  server.stop()
})

test('a signal ends the socket: while connecting, open, and from the start', async () => {
  const server = new FaultServer()
  const controller = new AbortController()
  const ws = new WebSocket(server.url, { signal: controller.signal })
  await within(ws.opened, 'opened')
  controller.abort()
  const close = await within(ws.closed, 'closed')
  assert.deepEqual([close.code, close.error.code], [1006, 'terminated'])
  const reason = new Error('enough')
  const other = new WebSocket(server.url, { reconnect: true, signal: AbortSignal.abort(reason) })
  await assert.rejects(other.opened, reason)
  assert.equal((await within(other.closed, 'closed')).willReconnect, false)
  await assert.rejects(other[Symbol.asyncIterator]().next(), reason)
  server.stop()
})

test('asyncDispose closes and waits', async () => {
  const server = new FaultServer()
  const ws = new WebSocket(server.url)
  await within(ws.opened, 'opened')
  await within(ws[Symbol.asyncDispose](), 'the end')
  assert.equal(ws.readyState, 3)
  await server.waitFor({ event: 'close', code: 1000 })
  server.stop()
})

test('pause holds what has come; resume and close go on', async () => {
  const server = new FaultServer([[accept, { do: 'send', text: 'a' }, { do: 'send', text: 'b' }, { do: 'send', text: 'c' }, { do: 'echo' }]])
  const ws = new WebSocket(server.url)
  const seen = []
  ws.onmessage = ({ data }) => {
    seen.push(data)
    if (data === 'a') ws.pause()
  }
  await within(once(ws, 'message'), 'a message')
  await new Promise((resolve) => setTimeout(resolve, 30)) // no event reports silence
  assert.deepEqual([seen, ws.isPaused], [['a'], true])
  ws.resume()
  while (seen.length < 3) await within(once(ws, 'message'), 'a message')
  assert.deepEqual(seen, ['a', 'b', 'c'])
  ws.pause()
  ws.close()
  await within(ws.closed, 'closed')
  server.stop()
})

test('pause lets the server wait', async () => {
  const [size, count] = [1 << 20, 50] // far more than the kernel's buffers of both sides
  const sent = { event: 'mark', name: 'all sent' }
  const server = new FaultServer([accept, { do: 'send', size, count }, { do: 'mark', name: 'all sent' }, { do: 'close', code: 1000 }])
  const ws = new WebSocket(server.url, { readLimit: 1 << 16, compression: false })
  const seen = []
  ws.onopen = () => ws.pause()
  ws.onmessage = ({ data }) => seen.push(data.length)
  await within(once(ws, 'open'), 'open')
  await assert.rejects(server.waitFor(sent, 1000), { name: 'TimeoutError' }) // time is the subject: it must not arrive
  assert.deepEqual(seen, [])
  ws.resume()
  await server.waitFor(sent, 60_000)
  await within(ws.closed, 'closed')
  assert.deepEqual(seen, Array(count).fill(size))
  server.stop()
})

test('sendStream sends one message, waits for the peer, and never leaves half of one', async () => {
  const server = new FaultServer()
  const ws = new WebSocket(server.url)
  await within(ws.opened, 'opened')
  ws.binaryType = 'nodebuffer'
  await ws.sendStream(['one ', 'two ', 'drei €'])
  ws.send('after')
  const [text] = await within(once(ws, 'message'), 'the echo')
  assert.equal(text.data, 'one two drei €')
  assert.equal((await within(once(ws, 'message'), 'the echo'))[0].data, 'after')
  const big = Buffer.alloc(300_000, 'x')
  await within(
    ws.sendStream(
      (async function* () {
        for (let index = 0; index < 20; index++) yield big
      })(),
    ),
    'the stream',
  )
  assert.equal((await within(once(ws, 'message'), 'the echo'))[0].data.length, 6_000_000)
  await ws.sendStream([])
  assert.equal((await within(once(ws, 'message'), 'the echo'))[0].data, '')
  await ws.sendStream([], { binary: true })
  assert.deepEqual((await within(once(ws, 'message'), 'the echo'))[0].data, Buffer.alloc(0))
  await assert.rejects(ws.sendStream(['a'], { binary: true }), TypeError)
  await assert.rejects(ws.sendStream([], { binary: 1 }), TypeError)
  await assert.rejects(ws.sendStream(['a'], { compress: 1 }), TypeError)
  await assert.rejects(ws.sendStream(['a', Buffer.from('b')]), TypeError)
  server.stop()
})

test('a stream whose connection is lost is rejected, costs no reconnection, and gives the next connection nothing', async () => {
  const first = [{ do: 'accept' }, { do: 'stall' }]
  const server = new FaultServer({ receive_buffer: 65536, connections: [first, [{ do: 'accept' }, { do: 'wait_close' }]] })
  const ws = new WebSocket(server.url, { compression: false, reconnect: { minDelay: 1, maxDelay: 1 } })
  await within(ws.opened, 'opened')
  const again = once(ws, 'open')
  const part = Buffer.alloc(1_000_000)
  const parts = async function* () {
    for (let index = 0; index < 30; index++) yield part
    await again // as long as it takes
    yield part
  }
  const look = setInterval(() => {
    if (ws.bufferedAmount === 0) return
    clearInterval(look)
    server.dropConnections()
  }, 1)
  await within(assert.rejects(ws.sendStream(parts()), { name: 'InvalidStateError', message: /amid the message/ }), 'the rejection')
  await within(again, 'open')
  ws.send('goes on')
  ws.close(1000)
  await within(ws.closed, 'closed')
  const records = server.records().filter(({ event }) => event === 'message' || event === 'failed')
  assert.deepEqual(
    records.map(({ text }) => text),
    ['goes on'],
  )
  server.stop()
})

for (const driver of ['host', 'background']) {
  test(`a stream whose source fails ends its connection, not the socket (${driver})`, async () => {
    const server = new FaultServer([accept, { do: 'echo' }])
    const ws = new WebSocket(server.url, { driver, reconnect: { minDelay: 1, maxDelay: 1 } })
    await within(ws.opened, 'opened')
    const parts = async function* () {
      yield 'begun '
      yield 'and '
      throw new RangeError('the source failed')
    }
    const again = next(ws, 'open')
    const lost = next(ws, 'close')
    await within(assert.rejects(ws.sendStream(parts()), { name: 'RangeError', message: 'the source failed' }), 'the rejection')
    const { willReconnect, error } = await lost
    assert.deepEqual([willReconnect, error.code], [true, 'message_aborted'])
    await again
    ws.send('goes on')
    assert.equal((await next(ws, 'message')).data, 'goes on')
    // One that fails before its first part has left costs nothing.
    const early = function* () {
      yield* []
      throw new RangeError('too early')
    }
    await assert.rejects(ws.sendStream(early()), { message: 'too early' })
    ws.send('still')
    assert.equal((await next(ws, 'message')).data, 'still')
    ws.close(1000)
    await within(ws.closed, 'closed')
    await server.waitFor({ event: 'close', code: 1011, connection: 0 })
    await server.waitFor({ event: 'close', code: 1000, connection: 1 })
    server.stop()
  })
}

test('close() amid a stream is a clean close', async () => {
  const server = new FaultServer([[{ do: 'accept' }, { do: 'wait_close' }]])
  const ws = new WebSocket(server.url, { compression: false })
  await within(ws.opened, 'opened')
  const parts = function* () {
    yield 'begun '
    yield 'and '
    ws.close(1000)
    yield 'left'
  }
  await within(assert.rejects(ws.sendStream(parts()), { name: 'InvalidStateError' }), 'the rejection')
  const { code, wasClean } = await within(ws.closed, 'closed')
  assert.deepEqual([code, wasClean], [1000, true])
  server.stop()
})

test('compress says it for one message, whole or in parts', async () => {
  const steps = [{ do: 'accept', extensions: 'permessage-deflate' }, ...Array(6).fill({ do: 'expect' }), { do: 'close' }]
  const server = new FaultServer([steps])
  const ws = new WebSocket(server.url)
  await within(ws.opened, 'opened')
  const long = 'x'.repeat(200)
  ws.send(long)
  ws.send(long, { compress: false })
  ws.send('short')
  ws.send('short', { compress: true })
  await ws.sendStream([long, long], { compress: false })
  await ws.sendStream(['sh', 'ort'], { compress: true })
  await within(ws.closed, 'closed')
  const seen = server.records().filter(({ event }) => event === 'message')
  assert.deepEqual(
    seen.map(({ text, compressed }) => [text.length, compressed]),
    [
      [200, true],
      [200, false],
      [5, false],
      [5, true],
      [400, false],
      [5, true],
    ],
  )
  server.stop()
})

test('reconnects, asks the functions for each attempt, and keeps messages meanwhile', async () => {
  const server = new FaultServer([
    [accept, { do: 'expect', text: 'first' }, { do: 'close', code: 1012 }],
    [{ do: 'refuse', status: 503 }],
    [accept, { do: 'expect', text: 'kept' }, { do: 'echo' }],
  ])
  let asked = 0
  const ws = new WebSocket(() => `${server.url}try${++asked}`, {
    headers: async () => ({ 'X-Try': `${asked}` }),
    reconnect: { minDelay: 1, maxDelay: 20, shouldReconnect: ({ code }) => code !== 4000 },
    sendQueue: true,
  })
  const seen = history(ws, ['open', 'error', 'close', 'reconnecting'])
  ws.addEventListener('open', () => ws.send('first'), { once: true })
  ws.addEventListener('close', () => ws.send('kept'), { once: true })
  while (seen.filter(([type]) => type === 'open').length < 2) await next(ws, 'open')
  await server.waitFor({ event: 'message', text: 'kept', connection: 2 })
  assert.deepEqual(
    seen.map(([type, state]) => [type, state]),
    [
      ['open', 1],
      ['close', 3],
      ['reconnecting', 0],
      ['error', 3],
      ['close', 3],
      ['reconnecting', 0],
      ['open', 1],
    ],
  )
  assert.deepEqual([seen[1][2].willReconnect, seen[2][2].attempt, seen[2][2].cause.code], [true, 1, 'closed_by_peer'])
  const requests = server.records().filter(({ event }) => event === 'request')
  assert.deepEqual(
    requests.map(({ target, headers }) => [target, headers['x-try']]),
    [
      ['/try1', '1'],
      ['/try2', '2'],
      ['/try3', '3'],
    ],
  )
  assert.equal(ws.url, `${server.url}try3`)
  ws.close()
  await within(ws.closed, 'closed')
  server.stop()
})

test('a function that raises is an error of the attempt, with its words', async () => {
  const ws = new WebSocket(() => Promise.reject(new RangeError('no address today')))
  assert.equal(ws.url, '')
  const { error, code } = await within(ws.closed, 'closed')
  assert.deepEqual([code, error.code], [1006, 'provider_failed'])
  assert.match(`${error.message} ${error.cause?.message}`, /no address today/)
})

test('heartbeats: text, bytes, JSON and functions; answered and missed', async () => {
  const server = new FaultServer([[accept, { do: 'echo' }]])
  const ws = new WebSocket(server.url, { heartbeat: { message: { beat: 1 }, interval: 20, response: { beat: 1 }, timeout: 5000 } })
  const kinds = []
  const answered = new Promise((resolve) => {
    ws.onheartbeat = (event) => {
      kinds.push(event.kind)
      if (event.kind === 'answered') resolve(event)
    }
  })
  assert.ok((await within(answered, 'an answer')).latency > 0)
  assert.deepEqual(kinds.slice(0, 2), ['sent', 'answered'])
  ws.terminate()
  server.setScript([[accept, { do: 'expect', binary: '01' }, { do: 'ignore' }]])
  let beats = 0
  const other = new WebSocket(server.url, {
    heartbeat: { message: async () => Uint8Array.of(++beats), interval: 20, response: 'never', timeout: 30, maxMissed: 2 },
  })
  const { error } = await within(other.closed, 'closed')
  assert.equal(error.code, 'heartbeat_missed')
  assert.ok(beats >= 2)
  server.stop()
})

test('heartwire/install fills the gap, and only that', async () => {
  const { out } = await child(`
    delete globalThis.WebSocket
    globalThis.CloseEvent = 'mine'
    await import('heartwire/install')
    const { WebSocket } = await import('heartwire')
    console.log(globalThis.WebSocket === WebSocket, 'WebSocket' in globalThis, globalThis.CloseEvent)`)
  assert.equal(out, 'true true mine\n')
})
