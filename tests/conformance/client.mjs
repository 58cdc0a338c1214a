// The Node face under Autobahn|Testsuite: echoes every case of the fuzzing server at the URL given, then asks for the report.
import process from 'node:process'
import { WebSocket } from '../../bindings-node/lib/index.mjs'

const server = process.argv[2] ?? 'ws://127.0.0.1:9001'
const options = { pingInterval: null, maxSize: 64 << 20 }
if (process.env.HEARTWIRE_DRIVER) options.driver = process.env.HEARTWIRE_DRIVER
if (process.env.HEARTWIRE_SYNCHRONOUS) options.allowSynchronousEvents = true

/** Opens, shows each message to `look(socket, data)`, and settles after the end. */
function converse(path, look) {
  return new Promise((resolve) => {
    const socket = new WebSocket(server + path, options)
    socket.binaryType = 'arraybuffer'
    socket.onmessage = (event) => look(socket, event.data)
    socket.onclose = resolve
  })
}

let cases = 0
await converse('/getCaseCount', (_socket, data) => {
  cases = Number(data)
})
for (let number = 1; number <= cases; number++) {
  await converse(`/runCase?case=${number}&agent=heartwire-node`, (socket, data) => socket.send(data))
}
await converse('/updateReports?agent=heartwire-node', () => {})
console.log(cases, 'cases')
