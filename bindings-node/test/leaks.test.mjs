// Owns: nothing stays behind: objects, memory, descriptors, threads, in a process that does nothing else (leaks.mjs) and collects garbage on request.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import v8 from 'node:v8'
import { WebSocketServer } from 'ws'
import { FaultServer } from '../lib/testing.js'
import { run } from './helpers.mjs'

const WARM = 3
/** Freed memory goes back at once. The memory that glibc keeps for later varies by 300 KiB a round: it would hide a leak, or look like one. */
const FRUGAL = { MALLOC_ARENA_MAX: '1', MALLOC_TRIM_THRESHOLD_: '0', MALLOC_MMAP_THRESHOLD_: '65536' }

let server
let url
before(async () => {
  server = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: true })
  server.on('connection', (peer) => peer.on('message', (data, isBinary) => peer.send(data, { binary: isBinary })))
  await once(server, 'listening')
  url = `ws://127.0.0.1:${server.address().port}/`
})
after(() => server.close())

/**
 * The least that a round added to each figure. A leak adds in every round. A heap that settles, compiled code or a fragmented arena adds in some
 * rounds only. So the figure is the size of a leak.
 */
async function leaks(rounds, connections, { leak = [], of = url, messages = 20 } = {}) {
  const program = fileURLToPath(new URL('leaks.mjs', import.meta.url))
  const args = ['--expose-gc', '--max-semi-space-size=1', program, of, WARM + rounds, connections, connections * messages].concat(leak)
  const { code, out, err } = await run(args, { ms: 280_000, env: FRUGAL })
  assert.deepEqual([code, err], [0, ''])
  const samples = out
    .trim()
    .split('\n')
    .map(JSON.parse)
    .slice(WARM - 1)
  assert.equal(samples.length, rounds + 1)
  const least = {}
  for (const figure of Object.keys(samples[0])) {
    least[figure] = Math.min(...samples.slice(1).map((sample, index) => sample[figure] - samples[index][figure]))
  }
  return { ...least, sockets: samples.at(-1).sockets }
}

const skip = process.platform === 'linux' ? false : 'reads /proc'

function assertFlat({ sockets, heap, own, descriptors, threads, ...objects }) {
  assert.ok(sockets <= 1, `${sockets} closed sockets are still there`) // the last one may be on the stack
  assert.ok(heap < 16 << 10, `every round left ${heap} bytes in the heap`)
  assert.ok(own < 60 << 10, `every round left ${own} bytes`) // a KiB a connection
  assert.ok(descriptors <= 0, `every round left ${descriptors} descriptors`)
  assert.ok(threads <= 0, `every round left ${threads} threads`)
  const left = Object.entries(objects).filter(([, count]) => count > 0)
  assert.deepEqual(left, [], 'every round left so many objects')
  assert.equal(Object.keys(objects).length, v8.queryObjects ? 4 : 0)
}

test('nothing stays behind over many connections and messages', { skip }, async () => assertFlat(await leaks(6, 60)))

const bad = {
  503: [{ do: 'refuse', status: 503 }],
  'reset within the upgrade': [{ do: 'request' }, { do: 'reset' }],
  'reset when it is open': [{ do: 'accept' }, { do: 'reset' }],
  'a broken frame': [{ do: 'accept' }, { do: 'send', text: 'x' }, { do: 'raw', hex: '8300' }],
  'timed out': [{ do: 'request' }, { do: 'stall' }],
  'no TLS': { tls: true, connections: [{ do: 'plain' }, { do: 'raw', hex: '00'.repeat(5) }, { do: 'reset' }] },
}

test('nothing stays behind connections that end badly', { skip }, async () => {
  const servers = Object.values(bad).map((script) => new FaultServer(script))
  const urls = [await nobody(), ...servers.map(({ url }) => url)]
  assertFlat(await leaks(4, 4 * urls.length, { of: urls.join(), messages: 0 }))
  for (const server of servers) server.stop()
})

/** An address without a server. */
async function nobody() {
  const listener = createServer().listen(0, '127.0.0.1')
  await once(listener, 'listening')
  const { port } = listener.address()
  await new Promise((resolve) => listener.close(resolve))
  return `ws://127.0.0.1:${port}/`
}

test('the measure sees a leak of each kind', { skip }, async () => {
  const sockets = await leaks(2, 20, { leak: 'sockets' })
  assert.equal(sockets.sockets, 20)
  assert.ok((await leaks(2, 20, { leak: 'messages' })).heap > 400 * 200)
  assert.equal((await leaks(2, 20, { leak: 'descriptors' })).descriptors, 20)
  assert.equal((await leaks(2, 3, { leak: 'threads' })).threads, 3)
  assert.ok((await leaks(2, 60, { leak: 'memory' })).own > 3_000_000)
  if (v8.queryObjects === undefined) return
  assert.equal(sockets['objects: WebSocket'], 20)
  assert.equal((await leaks(2, 20, { leak: 'objects' }))['objects: Object'], 20)
})
