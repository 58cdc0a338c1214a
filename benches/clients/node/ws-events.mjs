// ws, or heartwire/ws in its place, through its own events: messages are Buffers, and a bot makes text of them.

import { Batches, fail, job, payload, sender, stamps } from './common.mjs'

const { WebSocket } = await import(job.variant)
const ws = new WebSocket(job.url, { perMessageDeflate: job.deflate })
const { binary } = job
const end = () => {
  ws.off('close', lost)
  ws.close()
}
const lost = (code) => fail(`closed with ${code}`)
ws.on('close', lost)
ws.on('error', (error) => fail(`failed: ${error}`))

const go = { echo: () => ws.send(payload), flood: () => ws.send('go'), send: sender((data) => ws.send(data)) }
const batches = new Batches(go[job.mode], end)
let left = 0
let length = 0
ws.on('open', () => {
  left = batches.begin()
})

const takes = {
  echo: (data) => {
    length += binary ? data.length : data.toString().length
    stamps.push(performance.now())
    if (--left) ws.send(payload)
    else [left, length] = [batches.next(length), 0]
  },
  flood: (data) => {
    length += binary ? data.length : data.toString().length
    if (--left === 0) [left, length] = [batches.next(length), 0]
  },
  send: (data) => batches.answered(data.toString()),
}
ws.on('message', takes[job.mode])
