// The WebSocket that Node has, by undici; it has no reconnection.

import { act } from './act.mjs'

const [url, mode] = process.argv.slice(2)
const ws = new WebSocket(url)
ws.onmessage = () => act(mode)
ws.onerror = () => {}
ws.onclose = () => console.log('closed')
