// Checked by `tsc`, never run: each line below a comment is a mistake, and has to be an error.
import { type CloseEvent, type ErrorCode, type MessageEvent, WebSocket, type WebSocketError } from 'heartwire'

declare const error: WebSocketError
const ws = new WebSocket('wss://im.example/ws')

// @ts-expect-error an option that does not exist
new WebSocket('wss://im.example/ws', { reconect: true })
// @ts-expect-error an option of another type
new WebSocket('wss://im.example/ws', { pingInterval: 'often' })
// @ts-expect-error a number is nothing to send
ws.send(1)
// @ts-expect-error nor is an object
ws.send({})
// @ts-expect-error nor is null
ws.send(null)
// @ts-expect-error there is no such option of send()
ws.send('x', { urgently: true })
// @ts-expect-error no such handler type
ws.onclose = 'closed'
// @ts-expect-error no such event
ws.on('mesage', () => {})
// @ts-expect-error no such event
ws.once('opened', () => {})
// @ts-expect-error no such event
ws.off('mesage', () => {})
// @ts-expect-error no such event
ws.addEventListener('disconnect', () => {})
// @ts-expect-error no such event
ws.removeEventListener('disconnect', () => {})
// @ts-expect-error no such handler
ws.onmesage = () => {}
// @ts-expect-error the event of another type
ws.onmessage = (event: CloseEvent) => console.log(event)
// @ts-expect-error the event of another type
ws.on('close', (event: MessageEvent) => console.log(event))
// @ts-expect-error the event of another type
ws.addEventListener('message', (event: CloseEvent) => console.log(event))
// @ts-expect-error not the data itself, as with ws
ws.on('message', (data: Buffer) => console.log(data))
// @ts-expect-error not the data itself, as with ws
ws.on('message', (data: string, isBinary: boolean) => console.log(data, isBinary))
// @ts-expect-error not the code itself, as with ws
ws.on('close', (code: number) => console.log(code))
// @ts-expect-error messages are never objects
ws.onmessage = (event: MessageEvent<{ text: string }>) => console.log(event)
// @ts-expect-error nor numbers
ws.onmessage = (event) => event.data * 2
// @ts-expect-error text has to be distinguished from bytes first
ws.onmessage = (event) => JSON.parse(event.data)
// @ts-expect-error no field of this event
ws.onclose = (event) => event.data
// @ts-expect-error no such code
error.code === 'conection_refused'
// @ts-expect-error no such code
const code: ErrorCode = 'refused'
// @ts-expect-error no such binaryType
ws.binaryType = 'buffer'
// @ts-expect-error a code is a number
ws.close('1000')

export { code }
