// Owns: signals that end the process close the sockets first, whatever the program did to signals before. A signal that the program listens to
// belongs to the program, which prints `ready` and gets the signal from outside.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { FaultServer } from '../lib/testing.js'
import { child, run } from './helpers.mjs'

const idle = 'setInterval(() => {}, 1000)'
const listen = `const listener = () => {}; process.on(SIGNAL, listener)`

/** What happens around the socket `ws`, which is open before `ready` is printed. */
const programs = {
  'nobody listens': [''],
  'a listener that came and went before the socket': ['', `${listen}; process.off(SIGNAL, listener)`],
  'a listener that came and went after it': [`${listen}; process.off(SIGNAL, listener)`],
  'two listeners, one after the other': [
    `${listen}; process.on(SIGNAL, console.log); process.off(SIGNAL, listener); process.off(SIGNAL, console.log)`,
  ],
  'a listener that was there before the socket and went': [`process.removeAllListeners(SIGNAL)`, listen],
  'once(), which raises the signal again': [`process.once(SIGNAL, () => { console.log('heard'); process.kill(process.pid, SIGNAL) })`, '', 'heard\n'],
  'a script that blocks': ['setImmediate(() => { for (;;); })'],
}

const signals = ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT', 'SIGUSR2']

/** Runs a module, and sends the signal when it prints `ready`. */
async function play(source, signal) {
  const server = new FaultServer([{ do: 'accept' }, { do: 'echo' }])
  const onLine = (line, process) => line === 'ready' && process.kill(signal)
  const ended = await child(source.replaceAll('SIGNAL', `'${signal}'`).replaceAll('SERVER', `'${server.url}'`), { onLine })
  return { ...ended, out: ended.out.replace('ready\n', ''), server }
}

for (const [name, [after, before = '', words = '']] of Object.entries(programs)) {
  for (const signal of name === 'nobody listens' ? signals : ['SIGTERM', 'SIGHUP']) {
    test(`${signal}: ${name}`, async () => {
      const {
        code,
        signal: by,
        out,
        err,
        server,
      } = await play(
        `
        import { WebSocket } from './lib/index.mjs'
        ${before}
        const ws = new WebSocket(SERVER)
        await ws.opened
        ${after}
        setImmediate(() => setImmediate(() => { ${idle} }))
        process.stdout.write('ready\\n')`,
        signal,
      )
      assert.deepEqual([code, by, out, err], [null, signal, words, ''])
      await server.waitFor({ event: 'close', code: 1001 })
      server.stop()
    })
  }
}

const worker = `
  const { WebSocket } = require('./lib')
  const ws = new WebSocket(SERVER)
  ws.onopen = () => require('node:worker_threads').parentPort.postMessage('open')`

const elsewhere = {
  'sockets in a worker only': '',
  'sockets in a worker, listeners of the main thread that came and went': `process.on(SIGNAL, console.log); process.off(SIGNAL, console.log)`,
}

for (const [name, before] of Object.entries(elsewhere)) {
  test(`SIGTERM: ${name}`, async () => {
    const { code, signal, out, err, server } = await play(
      `
      import { Worker } from 'node:worker_threads'
      ${before}
      new Worker(\`${worker}\`, { eval: true, execArgv: [] }).on('message', () => console.log('ready'))`,
      'SIGTERM',
    )
    assert.deepEqual([code, signal, out, err], [null, 'SIGTERM', '', ''])
    await server.waitFor({ event: 'close', code: 1001 })
    server.stop()
  })
}

test('a listener of the main thread decides for sockets in a worker', async () => {
  const { code, out, err, server } = await play(
    `
    import { once } from 'node:events'
    import { Worker } from 'node:worker_threads'
    process.on(SIGNAL, async () => {
      console.log('heard')
      worker.postMessage('go on')
      await once(worker, 'exit')
    })
    const worker = new Worker(\`${worker}
      require('node:worker_threads').parentPort.on('message', () => { ws.close(4000); ws.onclose = () => process.exit() })\`, { eval: true, execArgv: [] })
    worker.on('message', () => console.log('ready'))
    worker.on('exit', () => process.exit(3))`,
    'SIGTERM',
  )
  assert.deepEqual([code, out, err], [3, 'heard\n', ''])
  await server.waitFor({ event: 'close', code: 4000 })
  server.stop()
})

test('SIGUSR1 is the debugger, as ever: nothing ends', async () => {
  const { code, out, server } = await play(
    `
    import { WebSocket } from './lib/index.mjs'
    import inspector from 'node:inspector'
    const ws = new WebSocket(SERVER)
    await ws.opened
    process.stdout.write('ready\\n')
    while (inspector.url() === undefined) await new Promise((resolve) => setTimeout(resolve, 5))
    ws.send('still here')
    ws.onmessage = ({ data }) => { console.log(data); process.exit() }`,
    'SIGUSR1',
  )
  assert.deepEqual([code, out], [0, 'still here\n'])
  server.stop()
})

test('the workers of a cluster', async () => {
  const { code, signal, out, err, server } = await play(
    `
    import { createRequire } from 'node:module'
    import cluster from 'node:cluster'
    import { writeFileSync, rmSync } from 'node:fs'
    import { tmpdir } from 'node:os'
    import { join } from 'node:path'
    const file = join(tmpdir(), 'heartwire-cluster-' + process.pid + '.cjs')
    writeFileSync(file, \`
      const { WebSocket } = require(\${JSON.stringify(process.cwd() + '/lib')})
      new WebSocket(SERVER).onopen = () => process.send('open')\`)
    cluster.setupPrimary({ exec: file, execArgv: [] })
    let open = 0
    for (const one of [1, 2]) cluster.fork().on('message', () => ++open === 2 && console.log('ready'))
    let ended = 0
    cluster.on('exit', (_, code, signal) => {
      console.log(code, signal)
      if (++ended < 2) return
      rmSync(file)
      process.exit(0)
    })
    process.on(SIGNAL, () => { for (const id in cluster.workers) cluster.workers[id].process.kill(SIGNAL) })`,
    'SIGTERM',
  )
  assert.deepEqual([code, signal, out, err], [0, null, '0 SIGTERM\n0 SIGTERM\n'.replaceAll('0 ', 'null '), ''])
  for (const connection of [0, 1]) await server.waitFor({ event: 'close', code: 1001, connection })
  server.stop()
})

/** Its own namespace, in which the program is process 1; needs root. */
const unshare = ['unshare', '-pf', '--mount-proc', '--kill-child']
const namespaces = spawnSync(unshare[0], [...unshare.slice(1), 'true']).status === 0

for (const signal of signals) {
  test(`${signal} for process 1 of a container, which the kernel spares`, { skip: namespaces ? false : 'needs the right to unshare' }, async () => {
    const server = new FaultServer([{ do: 'accept' }, { do: 'echo' }])
    const program = `
      const { WebSocket } = require('./lib')
      const ws = new WebSocket('${server.url}', { reconnect: true })
      ws.onopen = () => console.log('ready')
      ws.onclose = ({ code, willReconnect }) => console.log('close', code, willReconnect)`
    const script = `
      const { spawn } = require('node:child_process')
      const fs = require('node:fs')
      const child = spawn('${unshare[0]}', ${JSON.stringify(unshare.slice(1))}.concat([process.execPath, '-e', ${JSON.stringify(program)}]), { stdio: ['ignore', 'pipe', 'inherit'] })
      child.stdout.on('data', (text) => {
        process.stdout.write(text)
        if (!String(text).includes('ready')) return
        const [inside] = fs.readFileSync('/proc/' + child.pid + '/task/' + child.pid + '/children', 'utf8').split(' ')
        process.kill(Number(inside), '${signal}')
      })
      child.on('close', (code, signal) => { console.log(code, signal); process.exit(0) })`
    const { out, err } = await run(['-e', script])
    const number = { SIGTERM: 15, SIGINT: 2, SIGHUP: 1, SIGQUIT: 3, SIGUSR2: 12 }[signal]
    assert.deepEqual([out, err], [`ready\nclose 1001 false\n${128 + number} null\n`, ''])
    await server.waitFor({ event: 'close', code: 1001 })
    server.stop()
  })
}
