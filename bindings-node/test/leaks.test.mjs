// Owns: nothing stays behind: objects, memory, descriptors, threads, in a process that does nothing else (leaks.mjs) and is told when to collect.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { WebSocketServer } from 'ws'
import { run } from './helpers.mjs'

const WARM = 3

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
 * The least that a round added to each figure. What leaks, leaks in every round; a heap that settles, code that is compiled or an arena that is
 * fragmented adds to some. So a figure is a leak's size, and not the mood of an allocator.
 */
async function leaks(rounds, connections, ...leak) {
  const program = fileURLToPath(new URL('leaks.mjs', import.meta.url))
  const args = ['--expose-gc', '--max-semi-space-size=1', program, url, WARM + rounds, connections, connections * 20, ...leak]
  const { code, out, err } = await run(args, { ms: 280_000 })
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

test('nothing stays behind over many connections and messages', { skip }, async () => {
  const { sockets, heap, own, descriptors, threads } = await leaks(6, 60)
  assert.ok(sockets <= 1, `${sockets} of 60 closed sockets are still there`) // the last one may be on the stack
  assert.ok(heap < 16 << 10, `every round left ${heap} bytes in the heap`)
  assert.ok(own < 60 << 10, `every round left ${own} bytes`) // a KiB a connection
  assert.ok(descriptors <= 0, `every round left ${descriptors} descriptors`)
  assert.ok(threads <= 0, `every round left ${threads} threads`)
})

test('the measure sees a leak of each kind', { skip }, async () => {
  assert.equal((await leaks(2, 20, 'sockets')).sockets, 20)
  assert.ok((await leaks(2, 20, 'messages')).heap > 400 * 200)
  assert.equal((await leaks(2, 20, 'descriptors')).descriptors, 20)
})
