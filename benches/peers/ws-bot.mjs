// ws, which has no reconnection. It is installed with the tests' tools.

import { createRequire } from 'node:module'
import { act } from './act.mjs'

const { WebSocket } = createRequire(new URL('../../tests/package.json', import.meta.url))('ws')
const [url, mode] = process.argv.slice(2)
const ws = new WebSocket(url)
ws.onmessage = () => act(mode)
ws.onerror = () => {}
ws.onclose = () => console.log('closed')
