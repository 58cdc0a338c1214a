// Checked by `tsc` with the DOM's types, never run: the class is assignable to the DOM's WebSocket.
import * as heartwire from 'heartwire'

const Class: typeof WebSocket = heartwire.WebSocket
const ws: WebSocket = new heartwire.WebSocket('wss://im.example/ws')
const states: [0, 1, 2, 3] = [heartwire.WebSocket.CONNECTING, heartwire.WebSocket.OPEN, heartwire.WebSocket.CLOSING, heartwire.WebSocket.CLOSED]
ws.onclose = (event: CloseEvent) => console.log(event.code)
ws.addEventListener('message', (event) => console.log(event.data))
const ours = new heartwire.WebSocket('wss://im.example/ws')
ours.onopen = (event: Event) => console.log(event)
ours.onmessage = (event: MessageEvent) => console.log(event.data)
ours.onclose = (event: CloseEvent) => console.log(event.code)
ours.onerror = (event: ErrorEvent) => console.log(event.message)
ours.onerror = (event: Event) => console.log(event.type)
ours.addEventListener('close', (event: CloseEvent) => console.log(event.code))
ours.on('message', (event: MessageEvent) => console.log(event.data))
const events: [CloseEvent, MessageEvent] = [new heartwire.CloseEvent('close'), new heartwire.MessageEvent('message')]
globalThis.WebSocket = heartwire.WebSocket
// @ts-expect-error the DOM's event of another type
ours.onmessage = (event: CloseEvent) => console.log(event)
console.log(Class, states, events)
