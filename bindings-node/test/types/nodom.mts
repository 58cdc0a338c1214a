// Checked by `tsc` with Node's types alone, never run: the class is assignable to Node's own WebSocket (if its types have one).
import * as heartwire from 'heartwire'

// Node's types before 22 have no WebSocket, and no instances of MessageEvent that one could make.
type Of<Name extends string> = typeof globalThis extends { WebSocket: unknown } & { [name in Name]: infer T } ? T : any
const Class: Of<'WebSocket'> = heartwire.WebSocket
const ours = new heartwire.WebSocket('wss://im.example/ws')
type Instance<T> = T extends abstract new (...given: any) => infer I ? I : any
const socket: Instance<Of<'WebSocket'>> = ours
ours.onopen = (event: Event) => console.log(event)
ours.onmessage = (event: Instance<Of<'MessageEvent'>>) => console.log(event.data)
ours.onclose = (event: Instance<Of<'CloseEvent'>>) => console.log(event.code)
ours.onerror = (event: Instance<Of<'ErrorEvent'>>) => console.log(event.message)
ours.onerror = (event: Event) => console.log(event.type)
const message: Instance<Of<'MessageEvent'>> = new heartwire.MessageEvent('message')
const close: Instance<Of<'CloseEvent'>> = new heartwire.CloseEvent('close')
console.log(Class, socket, message, close)
