// Owns: `heartwire/ws` beside ws itself: each program is played by both classes against ws' server, and has to see the same.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import http from 'node:http'
import { createRequire } from 'node:module'
import { after, before, test } from 'node:test'
import { WebSocket as Native } from 'heartwire'
import ESM, { createWebSocketStream as fromESM, WebSocket as NamedESM } from 'heartwire/ws'
import Original, { createWebSocketStream, WebSocketServer } from 'ws'

const Ours = createRequire(import.meta.url)('heartwire/ws')

let server
let url

before(async () => {
  server = new WebSocketServer({ port: 0, handleProtocols: (protocols) => [...protocols][0] })
  server.on('connection', (peer, request) => {
    peer.on('error', () => {})
    peer.on('message', (data, isBinary) => {
      const text = isBinary ? '' : data.toString()
      if (text === 'bye') peer.close(4321, 'as asked')
      else if (text === 'drop') peer.terminate()
      else if (text === 'ping') peer.ping('are you there')
      else if (text === 'headers') peer.send(JSON.stringify(request.headers))
      else if (text === 'bad frame') peer._socket.write(Buffer.from([0x83, 0x00]))
      else if (text === 'bad text') peer._socket.write(Buffer.from([0x81, 0x01, 0xff]))
      else if (text === 'large') peer.send('x'.repeat(200))
      else peer.send(data, { binary: isBinary })
    })
    peer.on('close', (code, reason) => server.emit('left', code, reason.toString()))
  })
  await once(server, 'listening')
  url = `ws://127.0.0.1:${server.address().port}`
})

after(() => server.close())

/** Plays a program with both classes and compares what it gives back. */
function same(name, play) {
  test(name, async () => {
    const [theirs, ours] = [await play(Original), await play(Ours)]
    assert.deepEqual(ours, theirs)
  })
}

/** The events of a socket, in order, until its close. */
async function log(ws, act = () => {}) {
  const seen = []
  for (const type of ['open', 'ping', 'pong']) ws.on(type, (data) => seen.push([type, data === undefined ? null : data.toString()]))
  ws.on('message', (data, isBinary) => seen.push(['message', data, isBinary]))
  ws.on('error', (error) => seen.push(['error', error.constructor.name, error.code ?? error.message]))
  ws.on('open', () => act(ws))
  const [code, reason] = await new Promise((done) => ws.on('close', (...args) => done(args)))
  return [...seen, ['close', code, reason, ws.readyState]]
}

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
same('a refused upgrade, with and without a listener', async (Class) => {
  const refusing = http.createServer((_, response) => response.writeHead(401, { 'X-Why': 'no token' }).end('go away'))
  refusing.on('upgrade', (_, socket) => socket.end('HTTP/1.1 401 Unauthorized\r\nX-Why: no token\r\nContent-Length: 7\r\n\r\ngo away'))
  await once(refusing.listen(0), 'listening')
  const address = `ws://127.0.0.1:${refusing.address().port}`
  const silent = await log(new Class(address))
  const ws = new Class(address)
  const closed = log(ws)
  const [request, response] = await once(ws, 'unexpected-response')
  const body = []
  for await (const chunk of response) body.push(chunk.toString())
  const between = ws.readyState
  request.destroy()
  ws.terminate()
  const loud = await closed
  refusing.close()
  return [silent, response.statusCode, response.headers['x-why'], body.join(''), between, loud.at(-1)]
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
    finishRequest() {},
    generateMask() {},
    lookup() {},
    autoPong: false,
    skipUTF8Validation: true,
    agent: new (class Odd {})(),
    colour: 1,
  }
  for (const [name, value] of Object.entries(refused)) {
    assert.throws(() => new Ours(url, { [name]: value }), {
      code: 'HEARTWIRE_UNSUPPORTED',
      message: new RegExp(name === 'agent' ? 'class Odd' : name),
    })
  }
  const ws = new Ours(url)
  await once(ws, 'open')
  assert.throws(() => ws._socket.remoteAddress, /_socket\.remoteAddress/)
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
