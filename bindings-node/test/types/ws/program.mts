// A program as one writes it against @types/ws, by its own README and types: it must compile with either. `npm run lint` does not read it:
// types-ws.test.mjs compiles it with `ws` leading to @types/ws, and to heartwire/ws.
import { readFileSync } from 'node:fs'
import http, { type ClientRequest, type IncomingMessage } from 'node:http'
import WebSocket, {
  type CertMeta,
  type ClientOptions,
  type CloseEvent,
  createWebSocketStream,
  type Data,
  type ErrorEvent,
  type Event,
  type EventListenerOptions,
  type FinishRequestCallback,
  type MessageEvent,
  WebSocket as Named,
  type PerMessageDeflateOptions,
  type RawData,
  WebSocketServer,
} from 'ws'

const deflate: PerMessageDeflateOptions = { threshold: 1024, serverNoContextTakeover: true, zlibDeflateOptions: { level: 3 } }
const finishRequest: FinishRequestCallback = (request, websocket) => {
  request.setHeader('X-Bot', String(websocket.readyState))
  request.end()
}
const ca: CertMeta = readFileSync('ca.pem')
const options: ClientOptions = {
  ca,
  cert: 'pem',
  key: [Buffer.from('pem')],
  passphrase: 'secret',
  rejectUnauthorized: true,
  headers: { Authorization: 'Bot token' },
  origin: 'https://im.example',
  agent: new http.Agent(),
  handshakeTimeout: 5000,
  maxPayload: 1 << 20,
  followRedirects: true,
  maxRedirects: 3,
  perMessageDeflate: deflate,
  allowSynchronousEvents: false,
  autoPong: true,
  skipUTF8Validation: false,
  protocolVersion: 13,
  localAddress: '127.0.0.1',
  family: 4,
  finishRequest,
}
const controller = new AbortController()
const ws: WebSocket = new WebSocket('wss://im.example/ws', ['chat'], options)
new WebSocket(new URL('ws://im.example'), { ...options, createConnection: undefined })
new WebSocket('ws://im.example', 'chat', { signal: controller.signal, auth: 'user:password' })
new Named('ws://im.example', undefined)
const later: Named = ws

ws.on('open', function () {
  this.send('text')
  this.send(new Uint8Array(3), { binary: true, compress: false }, (error?: Error) => console.log(error?.message))
  this.send([Buffer.from('a')], (error) => console.log(error))
  this.send(new ArrayBuffer(1))
  this.send(12)
})
ws.on('message', (data: RawData, isBinary: boolean) => console.log(isBinary ? data : data.toString()))
ws.on('message', function message(data) {
  console.log(JSON.parse(data.toString()), this.url)
})
ws.once('close', (code, reason) => console.log(code.toFixed(), reason.toString('utf8')))
ws.off('error', (error) => console.log(error.message))
ws.on('ping', (data) => data.length)
ws.on('pong', (data) => data.length)
ws.on('redirect', (url: string, request: ClientRequest) => console.log(url, request.path))
ws.on('upgrade', (response: IncomingMessage) => console.log(response.headers))
ws.on('unexpected-response', (request, response) => console.log(request.path, response.statusCode))
ws.addListener('open', () => {})
ws.removeListener('open', () => {})
ws.on('a name of one’s own', (anything) => console.log(anything))
ws.removeAllListeners('message')

const once: EventListenerOptions = { once: true }
ws.addEventListener('message', (event: MessageEvent) => use(event.data), once)
ws.addEventListener('close', { handleEvent: (event) => console.log(event.wasClean, event.code, event.reason) })
ws.removeEventListener('open', (event: Event) => console.log(event.type, event.target === ws))
ws.onopen = (event) => event.target.ping()
ws.onmessage = ({ data, target }) => console.log(data, target.bufferedAmount)
ws.onclose = (event: CloseEvent) => console.log(event.code)
ws.onerror = (event: ErrorEvent) => console.log(event.message, event.error)
ws.onerror = null

ws.binaryType = 'arraybuffer'
ws.ping('are you there', true, (error: Error) => console.log(error))
ws.pong()
if (ws.readyState === WebSocket.OPEN && ws.readyState === ws.OPEN) ws.close(1000, Buffer.from('bye'))
ws.pause()
if (ws.isPaused) ws.resume()
console.log(ws.extensions, ws.protocol, ws.url, later.CLOSED, WebSocket.CONNECTING)
ws.terminate()

const stream = createWebSocketStream(ws, { encoding: 'utf8', decodeStrings: false })
stream.pipe(process.stdout)

function use(data: Data): number {
  if (typeof data === 'string') return data.length
  return Array.isArray(data) ? data.length : data.byteLength
}

class Bot extends WebSocket {
  constructor(url: string, more?: ClientOptions) {
    super(url, more)
    this.on('open', () => this.send('hello'))
  }
}
const bots: Map<string, WebSocket> = new Map([['one', new Bot('ws://im.example')]])
bots.get('one')?.close()

const server = new WebSocketServer({ port: 0 })
server.close()
