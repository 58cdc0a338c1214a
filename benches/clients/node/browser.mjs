// The clients with the browser's interface: Heartwire, ws, undici, and those built into Node, Bun and Deno. The variant names one.

import { Batches, blocked, fail, job, kept, many, payload, sender, stamps } from './common.mjs'

const MAKERS = {
  heartwire: async () => {
    const { WebSocket } = await import('heartwire')
    return () => new WebSocket(job.url)
  },
  'heartwire-sync': async () => {
    const { WebSocket } = await import('heartwire')
    return () => new WebSocket(job.url, { allowSynchronousEvents: true })
  },
  'heartwire/ws': () => likeWs('heartwire/ws'),
  ws: () => likeWs('ws'),
  undici: async () => {
    const { WebSocket } = await import('undici')
    return () => new WebSocket(job.url)
  },
  'built-in': () => () => new WebSocket(job.url),
}

async function likeWs(name) {
  const { WebSocket } = await import(name)
  return () => new WebSocket(job.url, { perMessageDeflate: job.deflate })
}

const make = await MAKERS[job.variant]()
const { binary } = job
let over = false

function echo(ws) {
  const batches = new Batches(() => ws.send(payload), end(ws))
  let left = 0
  let length = 0
  ws.onopen = () => {
    left = batches.begin()
  }
  ws.onmessage = ({ data }) => {
    length += binary ? data.byteLength : data.length
    stamps.push(performance.now())
    if (--left) ws.send(payload)
    else [left, length] = [batches.next(length), 0]
  }
}

function flood(ws) {
  const batches = new Batches(() => ws.send('go'), end(ws))
  let left = 0
  let length = 0
  ws.onopen = () => {
    left = batches.begin()
  }
  ws.onmessage = ({ data }) => {
    length += binary ? data.byteLength : data.length
    if (--left === 0) [left, length] = [batches.next(length), 0]
  }
}

function send(ws) {
  const batches = new Batches(
    sender((data) => ws.send(data)),
    end(ws),
  )
  ws.onopen = () => batches.begin()
  ws.onmessage = ({ data }) => batches.answered(data)
}

function block(ws) {
  ws.onmessage = ({ data }) => (data === 'go' ? blocked() : kept(true))
  ws.onclose = () => kept(false)
}

const end = (ws) => () => {
  over = true
  ws.close()
}

function open() {
  const ws = make()
  // ws hands out Buffers fastest, which is its default; the others know ArrayBuffers.
  if (!job.variant.endsWith('ws')) ws.binaryType = 'arraybuffer'
  ws.onerror = ({ error, message }) => {
    if (job.mode !== 'blocked') fail(`failed: ${error ?? message}`)
  }
  ws.onclose = ({ code }) => over || fail(`closed with ${code}`)
  return ws
}

const PLAYS = { echo, flood, send, blocked: block }

if (job.mode in PLAYS) {
  PLAYS[job.mode](open())
} else {
  many(
    (opened) => {
      const ws = open()
      ws.onopen = () => opened(ws)
      ws.onmessage = () => fail('nobody asked')
    },
    (ws, closed) => {
      ws.onclose = closed
      ws.close()
    },
  )
}
