// Owns: however the process or a worker ends, the server gets Close 1001, and the exit status stays the usual one.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FaultServer } from '../lib/testing.js'
import { child } from './helpers.mjs'

const idle = 'setInterval(() => {}, 1000)'
const stubborn = 'for (;;);'

/** What the process does once it is open, and how it must end: `[code, signal]`. */
const ends = {
  'the normal end, with the socket unreferenced': ['ws.unref()', [0, null]],
  'process.exit() in a message handler': [`ws.onmessage = () => process.exit(7); ws.send('go')`, [7, null]],
  'process.exit() in the open handler of a second socket': [`new WebSocket(ws.url).onopen = () => process.exit(0)`, [0, null], 2],
  'process.exitCode': ['process.exitCode = 9; ws.unref()', [9, null]],
  'an uncaught exception in a handler': [`ws.onmessage = () => { throw new Error('boom') }; ws.send('go')`, [1, null]],
  'an uncaught exception in a timer': [`setTimeout(() => { throw new Error('boom') })`, [1, null]],
  'an unhandled rejection in a handler': [`ws.onmessage = async () => { throw new Error('boom') }; ws.send('go')`, [1, null]],
  SIGINT: [`process.kill(process.pid, 'SIGINT'); ${idle}`, [null, 'SIGINT']],
  SIGTERM: [`process.kill(process.pid, 'SIGTERM'); ${idle}`, [null, 'SIGTERM']],
  SIGHUP: [`process.kill(process.pid, 'SIGHUP'); ${idle}`, [null, 'SIGHUP']],
  'SIGTERM while the script blocks': [`process.kill(process.pid, 'SIGTERM'); ${stubborn}`, [null, 'SIGTERM']],
  'SIGINT with a listener of the program': [`process.on('SIGINT', () => process.exit(3)); process.kill(process.pid, 'SIGINT'); ${idle}`, [3, null]],
  'SIGTERM after a listener has gone, and another socket came': [
    `const f = () => {}; process.on('SIGTERM', f); process.off('SIGTERM', f); new WebSocket(ws.url).onopen = () => process.kill(process.pid, 'SIGTERM')`,
    [null, 'SIGTERM'],
    2,
  ],
  'text sent just before process.exit()': [`ws.send('last words'); process.exit(0)`, [0, null], 1, 'last words'],
}

for (const [name, [act, end, count = 1, words]] of Object.entries(ends)) {
  test(`goodbye on ${name}`, async () => {
    const server = new FaultServer([
      [{ do: 'accept' }, { do: 'echo' }],
      [{ do: 'accept' }, { do: 'echo' }],
    ])
    const { code, signal, out } = await child(`
      import { WebSocket } from './lib/index.mjs'
      const ws = new WebSocket(${JSON.stringify(server.url)})
      await ws.opened
      ${act}`)
    assert.deepEqual([code, signal, out], [...end, ''])
    for (let connection = 0; connection < count; connection++) await server.waitFor({ event: 'close', code: 1001, connection })
    if (words) await server.waitFor({ event: 'message', text: words })
    server.stop()
  })
}

test('a listener of the program decides: no goodbye for a signal that ends nothing', async () => {
  const server = new FaultServer()
  const { code, out } = await child(`
    import { WebSocket } from './lib/index.mjs'
    process.on('SIGHUP', () => { console.log('heard', ws.readyState); ws.send('alive') })
    const ws = new WebSocket(${JSON.stringify(server.url)})
    ws.onmessage = ({ data }) => { console.log(data); ws.close(1000) }
    ws.onopen = () => process.kill(process.pid, 'SIGHUP')`)
  assert.deepEqual([code, out], [0, 'heard 1\nalive\n'])
  await server.waitFor({ event: 'close', code: 1000 })
  server.stop()
})

test('closeOnExit: false says nothing', async () => {
  const server = new FaultServer()
  await child(`
    import { WebSocket } from './lib/index.mjs'
    const ws = new WebSocket(${JSON.stringify(server.url)}, { closeOnExit: false })
    ws.onopen = () => process.exit(0)`)
  await server.waitFor({ event: 'end' })
  assert.equal(
    server.records().find(({ event }) => event === 'close'),
    undefined,
  )
  server.stop()
})

test('a peer that does not answer holds the exit for closeOnExit at most', async () => {
  const server = new FaultServer([[{ do: 'accept' }, { do: 'stall' }]])
  const began = performance.now()
  const { code } = await child(`
    import { WebSocket } from './lib/index.mjs'
    const ws = new WebSocket(${JSON.stringify(server.url)}, { closeOnExit: 300 })
    ws.onopen = () => process.exit(4)`)
  assert.equal(code, 4)
  assert.ok(performance.now() - began < 15_000)
  server.stop()
})

test('an open socket keeps the process alive, a closed one does not, an unreferenced one neither', async () => {
  const server = new FaultServer()
  const { code, out } = await child(`
    import { WebSocket } from './lib/index.mjs'
    const ws = new WebSocket(${JSON.stringify(server.url)})
    ws.onopen = () => setTimeout(() => { console.log('still here', ws.hasRef()); ws.close() }, 50).unref()
    const other = new WebSocket(${JSON.stringify(server.url)}).unref()
    console.log(other.hasRef())
    const again = new WebSocket(${JSON.stringify(server.url)}).unref().ref()
    again.onopen = () => { again.close() }
    process.on('beforeExit', () => console.log('over', ws.readyState, again.readyState))`)
  assert.deepEqual([code, out], [0, 'false\nstill here true\nover 3 3\n'])
  server.stop()
})

const workers = {
  'terminate()': ['', "await once(worker, 'message'); await worker.terminate()"],
  'process.exit() inside': ['ws.onmessage = () => process.exit(0); ws.send("go")', "await once(worker, 'exit')"],
  'an uncaught exception inside': ['ws.onmessage = () => { throw new Error("boom") }; ws.send("go")', "await once(worker, 'error')"],
  'its normal end': ['ws.unref(); require("node:worker_threads").parentPort.close()', "await once(worker, 'exit')"],
}

for (const [name, [inside, outside]] of Object.entries(workers)) {
  test(`goodbye of a worker that ends by ${name}, while the process goes on`, async () => {
    const server = new FaultServer([
      [{ do: 'accept' }, { do: 'echo' }],
      [{ do: 'accept' }, { do: 'echo' }],
    ])
    const worker = `
      const { WebSocket } = require('./lib')
      const ws = new WebSocket(${JSON.stringify(server.url)})
      ws.onopen = () => { require('node:worker_threads').parentPort.postMessage('open'); ${inside} }`
    const { code, out, err } = await child(`
      import { once } from 'node:events'
      import { Worker } from 'node:worker_threads'
      import { WebSocket } from './lib/index.mjs'
      const worker = new Worker(${JSON.stringify(worker)}, { eval: true, execArgv: [] })
      ${outside}
      const ws = new WebSocket(${JSON.stringify(server.url)})
      ws.onopen = () => { console.log('main goes on'); ws.close(1000) }`)
    assert.deepEqual([code, out, err], [0, 'main goes on\n', ''])
    await server.waitFor({ event: 'close', code: 1001, connection: 0 })
    await server.waitFor({ event: 'close', code: 1000, connection: 1 })
    server.stop()
  })
}

test('ten workers ended under a flood, one after the other', async () => {
  const flood = [{ do: 'accept' }, { do: 'send', text: 'x', count: 100000 }, { do: 'echo' }]
  const server = new FaultServer(Array.from({ length: 10 }, () => flood))
  const worker = `
    const { WebSocket } = require('./lib')
    const ws = new WebSocket(${JSON.stringify(server.url)})
    let seen = 0
    ws.onmessage = () => ++seen === 1000 && require('node:worker_threads').parentPort.postMessage('flooded')`
  const { code, signal, err } = await child(
    `
    import { once } from 'node:events'
    import { Worker } from 'node:worker_threads'
    for (let index = 0; index < 10; index++) {
      const worker = new Worker(${JSON.stringify(worker)}, { eval: true, execArgv: [] })
      await once(worker, 'message')
      await worker.terminate()
    }`,
    { ms: 50_000 },
  )
  assert.deepEqual([code, signal, err], [0, null, ''])
  server.stop()
})

/** For each event: options, the server, and the call that fires it once the socket is made. */
const handlers = {
  open: [{}, [{ do: 'accept' }]],
  message: [{}, [{ do: 'accept' }, { do: 'send', text: 'x' }]],
  error: [{}, [{ do: 'refuse' }]],
  close: [{}, [{ do: 'accept' }, { do: 'close', code: 1000 }]],
  reconnecting: [{ reconnect: true }, [{ do: 'accept' }, { do: 'end' }]],
  ping: [{}, [{ do: 'accept' }, { do: 'ping' }]],
  pong: [{}, [{ do: 'accept' }, { do: 'pong' }]],
  heartbeat: [{ heartbeat: { message: 'x', interval: 10 } }, [{ do: 'accept' }]],
  drain: [{ writeLimit: 1000 }, [{ do: 'accept' }], `ws.onopen = () => ws.send('x'.repeat(8 << 20))`],
  dropped: [
    { reconnect: true, sendQueue: { maxMessages: 1, overflow: 'drop_oldest' } },
    [{ do: 'request' }, { do: 'delay', for: 0.2 }, { do: 'accept' }],
    `ws.send('one'); ws.send('two')`,
  ],
}

/** Those of a connection that is open. */
const open = ['open', 'message', 'ping', 'pong', 'heartbeat', 'drain']

for (const [type, [options, script, act = '']] of Object.entries(handlers)) {
  test(`process.exit() in the handler of ${type}`, async () => {
    const server = new FaultServer([[{ do: 'accept' }, { do: 'echo' }], script])
    const { code, signal, out, err } = await child(`
      import { WebSocket } from './lib/index.mjs'
      const other = new WebSocket(${JSON.stringify(server.url)})
      await other.opened
      const ws = new WebSocket(${JSON.stringify(server.url)}, ${JSON.stringify(options)})
      ws.on${type} = () => process.exit(5)
      ${act}`)
    assert.deepEqual([code, signal, out, err], [5, null, '', ''])
    await server.waitFor({ event: 'close', code: 1001, connection: 0 })
    if (open.includes(type)) await server.waitFor({ event: 'close', code: 1001, connection: 1 })
    server.stop()
  })
}

for (const driver of ['host', 'background']) {
  test(`a hundred workers with open sockets, ended in every way, some at once; driver: ${driver}`, async () => {
    const server = new FaultServer([{ do: 'accept' }, { do: 'send', text: 'x', count: 100 }, { do: 'echo' }])
    const worker = `
    const { parentPort, workerData } = require('node:worker_threads')
    const { WebSocket } = require('./lib')
    const sockets = [1, 2, 3].map(() => new WebSocket(${JSON.stringify(server.url)}, { driver: '${driver}' }))
    let open = 0
    for (const ws of sockets) ws.onopen = () => {
      if (++open < 3) return
      parentPort.postMessage('open')
      if (workerData === 1) process.exit(0)
      if (workerData === 2) throw new Error('boom')
      if (workerData === 3) { for (const ws of sockets) ws.unref(); parentPort.close() }
    }`
    const { code, signal, out, err } = await child(
      `
    import { Worker } from 'node:worker_threads'
    const run = (index) => new Promise((resolve) => {
      const worker = new Worker(${JSON.stringify(worker)}, { eval: true, execArgv: [], workerData: index % 4 })
      worker.on('message', () => index % 4 === 0 && worker.terminate())
      worker.on('error', () => {})
      worker.on('exit', resolve)
    })
    for (let round = 0; round < 25; round++) await Promise.all([0, 1, 2, 3].map(run))
    console.log('alive')`,
      { ms: 110_000 },
    )
    assert.deepEqual([code, signal, out, err], [0, null, 'alive\n', ''])
    const goodbyes = server.records().filter((record) => record.event === 'close' && record.code === 1001)
    assert.equal(goodbyes.length, 300)
    server.stop()
  })
}

test('beforeExit comes when the last socket is closed, and may open another', async () => {
  const server = new FaultServer()
  const { code, out } = await child(`
    import { WebSocket } from './lib/index.mjs'
    let count = 0
    const open = () => { const ws = new WebSocket(${JSON.stringify(server.url)}); ws.onopen = () => ws.close(1000) }
    process.on('beforeExit', () => { console.log('idle'); if (++count < 3) open() })
    open()`)
  assert.deepEqual([code, out], [0, 'idle\nidle\nidle\n'])
  server.stop()
})

/** Where process.exit() is called, after `open`. */
const places = {
  'a message handler': `ws.onmessage = () => process.exit(5); ws.send('go')`,
  'a timer': `setTimeout(() => process.exit(5))`,
  'the exit after an uncaught exception': `setTimeout(() => { throw new Error('first') })`,
}

for (const [place, act] of Object.entries(places)) {
  test(`an exit listener that throws after ${place}: the process ends as ever, with a goodbye`, async () => {
    const server = new FaultServer()
    const thrower = `process.on('exit', () => { throw new Error('from exit') })`
    const { code, signal, err } = await child(`
      import { WebSocket } from './lib/index.mjs'
      ${thrower}
      const ws = new WebSocket(${JSON.stringify(server.url)})
      await ws.opened
      ${act}`)
    const plain = await child(`${thrower}\n${place === 'a message handler' ? 'setTimeout(() => process.exit(5))' : act}`)
    assert.deepEqual([code, signal], [plain.code, plain.signal])
    for (const words of ['from exit', 'first']) assert.equal(err.includes(words), plain.err.includes(words), err)
    await server.waitFor({ event: 'close', code: 1001 })
    server.stop()
  })
}

test('many sockets and listeners on one AbortSignal: no warning, all of them end', async () => {
  const server = new FaultServer()
  const { code, out, err } = await child(`
    import { WebSocket } from './lib/index.mjs'
    const controller = new AbortController()
    const { signal } = controller
    const all = Array.from({ length: 20 }, () => new WebSocket(${JSON.stringify(server.url)}, { signal, connectLimit: 20, keeper: 60_000 }))
    let dropped = 0
    for (const ws of all) ws.addEventListener('close', () => dropped++, { signal })
    await Promise.all(all.map((ws) => ws.opened))
    // One that is over does not wait for the signal.
    all[0].close()
    await all[0].closed
    controller.abort()
    const ends = await Promise.all(all.map((ws) => ws.closed))
    console.log(ends.filter(({ error }) => error?.code === 'terminated').length, dropped)`)
  assert.deepEqual([code, out, err], [0, '19 1\n', ''])
  server.stop()
})
