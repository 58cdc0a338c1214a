// Owns: a file that leaves a socket open behind it, under vitest.
import { createRequire } from 'node:module'
import { WebSocket } from 'heartwire'
import { expect, test } from 'vitest'

const { URL, next } = createRequire(import.meta.url)('../cases.cjs')

test('a socket is left open', async () => {
  const ws = new WebSocket(URL)
  await next(ws, 'open')
  expect(ws.readyState).toBe(1)
})
