// Checked by `tsc`, never run: CommonJS.
import WebSocket = require('heartwire')

import Default, { type WebSocket as Named, type Options, WebSocketError } from 'heartwire'

const options: WebSocket.Options = { reconnect: true }
const same: Options = options
const ws: WebSocket = new WebSocket('wss://im.example/ws', same)
const named: Named = new WebSocket.WebSocket('wss://im.example/ws')
new Default('wss://im.example/ws')
ws.onmessage = (event: WebSocket.MessageEvent) => console.log(event.data, event instanceof WebSocket.MessageEvent)
ws.onerror = ({ error }) => console.log(error instanceof WebSocketError, error instanceof WebSocket.WebSocketError)
console.log(WebSocket.OPEN, named)
