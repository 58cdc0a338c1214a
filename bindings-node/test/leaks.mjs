// Owns: opening, using and closing sockets again and again, and what of this process is left after each round. It judges nothing: see leaks.test.mjs.
// node --expose-gc --max-semi-space-size=1 test/leaks.mjs URL ROUNDS CONNECTIONS MESSAGES [LEAK]     of an echo server; CONNECTIONS and MESSAGES a round
import { openSync, readdirSync, readFileSync } from 'node:fs'
import { setImmediate as turn } from 'node:timers/promises'
import { WebSocket } from '../lib/index.mjs'

const [url, rounds, connections, messages, leak] = process.argv.slice(2)
const each = Math.ceil(messages / connections)
const text = 'x'.repeat(200)
/** What a leak of ours would hold: LEAK asks for one of each kind, to show that the measure sees it. */
const kept = []

function cycle() {
  const ws = new WebSocket(url)
  let seen = 0
  ws.onopen = () => {
    for (let message = 0; message < each; message++) ws.send(text)
  }
  ws.onmessage = ({ data }) => {
    if (leak === 'messages') kept.push(`${data}${seen}`.split(''))
    if (++seen === each) ws.close(1000)
  }
  if (leak === 'sockets') kept.push(ws)
  if (leak === 'descriptors') kept.push(openSync('/dev/null'))
  return { closed: ws.closed.then(({ wasClean }) => wasClean && seen === each), gone: new WeakRef(ws) }
}

async function round() {
  const gone = []
  for (let index = 0; index < connections; index++) {
    const socket = cycle()
    gone.push(socket.gone)
    if (!(await socket.closed)) throw new Error('a connection that did not end as it should')
  }
  // Finalisers run in a turn of their own, and free what the next collection takes.
  for (let collection = 0; collection < 10; collection++) {
    await turn()
    globalThis.gc()
  }
  const { heapUsed, external } = process.memoryUsage() // external includes the array buffers
  const [, own] = readFileSync('/proc/self/status', 'utf8').match(/^RssAnon:\s*(\d+) kB$/m) // less what is mapped of files
  return {
    sockets: gone.filter((ref) => ref.deref() !== undefined).length,
    heap: heapUsed + external,
    own: Number(own) << 10,
    descriptors: readdirSync('/proc/self/fd').length,
    threads: readdirSync('/proc/self/task').length,
  }
}

for (let index = 0; index < rounds; index++) console.log(JSON.stringify(await round()))
