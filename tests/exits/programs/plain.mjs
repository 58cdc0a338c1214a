// Owns: a program of one process for Node, Bun and Deno: `plain.mjs HOST WAY`. The host delivers the events of the socket.
import process from 'node:process'
import { isMainThread, Worker } from 'node:worker_threads'
import { WebSocket } from 'heartwire'

const [host, way] = process.argv.slice(2)

/** The socket of the program; on `go` it leaves in the handler as the way says. */
function talk() {
  const ws = new WebSocket(process.env.EXITS_URL, host === 'background' ? { driver: 'background' } : {})
  ws.onopen = () => ws.send(`ready ${process.pid}`)
  ws.onmessage = () => {
    if (way === 'exit') process.exit(3)
    if (way === 'exception') throw new Error('as the test wants it')
    // The program ends when nothing keeps it any more: neither the socket, nor the way to a parent.
    ws.unref()
    if (process.connected) process.disconnect()
  }
}

if (host === 'worker' && isMainThread) {
  // `process.exit()` in a worker ends only the worker; an exception there is an `error` here without a listener.
  new Worker(new URL(import.meta.url), { argv: [host, way] }).on('exit', (code) => {
    process.exitCode = code
  })
} else {
  talk()
}
