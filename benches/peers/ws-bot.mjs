// ws, which has no reconnection.

import { WebSocket } from 'ws'
import { act } from './act.mjs'

const [url, mode] = process.argv.slice(2)
const ws = new WebSocket(url)
ws.onmessage = () => act(mode)
ws.onerror = () => {}
ws.onclose = () => console.log('closed')
