// The Node clients of compressed.py: `node compressed.mjs node|ws URL --connections N`. Prints one line of JSON.
import { readFileSync } from 'node:fs'

const ROUNDS = 20
const AT_ONCE = 50
const QUIET = 16_000
const [client, url, , count] = process.argv.slice(2)
const connections = Number(count)
const resident = () => Number(readFileSync('/proc/self/statm', 'utf8').split(' ')[1]) * 4096
const text = (number) =>
  JSON.stringify({
    type: 'message',
    id: 10 ** 11 + number,
    channel: 'room-7',
    user: { id: 4711 + number, name: 'anna' },
    text: 'the bot says hello to everyone in this room and waits for an answer '.repeat(3),
    mentions: [],
  })

const open =
  client === 'ws'
    ? await import('ws').then(
        ({ default: WebSocket }) =>
          () =>
            new WebSocket(url, { perMessageDeflate: { threshold: 0 } }),
      )
    : await import('../../bindings-node/lib/index.mjs').then(
        ({ WebSocket }) =>
          () =>
            new WebSocket(url, { pingInterval: null, proxy: null }),
      )

async function connect() {
  const socket = open()
  await new Promise((resolve, reject) => Object.assign(socket, { onopen: resolve, onerror: reject }))
  return socket
}

async function talk(socket, message) {
  const answer = new Promise((resolve) => (socket.onmessage = (event) => resolve(event.data)))
  socket.send(message)
  if ((await answer) !== message) throw new Error('another message came back')
}

// The first connection loads code, and V8 keeps room for short-lived objects: neither counts.
const first = await connect()
for (let number = 0; number < 20_000; number++) await talk(first, text(number))
globalThis.gc()
const before = resident()
const sockets = []
while (sockets.length < connections)
  sockets.push(...(await Promise.all(Array.from({ length: Math.min(AT_ONCE, connections - sockets.length) }, connect))))
for (let number = 0; number < ROUNDS; number++) for (const socket of sockets) await talk(socket, text(number))
const each = () => {
  globalThis.gc()
  return (resident() - before) / connections / 1024
}
const active = each()
await new Promise((resolve) => setTimeout(resolve, QUIET))
console.log(JSON.stringify({ client, connections, active, quiet: each() }))
process.exit()
