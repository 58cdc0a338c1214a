// Heartwire in Node.

import { WebSocket } from 'heartwire'
import { act } from './act.mjs'

const [url, mode] = process.argv.slice(2)
const ws = new WebSocket(url, { reconnect: mode === 'return' })
ws.onmessage = () => act(mode)
ws.onerror = () => {}
ws.onclose = () => console.log('closed')
