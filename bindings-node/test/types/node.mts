// Checked by `tsc`, never run: what a bot in TypeScript writes, with Node's types alone.
import Default, { type CloseEvent, type MessageEvent, WebSocket, WebSocketError, type WebSocketOptions } from 'heartwire'
import { FaultServer } from 'heartwire/testing'

const options: WebSocketOptions = {
  reconnect: { maxDelay: 5_000, shouldReconnect: (event) => event.code !== 4000 },
  heartbeat: { message: () => ({ url: '/chat/heart-beat' }), interval: 60_000 },
  headers: async () => ({ Authorization: 'Bearer x' }),
  signal: AbortSignal.timeout(1000),
}
const ws: WebSocket = new WebSocket(new URL('wss://im.example/ws'), options)
new WebSocket('wss://im.example/ws', ['chat'], options)
new WebSocket(async () => 'wss://im.example/ws', { reconnect: true })
new Default('wss://im.example/ws')

ws.binaryType = 'nodebuffer'
ws.onopen = (event) => {
  ws.sendJSON({ headers: event.headers.get('server') })
}
ws.onmessage = (event) => {
  const { text } = event.json<{ text: string }>()
  ws.send(text, { compress: false })
}
ws.on('close', (event: CloseEvent) => console.log(event.code, event.retryIn)).off('close', () => {})
ws.addEventListener('error', (event) => console.log(event.error.phase, event.error.status), { once: true })
ws.addEventListener('custom', { handleEvent: (event) => console.log(event.detail) })
ws.onheartbeat = ({ kind, latency }) => console.log(kind, latency)
const failure: unknown = null
if (failure instanceof WebSocketError && failure.status === 401) console.log(failure.headers?.['www-authenticate'])
for await (const event of ws) console.log((event satisfies MessageEvent).data)
const { url } = await ws.opened
const last: CloseEvent = await ws.closed
console.log(url, last.wasClean, new FaultServer().url)

// @ts-expect-error an option that does not exist
new WebSocket('wss://im.example/ws', { reconect: true })
// @ts-expect-error a number is nothing to send
ws.send(1)
// @ts-expect-error no such handler type
ws.onclose = 'closed'
