// Owns: the child process of one case: it starts the library, reports events as lines of JSON, and obeys commands on stdin.
// `node client.mjs CASE WS_URL HTTP_URL stock|ours`
import { createRequire } from 'node:module'
import readline from 'node:readline'
import { cases } from './cases/index.mjs'

const [name, url, http, transport] = process.argv.slice(2)
const require = createRequire(import.meta.url)
const say = (event, more) => process.stdout.write(`${JSON.stringify({ event, more })}\n`)
const WebSocket = transport === 'ours' ? require('heartwire').WebSocket : require('ws')

let stop = () => {}
readline.createInterface({ input: process.stdin }).on('line', async (line) => {
  if (line === 'block') {
    // A handler that blocks for 6 s.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 6000)
    say('unblocked')
  } else if (line === 'stop') {
    await stop()
    say('stopped')
  }
})
stop = await cases[name].start({ url, http, WebSocket, require, say })
