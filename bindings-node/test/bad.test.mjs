// Owns: bad input of every kind, seen by a server by hand: a clear error that names field, value and rule; nothing sent, nothing lost.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { WebSocket, WebSocketError } from '../lib/index.mjs'
import { within } from './helpers.mjs'
import { text, wire } from './wire.mjs'

const CRLF = 'a\r\nInjected: yes'

/** What the error must say, each a part of its message. */
const options = [
  [{ pingIntervall: 5 }, ['pingIntervall', 'did you mean pingInterval?']],
  [{ ping_interval: 5 }, ['ping_interval', 'did you mean pingInterval?']],
  [{ reconnect: { minDelays: 5 } }, ['reconnect.minDelays', 'did you mean reconnect.minDelay?']],
  [{ rejectUnauthorized: false }, ['rejectUnauthorized', 'did you mean tls.verify?']],
  [{ perMessageDeflate: true }, ['perMessageDeflate', 'did you mean compression?']],
  [{ onMessage: () => {} }, ['onMessage', "a handler is set on the socket: ws.onmessage = f, or ws.on('message', f)"]],
  [{ message: () => {} }, ['message', "a handler is set on the socket: ws.onmessage = f, or ws.on('message', f)"]],
  [{ maxRetry: 3 }, ['maxRetry', 'did you mean reconnect.maxRetries?']],
  [{ tls: { passphrase: 's3cret' } }, ['tls.passphrase', 'did you mean tls.password?']],
  [{ pingInterval: '20' }, ['pingInterval', 'a number of milliseconds', '"20"']],
  [{ pingInterval: -1 }, ['pingInterval', 'a number of milliseconds from 1', '-1']],
  [{ maxSize: 1.5 }, ['maxSize', 'a whole number of bytes', '1.5']],
  [{ maxSize: 10n }, ['maxSize', '10n']],
  [{ maxSize: 2 ** 40 }, ['maxSize', 'longest string', '1099511627776']],
  [{ openTimeout: Number.POSITIVE_INFINITY }, ['openTimeout', 'Infinity']],
  [{ reconnect: 'yes' }, ['reconnect', 'true, false or an object', '"yes"']],
  [{ reconnect: { minDelay: 100, maxDelay: 10 } }, ['reconnect.minDelay', 'reconnect.maxDelay']],
  [{ heartbeat: {} }, ['heartbeat.message', 'required']],
  [{ headers: { 'X-A': CRLF } }, ['headers["X-A"]', 'control character']],
  [{ headers: { 'X-A': 'a\0b' } }, ['headers["X-A"]', 'NUL']],
  [{ headers: [['X\nA', 'b']] }, ['headers[(not shown)]', 'a name that HTTP does not allow']],
  [{ headers: { 'Sec-WebSocket-Key': 'x' } }, ['headers["Sec-WebSocket-Key"]', 'set by the handshake']],
  [{ headers: { 'X-A': 5 } }, ['headers["X-A"]', 'a text']],
  [{ origin: CRLF }, ['origin', 'without control characters']],
  [{ userAgent: CRLF }, ['userAgent', 'without control characters']],
  [{ cookies: { a: CRLF } }, ['cookies["a"]', 'control character']],
  [{ cookies: { 'a;b': 'c' } }, ['cookies[(not shown)]', 'a name that a cookie must not have']],
  [{ auth: ['a:b', 'c'] }, ['auth', 'without a colon']],
  [{ proxy: 'ftp://h' }, ['proxy', 'socks5h', '"ftp://h"']],
  [{ tls: { minVersion: '1.0' } }, ['tls.minVersion', '"1.2" or "1.3"', '"1.0"']],
  [{ driver: 'magic' }, ['driver', '"auto", "host" or "background"', '"magic"']],
  [{ pingInterval: 0, maxSize: -1, foo: 1 }, ['pingInterval', 'maxSize', 'foo']],
  [Object.create({ pingInterval: 'inherited' }), ['pingInterval', '"inherited"']],
]

test('wrong options are refused at once, all together, and connect nowhere', async (t) => {
  const server = await wire()
  t.after(() => server.stop())
  for (const [given, parts] of options) {
    for (const args of [[given], [[], given]]) {
      assert.throws(
        () => new WebSocket(server.url, ...args),
        (error) => error instanceof WebSocketError && error.phase === 'options' && parts.every((part) => error.message.includes(part)),
        parts[0],
      )
    }
  }
  for (const signal of ['x', {}, null]) assert.throws(() => new WebSocket(server.url, { signal }), TypeError)
  const ws = new WebSocket(server.url)
  await within(once(ws, 'open'), 'open')
  assert.equal(server.peers.length, 1)
  ws.terminate()
})

test('secrets are not repeated', () => {
  for (const given of [{ headers: { Authorization: 'hunter2\n' } }, { auth: ['me:', 'hunter2'] }, { cookies: { id: 'hunter2\n' } }]) {
    assert.throws(
      () => new WebSocket('ws://127.0.0.1:1/', given),
      ({ message }) => !message.includes('hunter2'),
    )
  }
  assert.throws(
    () => new WebSocket('ws://me:hunter2@h:port/'),
    ({ name, message }) => name === 'SyntaxError' && !message.includes('hunter2'),
  )
})

/** Calls on an open socket, and the names of their exceptions. */
const calls = [
  ['send()', (ws) => ws.send(), 'TypeError'],
  ['send(Symbol)', (ws) => ws.send(Symbol('x')), 'TypeError'],
  ['send(object without a string)', (ws) => ws.send(Object.create(null)), 'TypeError'],
  ['send(shared memory)', (ws) => ws.send(new Uint8Array(new SharedArrayBuffer(2))), 'TypeError'],
  ['send(compress: 1)', (ws) => ws.send('x', { compress: 1 }), 'TypeError'],
  ['sendJSON(undefined)', (ws) => ws.sendJSON(undefined), 'TypeError'],
  ['sendJSON(circular)', (ws) => ws.sendJSON(ws.circular), 'TypeError'],
  ['ping(126 bytes)', (ws) => ws.ping('x'.repeat(126)), 'WebSocketError'],
  ['pong(126 bytes)', (ws) => ws.pong(Buffer.alloc(126)), 'WebSocketError'],
  ['ping(Symbol)', (ws) => ws.ping(Symbol('x')), 'TypeError'],
  ...[0, 999, 1001, 1005, 1006, 1015, 2999, 5000, -1, 65536, 1000.6, null, Number.NaN, 'x', {}].map((code) => [
    `close(${code})`,
    (ws) => ws.close(code),
    'InvalidAccessError',
  ]),
  ['close(1000n)', (ws) => ws.close(1000n), 'TypeError'],
  ['close(1000, 124 bytes)', (ws) => ws.close(1000, 'ä'.repeat(62)), 'SyntaxError'],
  ['close(1000, 42 lone surrogates)', (ws) => ws.close(1000, '\udc00'.repeat(42)), 'SyntaxError'],
  ['close(undefined, 124 bytes)', (ws) => ws.close(undefined, 'x'.repeat(124)), 'SyntaxError'],
  ['close(1000, Symbol)', (ws) => ws.close(1000, Symbol('x')), 'TypeError'],
  ['addEventListener(x)', (ws) => ws.addEventListener('message'), 'TypeError'],
  ['addEventListener(x, 5)', (ws) => ws.addEventListener('message', 5), 'TypeError'],
  ['on(x, text)', (ws) => ws.on('message', 'f'), 'TypeError'],
  ['dispatchEvent(object)', (ws) => ws.dispatchEvent({ type: 'message' }), 'TypeError'],
]

test('a wrong call on an open socket throws, sends nothing and loses nothing', async (t) => {
  const server = await wire()
  t.after(() => server.stop())
  const ws = new WebSocket(server.url)
  await within(once(ws, 'open'), 'open')
  const peer = await server.peer()
  ws.circular = { ws }
  ws.circular.self = ws.circular
  ws.send('before')
  for (const [name, call, expected] of calls) {
    assert.throws(
      () => call(ws),
      (error) =>
        error.name === expected && (expected.endsWith('Error') && !/TypeError|WebSocketError/.test(expected) ? error instanceof DOMException : true),
      name,
    )
    assert.equal(ws.readyState, WebSocket.OPEN, name)
  }
  await assert.rejects(ws.sendStream(5), TypeError)
  await assert.rejects(ws.sendStream([5]), TypeError)
  ws.send('after')
  await peer.until((peer) => peer.words().includes('text after'))
  peer.socket.write(text('still heard'))
  assert.equal((await within(once(ws, 'message'), 'a message'))[0].data, 'still heard')
  ws.close(4999, 'x'.repeat(123))
  await peer.until((peer) => peer.frames.length === 3)
  assert.deepEqual(peer.words(), ['text before', 'text after', `close 4999 ${'x'.repeat(123)}`])
  assert.equal(ws.send('late'), undefined)
  assert.throws(() => ws.send(Symbol('x')), TypeError)
  ws.terminate()
  await within(ws.closed, 'close')
  assert.equal(ws.send('later'), undefined)
  assert.equal(peer.frames.length, 3)
})

const functions = [
  ['url', (given) => new WebSocket(() => given), ['#x', 'ftp://h/', 5], 'absolute|scheme'],
  [
    'headers',
    (given, url) => new WebSocket(url, { headers: () => given }),
    [{ 'X-A': CRLF }, { 'X\0': 'a' }],
    'control character|HTTP does not allow',
  ],
  ['headers', (given, url) => new WebSocket(url, { headers: async () => given }), ['text', 5, { a: 5 }], 'must be'],
  ['protocols', (given, url) => new WebSocket(url, { protocols: async () => given }), ['a b', ['a', 'A'], CRLF], 'must not have|twice'],
]

test('what a function of the user gives is checked for each attempt, and nothing is sent', async (t) => {
  const server = await wire()
  t.after(() => server.stop())
  for (const [name, open, values, rule] of functions) {
    for (const value of values) {
      const { error } = await within(open(value, server.url).closed, `close after ${name}`)
      assert.equal(error.code, 'provider_failed')
      assert.match(error.message, new RegExp(`given for ${name} failed: .*(${rule})`))
    }
  }
  assert.equal(server.peers.length, 0)
})
