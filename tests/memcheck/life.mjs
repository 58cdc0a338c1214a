// A short life of the Node face for valgrind (`.ci/sanitize.py node`): big and small messages, both kinds, heartbeats of a function, reconnection,
// compression, a worker. It checks only that all messages arrived; the subject is the memory.
import { strictEqual } from 'node:assert'
import { isMainThread, Worker } from 'node:worker_threads'
import { WebSocket } from 'heartwire'
import { FaultServer } from 'heartwire/testing'

const STEPS = [
  { do: 'accept' },
  { do: 'send', text: 'hello', count: 5 },
  { do: 'send', size: 70000, count: 2 },
  { do: 'ping' },
  { do: 'echo', count: 20 },
  { do: 'close', code: 1012 },
]
const server = new FaultServer([STEPS, STEPS, STEPS, STEPS])
for (const compression of [true, false]) {
  const ws = new WebSocket(server.url, {
    compression,
    heartbeat: { message: () => 'beat', interval: 200 },
    reconnect: { minDelay: 10, maxDelay: 50, maxRetries: 1, minUptime: 1_000_000 },
  })
  let heard = 0
  ws.onopen = () => {
    for (let size = 0; size < 1000; size += 100) {
      ws.send('é😀'.repeat(size))
      ws.send(new Uint8Array(size))
    }
  }
  ws.onmessage = () => heard++
  ws.onerror = () => {}
  await ws.closed
  strictEqual(heard, 54)
}
if (isMainThread) await new Promise((resolve) => new Worker(new URL(import.meta.url)).on('exit', resolve))
server.stop()
console.log('through')
