// Owns: points that naive implementations of the standard get wrong and no other file here has: the shape of an altered class, garbage collection,
// trust, the order of attempts, sockets without listeners.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { describe, test } from 'node:test'
import { WebSocket } from '../lib/index.mjs'
import { FaultServer } from '../lib/testing.js'
import { child, next, within } from './helpers.mjs'

async function finish(ws, server) {
  ws.close()
  await within(ws.closed, 'close')
  server.stop()
}

/** The methods that return a promise, and reject instead of throwing. */
const PROMISING = ['request', 'sendStream']

describe('the prototype', () => {
  test('accessors can be deleted, shadowed and replaced; read-only ones ignore what is assigned', async () => {
    const server = new FaultServer()
    const ws = new WebSocket(server.url)
    const { prototype } = WebSocket
    for (const name of ['url', 'readyState', 'bufferedAmount', 'extensions', 'protocol', 'CONNECTING']) {
      const before = ws[name]
      assert.equal(Reflect.set(ws, name, 'x'), false)
      assert.equal(ws[name], before)
    }
    const original = Object.getOwnPropertyDescriptor(prototype, 'url')
    delete prototype.url
    assert.equal(ws.url, undefined)
    Object.defineProperty(prototype, 'url', { get: () => 'replaced', configurable: true, enumerable: true })
    assert.equal(ws.url, 'replaced')
    Object.defineProperty(prototype, 'url', original)
    Object.defineProperty(ws, 'readyState', { value: 'mine' })
    assert.deepEqual([ws.url, ws.readyState], [server.url, 'mine'])
    await finish(ws, server)
  })

  test('an object that is none throws TypeError everywhere, a setter with a value to be ignored included', async () => {
    const { prototype } = WebSocket
    const none = Object.create(prototype)
    for (const [name, { get, set, value }] of Object.entries(Object.getOwnPropertyDescriptors(prototype))) {
      if (get) assert.throws(() => get.call(none), TypeError, name)
      if (set) assert.throws(() => set.call(none, 'ignored'), TypeError, name)
      if (typeof value !== 'function' || name === 'constructor') continue
      if (PROMISING.includes(name)) await assert.rejects(value.call(none, 'x'), TypeError, name)
      else assert.throws(() => value.call(none, 'x', () => {}), TypeError, name)
    }
  })
})

test('a close reason keeps its BOM, as text does', async () => {
  const server = new FaultServer([[{ do: 'accept' }, { do: 'close', code: 4000, reason: '\ufeffbye' }]])
  const ws = new WebSocket(server.url)
  assert.equal((await within(ws.closed, 'close')).reason, '\ufeffbye')
  server.stop()
})

test('one connection at a time is opened to a host and port', async () => {
  const server = new FaultServer([
    [{ do: 'request' }, { do: 'mark', name: 'asked' }, { do: 'delay', for: 0.2 }, { do: 'mark', name: 'answers' }, { do: 'accept' }, { do: 'echo' }],
  ])
  const sockets = [new WebSocket(server.url), new WebSocket(server.url)]
  await within(Promise.all(sockets.map((ws) => ws.opened)), 'two open connections')
  const marks = server.records().filter(({ event }) => event === 'mark')
  assert.deepEqual(
    marks.map(({ connection, name }) => `${connection} ${name}`),
    ['0 asked', '0 answers', '1 asked', '1 answers'],
  )
  for (const ws of sockets) ws.close()
  await within(Promise.all(sockets.map((ws) => ws.closed)), 'two closed connections')
  server.stop()
})

test('a socket that only its listeners know lives and receives; one that is over is collected', async () => {
  const server = new FaultServer([[{ do: 'accept' }, { do: 'expect', text: 'go' }, { do: 'send', text: 'still there' }, { do: 'close', code: 4000 }]])
  const { code, out, err } = await child(
    `
    import { setTimeout as sleep } from 'node:timers/promises'
    import { WebSocket } from './lib/index.mjs'
    const seen = []
    const done = new Promise((resolve) => {
      globalThis.ref = (() => {
        const ws = new WebSocket(${JSON.stringify(server.url)})
        ws.onopen = ({ target }) => setTimeout((ref) => { gc(); ref.deref().send('go') }, 0, new WeakRef(target))
        ws.onmessage = ({ data }) => seen.push(data)
        ws.onclose = ({ code }) => resolve(seen.push(code))
        return new WeakRef(ws)
      })()
    })
    await done
    // A collection does not report its end.
    for (let round = 0; round < 100 && globalThis.ref.deref(); round++) { await sleep(10); gc() }
    console.log(...seen, globalThis.ref.deref() === undefined)`,
    { nodeArgs: ['--expose-gc'] },
  )
  assert.deepEqual([code, out, err], [0, 'still there 4000 true\n', ''])
  server.stop()
})

test('NODE_EXTRA_CA_CERTS is trusted', async () => {
  const server = new FaultServer({ connections: [[{ do: 'accept' }, { do: 'echo' }]], tls: true })
  const { mkdtempSync, rmSync, writeFileSync } = await import('node:fs')
  const { tmpdir } = await import('node:os')
  const folder = mkdtempSync(`${tmpdir()}/heartwire-`)
  writeFileSync(`${folder}/ca.pem`, server.caPem)
  const source = `
    import { WebSocket } from './lib/index.mjs'
    const ws = new WebSocket(${JSON.stringify(server.url)})
    ws.onopen = () => ws.close()
    ws.onclose = (event) => console.log(event.wasClean, event.error?.phase)`
  const trusted = await child(source, { env: { NODE_EXTRA_CA_CERTS: `${folder}/ca.pem` } })
  const untrusted = await child(source)
  rmSync(folder, { recursive: true })
  assert.deepEqual([trusted.out, untrusted.out], ['true undefined\n', 'false tls\n'])
  server.stop()
})

test('an error that nobody listens to ends nothing', async () => {
  const { code, out, err } = await child(`
    import { WebSocket } from './lib/index.mjs'
    new WebSocket('ws://127.0.0.1:1/')
    process.on('exit', (code) => console.log('end', code))`)
  assert.deepEqual([code, out], [0, 'end 0\n'])
  assert.match(err, /HEARTWIRE_UNHEARD_ERROR/)
})

test('what is sent in CLOSING goes nowhere, and a clean close stays clean', async () => {
  const server = new FaultServer([
    [{ do: 'accept' }, { do: 'wait_close', answer: false }, { do: 'send', text: 'late' }, { do: 'delay', for: 0.05 }, { do: 'close', code: 1000 }],
  ])
  const ws = new WebSocket(server.url)
  await next(ws, 'open')
  const seen = []
  ws.onmessage = ({ data }) => seen.push(data)
  ws.close(1000)
  ws.send('never')
  const [close] = await within(once(ws, 'close'), 'close')
  assert.deepEqual([seen, close.wasClean, close.code], [[], true, 1000])
  assert.equal(
    server.records().find(({ event }) => event === 'message' || event === 'after_close'),
    undefined,
  )
  server.stop()
})
