// Checked by `tsc`, never run: the code of a bot in TypeScript, with Node's types and with or without the DOM's.
import Default, {
  type CloseEvent,
  type ErrorCode,
  type ErrorEvent,
  type HeartbeatEvent,
  type MessageData,
  type MessageEvent,
  type Options,
  WebSocket,
  WebSocketError,
  type WebSocketEventMap,
  type WebSocketOptions,
} from 'heartwire'
import { FaultServer } from 'heartwire/testing'
import 'heartwire/install'
import 'heartwire/install/force'

const options: WebSocketOptions = {
  reconnect: { maxDelay: 5_000, shouldReconnect: (event) => event.code !== 4000 },
  heartbeat: { message: () => ({ url: '/chat/heart-beat' }), interval: 60_000 },
  headers: async () => ({ Authorization: 'Bearer x' }),
  signal: AbortSignal.timeout(1000),
}
const same: Options = options
const ws: WebSocket = new WebSocket(new URL('wss://im.example/ws'), same)
new WebSocket('wss://im.example/ws', ['chat'], options)
new WebSocket(async () => 'wss://im.example/ws', { reconnect: true })
new Default('wss://im.example/ws')

ws.binaryType = 'nodebuffer'
ws.onopen = function (event) {
  this.sendJSON({ headers: event.headers.get('server') })
}
ws.onmessage = (event) => {
  const { text } = event.json<{ text: string }>()
  ws.send(text, { compress: false })
  const data: MessageData = event.data
  if (typeof event.data === 'string') console.log(event.data.length, data)
}
ws.onmessage = (event: MessageEvent<string>) => console.log(event.data.length)
ws.onerror = (event: ErrorEvent) => console.log(event.error.code satisfies ErrorCode)
ws.on('close', (event: CloseEvent) => console.log(event.code, event.retryIn)).off('close', () => {})
ws.once('open', async () => {})
ws.addEventListener('error', (event) => console.log(event.error.phase, event.error.status), { once: true })
ws.addEventListener('message', { handleEvent: (event) => console.log(event.origin) })
ws.onheartbeat = ({ kind, latency }: HeartbeatEvent) => console.log(kind, latency)
const closed = <K extends keyof WebSocketEventMap>(type: K, event: WebSocketEventMap[K]) => console.log(type, event)
ws.on('close', (event) => closed('close', event))
const failure: unknown = null
if (failure instanceof WebSocketError && failure.status === 401) console.log(failure.headers?.['www-authenticate'])
for await (const event of ws) console.log((event satisfies MessageEvent).data)
const { url } = await ws.opened
const last: CloseEvent = await ws.closed
console.log(url, last.wasClean, new FaultServer().url)
export class Bot extends WebSocket {
  constructor() {
    super('wss://im.example/ws', { reconnect: true })
    this.on('message', (event) => this.send(event.data))
  }
}
