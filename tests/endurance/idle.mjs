// Many connections that only beat: `node --expose-gc idle.mjs URL COUNT SECONDS INTERVAL`. Prints their memory and their cost as one line of JSON.
import { readdirSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { WebSocket } from 'heartwire'

const URL = process.argv[2]
const [COUNT, SECONDS, INTERVAL] = process.argv.slice(3).map(Number)
let answered = 0

function make() {
  const ws = new WebSocket(URL, {
    heartbeat: { message: 'beat', interval: INTERVAL * 1000 },
    connectLimit: 100,
    openTimeout: 300_000,
    compression: false,
  })
  ws.onmessage = () => answered++
  return ws
}

async function memory() {
  for (let collection = 0; collection < 5; collection++) {
    await sleep(0)
    globalThis.gc()
  }
  return process.memoryUsage().rss
}

const warm = make()
await warm.opened
warm.terminate()
await warm.closed
const before = await memory()
const sockets = Array.from({ length: COUNT }, make)
await Promise.all(sockets.map(({ opened }) => opened))
const held = (await memory()) - before
const [heard, cpu, start] = [answered, process.cpuUsage(), performance.now()]
await sleep(SECONDS * 1000) // the figure is their cost in this time
const { user, system } = process.cpuUsage(cpu)
const passed = performance.now() - start
console.log(
  JSON.stringify({
    connections: sockets.filter(({ readyState }) => readyState === 1).length,
    bytes_per_connection: held / COUNT,
    cpu_percent: (user + system) / 10 / passed,
    heartbeats: answered - heard,
    expected: (COUNT * passed) / 1000 / INTERVAL,
    threads: readdirSync('/proc/self/task').length,
  }),
)
for (const ws of sockets) ws.terminate()
