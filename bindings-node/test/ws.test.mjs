// Owns: `heartwire/ws` beside ws itself, once it is open: events, calls, words. The way there is in ws-handshake.test.mjs.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { WebSocket as Native } from 'heartwire'
import ESM, { createWebSocketStream as fromESM, WebSocket as NamedESM } from 'heartwire/ws'
import { createWebSocketStream } from 'ws'
import { log, Original, Ours, same, server, url, WebSocketServer } from './ws-beside.mjs'

same('text and binary come as Buffers with their kind', async (Class) => {
  const ws = new Class(url)
  let left = 3
  ws.on('message', () => --left || ws.close())
  return log(ws, () => {
    ws.send('text ä')
    ws.send(Buffer.from([1, 2, 3]))
    ws.send(new Float32Array([1.5]))
  })
})

same('a number is sent as its text, binary: false sends bytes as text', async (Class) => {
  const ws = new Class(url)
  let left = 3
  ws.on('message', () => --left || ws.close())
  return log(ws, () => {
    ws.send(7)
    ws.send(Buffer.from('as text'), { binary: false })
    ws.send('as bytes', { binary: true })
  })
})

same('a close of the server has its code and reason', (Class) => log(new Class(url), (ws) => ws.send('bye')))
same('a lost connection is close 1006 without an error', (Class) => log(new Class(url), (ws) => ws.send('drop')))
same('a ping of the server is an event, and answered', async (Class) => {
  const ws = new Class(url)
  ws.on('ping', () => ws.close(1000, 'seen'))
  return log(ws, () => ws.send('ping'))
})
same('a pong answers our ping, and the callback is called', async (Class) => {
  const ws = new Class(url)
  const called = []
  ws.on('pong', () => ws.close())
  return [await log(ws, () => ws.ping('x', true, (error) => called.push(error ?? null))), called]
})
same('what came before the Close is delivered after our own close()', (Class) =>
  log(new Class(url), (ws) => {
    ws.send('still answered')
    ws.close()
  }),
)
same('every code that RFC 6455 lets an endpoint send can be sent', async (Class) => {
  const codes = []
  for (const code of [1001, 1003, 1008, 1011, 1012, 3000, 4999]) {
    const reason = `for ${code}`
    const left = new Promise((done) => server.on('left', (came, why) => why === reason && done(came)))
    const ws = new Class(url)
    ws.on('open', () => ws.close(code, reason))
    await once(ws, 'close')
    codes.push(await left)
  }
  return codes
})
same('a wrong code and a long reason are refused in the same words', async (Class) => {
  const ws = new Class(url)
  await once(ws, 'open')
  const words = [[1004], [1005], [999], ['1000'], [1000, 'x'.repeat(124)]].map((args) => {
    try {
      return ws.close(...args)
    } catch (error) {
      return [error.constructor.name, error.message]
    }
  })
  ws.terminate()
  await once(ws, 'close')
  return words
})
same('broken frames have their codes', async (Class) => [
  await log(new Class(url), (ws) => ws.send('bad frame')),
  await log(new Class(url), (ws) => ws.send('bad text')),
  await log(new Class(url, { maxPayload: 100 }), (ws) => ws.send('large')),
])
same('a refused connection', async (Class) => {
  const ws = new Class('ws://127.0.0.1:1')
  let error
  ws.on('error', (given) => {
    error = given
  })
  await new Promise((done) => ws.on('close', done))
  return [error.code, error.syscall, error.address, error.port, error.message, ws.readyState]
})
same('close() while it connects', (Class) => {
  const ws = new Class(url)
  setImmediate(() => ws.close())
  return log(ws).then((events) => events.filter(([type]) => type !== 'open'))
})
same('calls on a closed socket', async (Class) => {
  const ws = new Class(url)
  const words = []
  try {
    ws.send('too early')
  } catch (error) {
    words.push(error.message)
  }
  await once(ws, 'open')
  ws.close()
  await new Promise((done) => ws.send('too late', (error) => done(words.push(error.message))))
  await once(ws, 'close')
  await new Promise((done) => ws.ping('too late', true, (error) => done(words.push(error.message))))
  return words
})
same('subprotocols, headers, origin and cookies as given', async (Class) => {
  const ws = new Class(url, ['chat', 'other'], { headers: { 'X-One': 1, Cookie: 'a=b' }, origin: 'https://here.example' })
  await once(ws, 'open')
  const message = once(ws, 'message')
  ws.send('headers')
  const headers = JSON.parse((await message)[0])
  ws.close()
  await once(ws, 'close')
  const offered = headers['sec-websocket-protocol'].split(/, */)
  return [ws.protocol, offered, ...['x-one', 'cookie', 'origin', 'sec-websocket-version'].map((name) => headers[name])]
})
same('addEventListener and the attributes', async (Class) => {
  const ws = new Class(url)
  const seen = []
  const keep = ({ type, data, code, reason, wasClean, target }) => seen.push([type, data, code, reason, wasClean, target === ws])
  ws.addEventListener('message', keep)
  ws.addEventListener('message', keep)
  ws.addEventListener('message', { handleEvent: keep }, { once: true })
  ws.onmessage = () => seen.push('replaced')
  ws.onmessage = ({ data }) => (data === 'two' ? ws.send('bye') : ws.removeEventListener('message', keep))
  ws.onclose = keep
  ws.onopen = () => {
    ws.send('one')
    ws.send('two')
  }
  await once(ws, 'close')
  return [seen, ws.listenerCount('message'), typeof ws.onmessage, ws.onerror]
})
same('pause() and resume()', async (Class) => {
  const ws = new Class(url)
  await once(ws, 'open')
  ws.pause()
  const paused = ws.isPaused
  ws.send('hello')
  setTimeout(() => ws.resume(), 50)
  const [data] = await once(ws, 'message')
  ws.terminate()
  await once(ws, 'close')
  return [paused, ws.isPaused, data.toString()]
})
same('wrong addresses and subprotocols', (Class) =>
  [['what'], ['ftp://x'], ['ws://x#y'], [url, ''], [url, ['a', 'a']], [url, 'a b'], [url, { protocolVersion: 12 }]].map((args) => {
    try {
      return new Class(...args)
    } catch (error) {
      return [error.constructor.name, error.message]
    }
  }),
)

same('bytes sent after the end count as buffered', async (Class) => {
  const ws = new Class(url)
  await once(ws, 'open')
  ws.close()
  await once(ws, 'close')
  for (const data of ['four', Buffer.from('four'), new Blob(['four'])]) ws.send(data)
  ws.ping('two')
  return ws.bufferedAmount
})
same('a Blob keeps its place among the messages', async (Class) => {
  const ws = new Class(url)
  const sent = []
  const came = await log(ws, () => {
    ws.send('one')
    ws.send(new Blob(['two']), () => sent.push('two'))
    ws.send('three', () => sent.push('three'))
    ws.close()
  })
  return [came.filter(([type]) => type === 'message').map(([, data, isBinary]) => [data.toString(), isBinary]), came.at(-1), sent]
})
test('a Blob that cannot be read is the error', async () => {
  const ws = new Ours(url)
  await once(ws, 'open')
  const failure = new DOMException('gone', 'NotReadableError')
  const blob = new Blob(['x'])
  blob.arrayBuffer = () => Promise.reject(failure)
  const events = log(ws)
  const called = new Promise((done) => ws.send(blob, done))
  assert.equal(await called, failure)
  assert.deepEqual(await events, [
    ['error', 'DOMException', failure.code],
    ['close', 1006, Buffer.alloc(0), 3],
  ])
})
same('_socket: what bots do with it', async (Class) => {
  const ws = new Class(url)
  const before = ws._socket
  await once(ws, 'open')
  const { _socket: socket } = ws
  socket.setKeepAlive(true, 1000)
  socket.setNoDelay(true)
  socket.setTimeout(0)
  const closed = once(socket, 'close')
  const over = once(ws, 'close')
  const facts = [socket.destroyed, socket.writable, Boolean(socket.encrypted), socket._writableState.length]
  socket.destroy()
  await closed
  return [before, facts, socket.destroyed, (await over)[0]]
})

test('a stream carries bytes both ways', async () => {
  for (const [Class, create] of [
    [Original, createWebSocketStream],
    [Ours, Ours.createWebSocketStream],
  ]) {
    const stream = create(new Class(url), { encoding: 'utf8' })
    stream.write('to and fro')
    const [back] = await once(stream, 'data')
    assert.equal(back, 'to and fro')
    stream.end()
    await once(stream, 'close')
  }
})

test('the exports are those of ws', () => {
  assert.equal(ESM, Ours)
  assert.equal(NamedESM, Ours)
  assert.equal(fromESM, Ours.createWebSocketStream)
  for (const name of ['WebSocket', 'default']) assert.equal(Ours[name], Ours)
  assert.equal(Ours.WebSocketServer, WebSocketServer)
  for (const [value, name] of ['CONNECTING', 'OPEN', 'CLOSING', 'CLOSED'].entries()) assert.equal(Ours[name], value)
})

test('what Heartwire has not is refused by name', async () => {
  const refused = {
    finishRequest: 'x',
    lookup: 1,
    generateMask() {},
    autoPong: false,
    skipUTF8Validation: true,
    maxFragments: 8,
    checkServerIdentity() {},
    servername: '',
    maxVersion: 'TLSv1.2',
  }
  for (const [name, value] of Object.entries(refused)) {
    assert.throws(() => new Ours('ws://localhost', { [name]: value }), { code: 'HEARTWIRE_UNSUPPORTED', message: new RegExp(name) })
  }
  const ws = new Ours(url)
  await once(ws, 'open')
  for (const name of ['write', 'cork'])
    assert.throws(() => ws._socket[name], { code: 'HEARTWIRE_UNSUPPORTED', message: new RegExp(`_socket.${name}`) })
  assert.throws(() => ws._socket.on('data', () => {}), /_socket\.on\('data'\)/)
  assert.throws(() => ws.send('x', { fin: false }), /fin: false/)
  ws._socket.unref()
  assert.ok(ws.heartwire instanceof Native)
  ws.terminate()
  await once(ws, 'close')
})

test('sockets to one host wait for each other only until TCP is done', async () => {
  const held = []
  const verifyClient = (_, answer) => {
    // Nobody is answered before all three have asked.
    if (held.push(answer) === 3) for (const each of held) each(true)
  }
  const slow = new WebSocketServer({ port: 0, host: '127.0.0.1', verifyClient })
  await once(slow, 'listening')
  const sockets = Array.from({ length: 3 }, () => new Ours(`ws://127.0.0.1:${slow.address().port}`))
  await Promise.all(sockets.map((ws) => once(ws, 'open')))
  for (const ws of sockets) ws.terminate()
  slow.close()
})
