// Owns: text of every kind arrives as it was sent, at any length and any place of its characters.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { WebSocket } from '../lib/index.mjs'
import { FaultServer } from '../lib/testing.js'
import { within } from './helpers.mjs'

/** Characters of one to four bytes, the first and last of each length among them. */
const kinds = ['aZ\u0000\u007f', '\u0080ß\u07ff', '\u0800你\ud7ff\ue000\uffff', '\u{10000}😀\u{10ffff}']

test('text of one to four bytes a character, mixed and at every offset', async () => {
  const server = new FaultServer()
  const ws = new WebSocket(server.url, { compression: false })
  await within(ws.opened, 'open')
  const texts = []
  for (let length = 0; length < 150; length++) {
    for (let kind = 0; kind < kinds.length; kind++) {
      const one = [...kinds[kind]]
      const both = [...kinds[0], ...kinds[kind], ...kinds[(kind + 1) % kinds.length]]
      texts.push(Array.from({ length }, (_, index) => one[index % one.length]).join(''))
      texts.push(Array.from({ length }, (_, index) => both[(index * 7 + length) % both.length]).join(''))
      texts.push('x'.repeat(length) + one.join(''))
    }
  }
  const got = []
  const all = new Promise((resolve) => {
    ws.onmessage = ({ data }) => got.push(data) === texts.length && resolve()
  })
  for (const text of texts) ws.send(text)
  await within(all, 'the echoes', 30_000)
  assert.deepEqual(got, texts)
  ws.close()
  await within(ws.closed, 'close')
  server.stop()
})
