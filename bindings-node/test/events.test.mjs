// Owns: events: their order and timing, EventTarget's rules, exceptions in listeners, the context of async hooks.
import assert from 'node:assert/strict'
import { AsyncLocalStorage } from 'node:async_hooks'
import { once } from 'node:events'
import { test } from 'node:test'
import { WebSocket } from '../lib/index.mjs'
import { FaultServer } from '../lib/testing.js'
import { child, history, within } from './helpers.mjs'

/** A server that sends some texts at once, with the upgrade's answer, and then echoes. */
function talking(...texts) {
  return new FaultServer([
    [{ do: 'accept', coalesce: true }, ...texts.map((text, index) => ({ do: 'send', text, coalesce: index < texts.length - 1 })), { do: 'echo' }],
  ])
}

async function finish(ws, server) {
  ws.close()
  await within(ws.closed, 'close')
  server.stop()
}

test('open, messages and close come in order, with the standard’s fields', async () => {
  const server = talking('one', 'two')
  const ws = new WebSocket(server.url)
  const seen = history(ws)
  ws.onmessage = ({ data }) => data === 'two' && ws.close(1000)
  await within(ws.closed, 'close')
  assert.deepEqual(
    seen.map(([type, state]) => [type, state]),
    [
      ['open', 1],
      ['message', 1],
      ['message', 1],
      ['close', 3],
    ],
  )
  for (const [, , event] of seen) {
    assert.deepEqual(
      [event.isTrusted, event.bubbles, event.cancelable, event.target, event.currentTarget, event.eventPhase],
      [true, false, false, ws, null, 0],
    )
  }
  const [, , message] = seen[1]
  assert.deepEqual(
    [message.data, message.origin, message.lastEventId, message.source, message.ports],
    ['one', new URL(server.url).origin === 'null' ? `ws://127.0.0.1:${server.port}` : new URL(server.url).origin, '', null, []],
  )
  server.stop()
})

test('microtasks and ticks run between two messages of one read', async () => {
  const server = talking('1', '2', '3')
  const ws = new WebSocket(server.url)
  const seen = []
  const done = new Promise((resolve) => {
    ws.onmessage = ({ data }) => {
      seen.push(data)
      process.nextTick(() => seen.push(`tick ${data}`))
      Promise.resolve()
        .then(() => {})
        .then(() => {})
        .then(() => {
          seen.push(`micro ${data}`)
          if (data === '3') resolve()
        })
    }
  })
  await within(done, 'three messages')
  assert.deepEqual(seen, ['1', 'tick 1', 'micro 1', '2', 'tick 2', 'micro 2', '3', 'tick 3', 'micro 3'])
  await finish(ws, server)
})

test('a listener added after an await gets the very next message', async () => {
  const server = talking('1', '2', '3')
  const ws = new WebSocket(server.url)
  const data = []
  for (let index = 0; index < 3; index++) data.push((await within(once(ws, 'message'), 'a message'))[0].data)
  assert.deepEqual(data, ['1', '2', '3'])
  await finish(ws, server)
})

test('allowSynchronousEvents delivers the messages of a read at once', async () => {
  const server = talking('1', '2', '3')
  const ws = new WebSocket(server.url, { allowSynchronousEvents: true })
  const seen = []
  const done = new Promise((resolve) => {
    ws.onmessage = ({ data }) => {
      seen.push(data)
      Promise.resolve().then(() => seen.push(`micro ${data}`) === 6 && resolve())
    }
  })
  await within(done, 'three messages')
  assert.deepEqual(seen, ['1', '2', '3', 'micro 1', 'micro 2', 'micro 3'])
  await finish(ws, server)
})

test('no message after close() in a handler', async () => {
  const server = talking('1', '2', '3')
  const ws = new WebSocket(server.url)
  const seen = []
  ws.onmessage = ({ data }) => {
    seen.push(data)
    ws.close()
  }
  await within(ws.closed, 'close')
  assert.deepEqual(seen, ['1'])
  server.stop()
})

test('handler attributes keep their place, take what the standard takes, and call with this', async () => {
  const server = talking('x')
  const ws = new WebSocket(server.url)
  const calls = []
  for (const value of [1, 'f', true, undefined]) {
    ws.onmessage = value
    assert.equal(ws.onmessage, null)
  }
  const object = { handleEvent: () => calls.push('never') }
  ws.onmessage = object
  assert.equal(ws.onmessage, object)
  ws.addEventListener('message', () => calls.push('second'))
  ws.onmessage = function (event) {
    assert.deepEqual([this, event.currentTarget, event.eventPhase], [ws, ws, 2])
    calls.push('first')
  }
  const listener = { handleEvent: () => calls.push('third') }
  ws.addEventListener('message', listener)
  ws.addEventListener('message', listener)
  ws.addEventListener('message', () => calls.push('capturing'), true)
  ws.addEventListener('message', null)
  await within(once(ws, 'message'), 'a message')
  assert.deepEqual(calls, ['capturing', 'first', 'second', 'third'])
  assert.throws(() => ws.addEventListener('message', 'f'), TypeError)
  assert.throws(() => ws.addEventListener('message'), TypeError)
  await finish(ws, server)
})

test('once, signal, removal, stopImmediatePropagation and dispatchEvent as in the DOM', async () => {
  const server = talking()
  const ws = new WebSocket(server.url)
  const calls = []
  const abort = new AbortController()
  const gone = () => calls.push('gone')
  ws.addEventListener('x', () => calls.push('once'), { once: true })
  ws.addEventListener('x', () => calls.push('signal'), { signal: abort.signal })
  ws.addEventListener('x', gone)
  ws.on('x', (event) => {
    assert.deepEqual([event.target, event.currentTarget], [ws, ws])
    calls.push('on')
    ws.addEventListener('x', () => calls.push('added'))
  })
  ws.removeEventListener('x', gone)
  assert.equal(ws.dispatchEvent(new Event('x')), true)
  assert.deepEqual(calls.splice(0), ['once', 'signal', 'on'])
  abort.abort()
  ws.dispatchEvent(new Event('x'))
  assert.deepEqual(calls.splice(0), ['on', 'added'])
  ws.addEventListener('y', (event) => event.stopImmediatePropagation())
  ws.addEventListener('y', () => calls.push('never'))
  ws.addEventListener('y', (event) => event.preventDefault())
  assert.equal(ws.dispatchEvent(new Event('y', { cancelable: true })), true)
  assert.deepEqual(calls, [])
  const event = new Event('message')
  ws.onmessage = (each) => calls.push(each === event)
  ws.dispatchEvent(event)
  assert.deepEqual(calls, [true])
  assert.throws(() => ws.dispatchEvent({ type: 'x' }), TypeError)
  await finish(ws, server)
})

test('an exception in a listener reaches uncaughtException and stops neither listeners nor messages', async () => {
  const server = talking('1', '2', '3')
  const { code, out, err } = await child(`
    import { WebSocket } from './lib/index.mjs'
    const ws = new WebSocket(${JSON.stringify(server.url)})
    process.on('uncaughtException', (error, origin) => console.log(origin, error.message))
    ws.addEventListener('message', ({ data }) => { throw new Error(data) })
    ws.addEventListener('message', ({ data }) => {
      console.log('seen', data)
      if (data === '3') ws.close()
    })`)
  assert.equal(err, '')
  const expected = ['1', '2', '3'].map((each) => `seen ${each}\nuncaughtException ${each}\n`)
  assert.deepEqual([code, out], [0, expected.join('')])
  server.stop()
})

test('an error event carries the error, and is a plain Event to whoever looks', async () => {
  const server = new FaultServer([[{ do: 'refuse', status: 503, headers: [['Retry-After', '7']], body: 'busy' }]])
  const ws = new WebSocket(server.url)
  const seen = history(ws)
  await within(ws.closed, 'close')
  assert.deepEqual(
    seen.map(([type, state]) => [type, state]),
    [
      ['error', 3],
      ['close', 3],
    ],
  )
  const [[, , failed], [, , close]] = seen
  assert.equal(String(failed), '[object Event]')
  const { error } = failed
  assert.ok(error instanceof Error)
  assert.deepEqual(
    [error.name, error.code, error.phase, error.status, error.headers['retry-after'], error.body, error.retryable],
    ['WebSocketError', 'http_refused', 'http', 503, '7', 'busy', true],
  )
  assert.equal(failed.message, error.message)
  assert.equal(close.error, error)
  await assert.rejects(ws.opened, error)
  server.stop()
})

test('binaryType is read when the message is delivered', async () => {
  const server = new FaultServer([
    [
      { do: 'accept', coalesce: true },
      { do: 'send', binary: '6869' },
      { do: 'send', binary: '6869' },
      { do: 'send', binary: '6869' },
      { do: 'echo' },
    ],
  ])
  const ws = new WebSocket(server.url)
  ws.binaryType = 'wrong'
  assert.equal(ws.binaryType, 'blob')
  const types = ['arraybuffer', 'nodebuffer']
  const data = []
  const done = new Promise((resolve) => {
    ws.onmessage = (event) => {
      if (data.push(event.data) === 3) resolve()
      else ws.binaryType = types.shift()
    }
  })
  await within(done, 'three messages')
  assert.deepEqual(
    data.map((each) => each.constructor.name),
    ['Blob', 'ArrayBuffer', 'Buffer'],
  )
  assert.equal(await data[0].text(), 'hi')
  await finish(ws, server)
})

test('handlers run in the AsyncLocalStorage context of the constructor', async () => {
  const server = talking('x')
  const storage = new AsyncLocalStorage()
  const stores = []
  const ws = storage.run('mine', () => new WebSocket(server.url, { reconnect: { shouldReconnect: () => stores.push(storage.getStore()) < 0 } }))
  for (const type of ['open', 'message', 'close']) ws.addEventListener(type, () => stores.push(storage.getStore()))
  ws.onmessage = async () => {
    await null
    stores.push(storage.getStore())
    ws.close()
  }
  await within(ws.closed, 'close')
  assert.deepEqual(stores, ['mine', 'mine', 'mine', 'mine'])
  server.stop()
})

test('ping, pong, latency, json and the sockets of other sockets do not mix', async () => {
  const server = new FaultServer([[{ do: 'accept' }, { do: 'ping', payload: 'are you there' }, { do: 'send', text: '{"a":1}' }, { do: 'echo' }]])
  const ws = new WebSocket(server.url)
  const pinged = within(once(ws, 'ping'), 'a ping')
  const [message] = await within(once(ws, 'message'), 'a message')
  assert.deepEqual(message.json(), { a: 1 })
  assert.equal((await pinged)[0].payload.toString(), 'are you there')
  ws.ping('hello')
  const [pong] = await within(once(ws, 'pong'), 'a pong')
  assert.equal(pong.payload.toString(), 'hello')
  assert.ok(pong.latency > 0 && ws.latency > 0)
  assert.throws(() => ws.ping('x'.repeat(126)), { code: 'invalid_data' })
  ws.sendJSON({ b: [2] })
  assert.equal((await within(once(ws, 'message'), 'an echo'))[0].data, '{"b":[2]}')
  await finish(ws, server)
  assert.throws(() => ws.ping(), { name: 'InvalidStateError' })
})

test('an exception in a tick or a microtask of a handler loses no message either', async () => {
  const server = talking('1', '2', '3')
  const { code, out, err } = await child(`
    import { WebSocket } from './lib/index.mjs'
    const ws = new WebSocket(${JSON.stringify(server.url)})
    process.on('uncaughtException', (error) => console.log('uncaught', error.message))
    ws.onmessage = ({ data }) => {
      process.nextTick(() => { throw new Error('tick ' + data) })
      queueMicrotask(() => { throw new Error('micro ' + data) })
      console.log('seen', data)
      if (data === '3') ws.close()
    }`)
  assert.equal(err, '')
  assert.equal(code, 0)
  assert.deepEqual(
    out.trim().split('\n').sort(),
    ['seen', 'uncaught micro', 'uncaught tick'].flatMap((what) => ['1', '2', '3'].map((each) => `${what} ${each}`)),
  )
  server.stop()
})
