// A bot whose `open` handler blocks its thread until a file appears, as bot.py: `node bot.mjs URL FILE`.
import { existsSync, writeSync } from 'node:fs'
import { WebSocket } from 'heartwire'

const told = []
// console.log would write only after the handler.
const print = (line) => writeSync(1, `${line}\n`)
const sleep = (ms) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)

const ws = new WebSocket(process.argv[2], {
  proxy: false,
  ready: { send: { op: 'login' }, expect: { op: 'welcome' }, timeout: 1000 },
  heartbeat: {
    message: { op: 1, d: null },
    fill: { '/d': '/s' },
    interval: 1000,
    response: { op: 11 },
    timeout: 1000,
    closeCode: 4000,
  },
})

ws.onopen = () => {
  print('blocked')
  while (!existsSync(process.argv[3])) sleep(50) // the handler blocks until the test frees it
  print('free')
}
ws.onmessage = (event) => told.push(event.json().s ?? null)
ws.on('ready', () => told.push('ready'))
ws.onerror = ({ error }) => told.push(error.code)
ws.onclose = ({ code }) => {
  told.push(code)
  print(JSON.stringify(told))
}
