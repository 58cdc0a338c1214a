// Owns: edge cases as a raw server sees them: every way out, a dead link, the first message, handlers that throw, send and close.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { WebSocket } from '../lib/index.mjs'
import { child, within } from './helpers.mjs'
import { close, frame, text, wire } from './wire.mjs'

const idle = 'setInterval(() => {}, 1000)'

/** What the process does when it is open, and how it must end. */
const ends = {
  'the normal end': ['ws.unref()', [0, null]],
  'the normal end with process.exitCode': ['process.exitCode = 5; ws.unref()', [5, null]],
  'process.exit()': ['process.exit(3)', [3, null]],
  'an uncaught exception': [`throw new Error('boom')`, [1, null]],
  'an exception in a timer': [`setTimeout(() => { throw new Error('boom') })`, [1, null]],
  'an unhandled rejection': [`Promise.reject(new Error('boom'))`, [1, null]],
  SIGINT: [`process.kill(process.pid, 'SIGINT'); ${idle}`, [null, 'SIGINT']],
  SIGTERM: [`process.kill(process.pid, 'SIGTERM'); ${idle}`, [null, 'SIGTERM']],
  SIGHUP: [`process.kill(process.pid, 'SIGHUP'); ${idle}`, [null, 'SIGHUP']],
}

for (const driver of ['host', 'background']) {
  for (const [name, [act, end]] of Object.entries(ends)) {
    test(`one masked Close 1001 on ${name}, behind what was sent (${driver})`, async () => {
      const server = await wire((peer, response) => {
        peer.socket.write(response)
        void peer.until((peer) => peer.words().some((word) => word.startsWith('close'))).then(() => peer.socket.end(close(1001)))
      })
      const { code, signal } = await child(`
        import { WebSocket } from './lib/index.mjs'
        const ws = new WebSocket(${JSON.stringify(server.url)}, { driver: '${driver}' })
        ws.onopen = () => {
          ws.send('last words')
          ${act}
        }`)
      const peer = await server.peer()
      await peer.until((peer) => peer.end !== null, 'the end of the connection')
      assert.deepEqual([code, signal], end)
      assert.deepEqual([peer.words(), peer.end], [['text last words', 'close 1001'], 'fin'])
      assert.ok(peer.frames.every(({ masked }) => masked))
      server.stop()
    })
  }

  test(`a link that is dead is told within the interval and the timeout of the ping (${driver})`, async () => {
    const server = await wire()
    const began = performance.now()
    const ws = new WebSocket(server.url, { driver, pingInterval: 60, pingTimeout: 90 })
    const peer = await server.peer()
    const event = await within(ws.closed, 'close')
    const took = performance.now() - began
    assert.deepEqual([event.code, event.wasClean, event.error.phase, event.error.code], [1006, false, 'liveness', 'ping_timeout'])
    assert.ok(took >= 150, `told after ${took} ms`)
    await peer.until((peer) => peer.end !== null, 'the end of the connection')
    assert.equal(peer.frames[0].opcode, 9)
    server.stop()
  })

  test(`nothing that comes with the upgrade's response is lost, wherever it is cut (${driver})`, async () => {
    const following = Buffer.concat([text('first'), frame(9, 'ping'), text('second')])
    for (const cut of [0, 1, 20, 128, 129, 130, 131, 135, 140]) {
      const server = await wire((peer, response) => {
        const bytes = Buffer.concat([response, following])
        if (cut > 0) peer.socket.write(bytes.subarray(0, cut))
        setImmediate(() => peer.socket.write(bytes.subarray(cut)))
      })
      const ws = new WebSocket(server.url, { driver })
      const seen = []
      for (const type of ['open', 'message']) ws.addEventListener(type, ({ data }) => seen.push(data ?? type))
      await within(new Promise((resolve) => ws.addEventListener('message', () => seen.length === 3 && resolve())), 'two messages')
      assert.deepEqual(seen, ['open', 'first', 'second'])
      await (await server.peer()).until((peer) => peer.words().includes('pong ping'))
      ws.terminate()
      server.stop()
    }
  })

  test(`a handler that throws costs nothing, send and close inside a handler keep their order (${driver})`, async () => {
    const server = await wire((peer, response) => peer.socket.write(Buffer.concat([response, text('1'), text('2'), text('3')])))
    const { code, out, err } = await child(`
      import { WebSocket } from './lib/index.mjs'
      process.on('uncaughtException', ({ message }) => console.log('uncaught', message))
      const ws = new WebSocket(${JSON.stringify(server.url)}, { driver: '${driver}', closeTimeout: 200 })
      ws.onopen = () => { ws.send('from open'); throw new Error('open') }
      ws.onmessage = ({ data }) => {
        ws.send('a' + data)
        ws.send('b' + data)
        if (data === '2') {
          ws.close(3001, 'enough')
          ws.send('never')
        }
        throw new Error(data)
      }
      ws.onclose = ({ code, wasClean }) => console.log('close', code, wasClean)`)
    const peer = await (await server.peer()).until((peer) => peer.end !== null, 'the end of the connection')
    assert.deepEqual(peer.words(), ['text from open', 'text a1', 'text b1', 'text a2', 'text b2', 'close 3001 enough'])
    assert.deepEqual([code, out, err], [0, 'uncaught open\nuncaught 1\nuncaught 2\nclose 1006 false\n', ''])
    server.stop()
  })
}

test('two sockets at once: each has its own handlers, messages and end', async () => {
  const servers = await Promise.all([wire(), wire()])
  const sockets = servers.map(({ url }) => new WebSocket(url))
  await within(Promise.all(sockets.map((ws) => once(ws, 'open'))), 'both open')
  const peers = await Promise.all(servers.map((server) => server.peer()))
  const seen = [[], []]
  sockets.forEach((ws, index) => {
    ws.onmessage = ({ data }) => seen[index].push(data) && sockets[1 - index].send(`${data} heard by ${index}`)
    ws.onclose = ({ code }) => seen[index].push(code)
  })
  peers[0].socket.write(text('zero'))
  await peers[1].until((peer) => peer.frames.length === 1)
  peers[0].socket.end(close(4000))
  await within(once(sockets[0], 'close'), 'the end of the first')
  assert.equal(sockets[1].readyState, WebSocket.OPEN)
  peers[1].socket.write(Buffer.concat([text('one'), close(4001)]))
  await within(once(sockets[1], 'close'), 'the end of the second')
  assert.deepEqual(seen, [
    ['zero', 4000],
    ['one', 4001],
  ])
  assert.deepEqual(
    peers.map((peer) => peer.words()),
    [['close 4000'], ['text zero heard by 0', 'close 4001']],
  )
  for (const server of servers) server.stop()
})

test('sockets in worker threads and in the main thread do not know each other', async () => {
  const server = await wire((peer, response) => peer.socket.write(Buffer.concat([response, text('hello')])))
  const { code, out, err } = await child(`
    import { once } from 'node:events'
    import { Worker } from 'node:worker_threads'
    import { WebSocket } from './lib/index.mjs'
    const source = \`
      const { WebSocket } = require('./lib')
      const ws = new WebSocket(${JSON.stringify(server.url)})
      ws.onmessage = ({ data }) => { ws.send('worker ' + data); ws.close(1000) }
      ws.onclose = ({ code }) => require('node:worker_threads').parentPort.postMessage(code)\`
    const workers = Array.from({ length: 4 }, () => new Worker(source, { eval: true, execArgv: [] }))
    const ws = new WebSocket(${JSON.stringify(server.url)}, { closeTimeout: 300 })
    ws.onmessage = ({ data }) => ws.send('main ' + data)
    const codes = await Promise.all(workers.map(async (worker) => (await once(worker, 'message'))[0]))
    await Promise.all(workers.map((worker) => worker.terminate()))
    console.log(codes.length, ws.readyState)
    ws.close(1000)`)
  assert.deepEqual([code, out, err], [0, '4 1\n', ''])
  const words = server.peers.flatMap((peer) => peer.words())
  assert.equal(words.filter((word) => word === 'text worker hello').length, 4)
  assert.equal(words.filter((word) => word === 'text main hello').length, 1)
  server.stop()
})

/** Calls that come earlier in the same pass of the loop. */
const before = { 'a look at bufferedAmount': 'ws.bufferedAmount', 'a send that fails': `try { early.send('x') } catch {}` }

for (const [name, act] of Object.entries(before)) {
  test(`messages behind ${name} leave at once, also where the loop does not tell the end of its passes`, async () => {
    const server = await wire()
    const sends = child(`
      Object.defineProperty(process.versions, 'electron', { value: 'as Electron' })
      const { WebSocket } = await import('./lib/index.mjs')
      const ws = new WebSocket(${JSON.stringify(server.url)})
      ws.onclose = () => process.exit()
      ws.onopen = () => setTimeout(() => {
        const early = new WebSocket(${JSON.stringify(server.url)})
        ${act}
        for (const word of 'abc') ws.send(word)
      })`)
    const peer = await server.peer()
    await peer.until((peer) => peer.words().length === 3, 'three messages')
    peer.socket.destroy()
    await sends
    server.stop()
  })
}
