// Has messages echoed over TLS: `echo.mjs URL CA`.

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import process from 'node:process'
import { WebSocket } from 'heartwire'

const messages = ['hello', '\u2665 '.repeat(2 ** 18), Buffer.from([...Array(256).keys()]), randomBytes(2 ** 20)]

async function talk(url, ca) {
  const ws = new WebSocket(url, { tls: { ca } })
  ws.binaryType = 'nodebuffer'
  try {
    await ws.opened
  } catch (error) {
    return { error: error.code, phase: error.phase }
  }
  const echoed = { text: [], binary: [] }
  const answers = ws[Symbol.asyncIterator]()
  for (const message of messages) {
    ws.send(message)
    const { data } = (await answers.next()).value
    assert.deepEqual(data, message)
    echoed[typeof data === 'string' ? 'text' : 'binary'].push(Buffer.byteLength(data))
  }
  ws.close(1000, 'done')
  const { code, reason } = await ws.closed
  return { echoed, compressed: ws.extensions.includes('permessage-deflate'), close: [code, reason] }
}

console.log(JSON.stringify(await talk(...process.argv.slice(2))))
