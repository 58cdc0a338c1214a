/// <reference lib="dom" />
// Checked by `tsc`, never run: the class can be handed to whatever takes the DOM's WebSocket.
import * as heartwire from 'heartwire'

const Class: new (url: string | URL, protocols?: string | string[]) => WebSocket = heartwire.WebSocket
const ws: WebSocket = new heartwire.WebSocket('wss://im.example/ws')
const states: [0, 1, 2, 3] = [heartwire.WebSocket.CONNECTING, heartwire.WebSocket.OPEN, heartwire.WebSocket.CLOSING, heartwire.WebSocket.CLOSED]
ws.onclose = (event: CloseEvent) => console.log(event.code)
ws.addEventListener('message', (event) => console.log(event.data))
console.log(Class, states)
