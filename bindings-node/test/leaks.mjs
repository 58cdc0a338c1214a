// Owns: opens, uses and closes sockets again and again, and counts the resources left after each round. It judges nothing: see leaks.test.mjs.
// node --expose-gc --max-semi-space-size=1 test/leaks.mjs URL ROUNDS CONNECTIONS MESSAGES [LEAK]     of an echo server; CONNECTIONS and MESSAGES a round
// URL may be several, with commas; without MESSAGES each must fail, twice again, and give up.
import { openSync, readdirSync, readFileSync } from 'node:fs'
import { setTimeout as delay, setImmediate as turn } from 'node:timers/promises'
import * as v8 from 'node:v8'
import { Worker } from 'node:worker_threads'
import { WebSocket } from '../lib/index.mjs'

const [urls, rounds, connections, messages, leak] = process.argv.slice(2)
const each = Math.ceil(messages / connections)
const text = 'x'.repeat(200)
/** Milliseconds after which the descriptor of an ended connection is closed: its last bytes have a second to leave, and the peer to hang up. */
const FAREWELL = 2000
const failing = { openTimeout: 50, reconnect: { minDelay: 1, maxDelay: 2, maxRetries: 2 } }
const queue = urls.split(',')
/** The classes counted in the heap (Node 20.13 and later). An object counts for each class that it descends from, so Object counts almost everything. */
const classes = { WebSocket, Object, Function, Promise }
/** The objects that a leak of ours would hold: LEAK asks for one of each kind, to show that the measure finds it. */
const kept = []

// Node warns of its own queryObjects.
process.removeAllListeners('warning').on('warning', (warning) => warning.name === 'ExperimentalWarning' || console.error(warning))

function cycle() {
  const url = queue.shift()
  queue.push(url)
  // On a busy machine the keeper would report that the loop was late.
  const ws = new WebSocket(url, { keeper: 60_000, ...(each ? {} : failing) })
  let seen = 0
  let attempts = 0
  ws.onerror = () => {}
  ws.addEventListener('close', () => attempts++)
  ws.onopen = () => {
    for (let message = 0; message < each; message++) ws.send(text)
  }
  ws.onmessage = ({ data }) => {
    if (leak === 'messages') kept.push(`${data}${seen}`.split(''))
    if (++seen === each) ws.close(1000)
  }
  if (leak === 'sockets') kept.push(ws)
  if (leak === 'objects') kept.push({})
  if (leak === 'memory') kept.push(Buffer.alloc(100_000, 1))
  if (leak === 'threads') new Worker('setInterval(() => {}, 1000)', { eval: true, execArgv: [] }).unref()
  if (leak === 'descriptors') kept.push(openSync('/dev/null'))
  const good = ({ wasClean, code }) => (each ? wasClean && seen === each : code === 1006 && attempts === 3)
  return { closed: ws.closed.then(good), gone: new WeakRef(ws) }
}

/** How many objects of each class there are; nothing where Node cannot tell. */
function counts() {
  if (v8.queryObjects === undefined) return {}
  const entries = Object.entries(classes).map(([name, type]) => [`objects: ${name}`, v8.queryObjects(type, { format: 'count' })])
  return Object.fromEntries(entries)
}

const descriptors = () => readdirSync('/proc/self/fd').length
const threads = () => readdirSync('/proc/self/task').length
let fewest = 0

/** Waits until as few descriptors and threads are left as ever, or those of connections that have ended cannot be among them. */
async function settle() {
  const giveUp = performance.now() + FAREWELL
  const held = () => descriptors() + threads()
  while (held() > fewest && performance.now() < giveUp) await delay(10) // no event reports it
  fewest = fewest === 0 ? held() : Math.min(held(), fewest)
}

async function round() {
  const gone = []
  for (let index = 0; index < connections; index++) {
    const socket = cycle()
    gone.push(socket.gone)
    if (!(await socket.closed)) throw new Error('a connection that did not end as it should')
  }
  await settle()
  // Finalisers run in their own turn, and free memory for the next collection.
  for (let collection = 0; collection < 10; collection++) {
    await turn()
    globalThis.gc()
  }
  const { heapUsed, external } = process.memoryUsage() // external includes the array buffers
  const [, own] = readFileSync('/proc/self/status', 'utf8').match(/^RssAnon:\s*(\d+) kB$/m) // without the pages of files
  return {
    ...counts(),
    sockets: gone.filter((ref) => ref.deref() !== undefined).length,
    heap: heapUsed + external,
    own: Number(own) << 10,
    descriptors: descriptors(),
    threads: threads(),
  }
}

for (let index = 0; index < rounds; index++) console.log(JSON.stringify(await round()))
