// As program.mts, for CommonJS.
import WebSocket = require('ws')

const options: WebSocket.ClientOptions = { headers: { Cookie: 'a=b' }, perMessageDeflate: false }
const ws: WebSocket = new WebSocket('ws://im.example', options)
const named: WebSocket.WebSocket = new WebSocket.WebSocket('ws://im.example')
ws.on('message', (data: WebSocket.RawData) => console.log(data))
ws.onmessage = (event: WebSocket.MessageEvent) => console.log(event.data)
ws.onclose = (event: WebSocket.CloseEvent) => console.log(event.code)
const data: WebSocket.Data = 'text'
named.send(data)
WebSocket.createWebSocketStream(ws).end()
const server: WebSocket.Server = new WebSocket.Server({ port: 0 })
server.close()
