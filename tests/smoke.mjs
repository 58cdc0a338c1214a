// A smoke test for runtimes other than Node (Bun, Deno): a bot connects to the chat server, talks, beats, comes back and says goodbye.
// It uses nothing but what these runtimes share with Node, and prints the counts that tests/run.py reads.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import process from 'node:process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { WebSocket } from 'heartwire'

const root = fileURLToPath(new URL('../', import.meta.url))
const program = `${process.env.CARGO_TARGET_DIR ?? `${root}target`}/debug/chat-server`

async function startServer(port = '0') {
  const child = spawn(program, ['--port', port], { stdio: ['ignore', 'pipe', 'inherit'] })
  const lines = createInterface({ input: child.stdout })
  const line = await new Promise((resolve) => lines.once('line', resolve))
  const seen = [line]
  lines.on('line', (line) => seen.push(line))
  return { child, seen, url: /ws:\S+/.exec(line)[0], port: /:(\d+)\/ws/.exec(line)[1], exited: new Promise((resolve) => child.once('exit', resolve)) }
}

/** A socket with everything that happens to it, in order, to be awaited. */
function connect(url, options) {
  const ws = new WebSocket(url, options)
  const happened = []
  const waiting = []
  for (const type of ['open', 'message', 'error', 'close', 'heartbeat', 'reconnecting']) {
    ws.addEventListener(type, (event) => {
      const wait = waiting.shift()
      if (wait) wait(event)
      else happened.push(event)
    })
  }
  const one = () => (happened.length > 0 ? happened.shift() : new Promise((resolve) => waiting.push(resolve)))
  const next = async (type, matches = () => true) => {
    for (;;) {
      const event = await one()
      if (event.type === type && matches(event)) return event
    }
  }
  return { ws, next }
}

const tests = {
  async 'messages go both ways'() {
    const server = await startServer()
    const { ws, next } = connect(`${server.url}?name=ann`)
    await next('open')
    assert.equal(JSON.parse((await next('message')).data).name, 'ann')
    const other = connect(server.url)
    await other.next('open')
    other.ws.send('hello')
    await next('message', (event) => JSON.parse(event.data).text === 'hello')
    ws.send('hi')
    assert.equal((await other.next('message')).data, 'hi')
    for (const each of [{ ws, next }, other]) {
      each.ws.close(1000, 'done')
      const close = await each.next('close')
      assert.deepEqual([close.code, close.wasClean, each.ws.readyState], [1000, true, WebSocket.CLOSED])
    }
    server.child.kill()
    await server.exited
  },

  async 'the heartbeat is sent and answered, and the socket comes back'() {
    const server = await startServer()
    const { ws, next } = connect(server.url, {
      reconnect: { minDelay: 50 },
      heartbeat: { message: { url: '/chat/heart-beat' }, interval: 100, response: { url: '/chat/heart-beat' }, timeout: 5_000 },
    })
    await next('open')
    await next('heartbeat', (event) => event.kind === 'answered')
    server.child.kill()
    const close = await next('close')
    assert.deepEqual([close.code, close.willReconnect], [1001, true])
    await server.exited
    const second = await startServer(server.port)
    await next('open')
    ws.close()
    await next('close', (event) => !event.willReconnect)
    second.child.kill()
    await second.exited
  },

  async 'wrong arguments are refused'() {
    assert.throws(() => new WebSocket('ftp://127.0.0.1/'), { name: 'SyntaxError' })
    assert.throws(() => new WebSocket('ws://127.0.0.1/', { reconect: true }), /reconnect/)
  },
}

let failed = 0
for (const [name, run] of Object.entries(tests)) {
  let timer
  const limit = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error('took longer than 20 s')), 20_000)
  })
  try {
    await Promise.race([run(), limit])
    console.log(`ok ${name}`)
  } catch (error) {
    failed += 1
    console.log(`not ok ${name}`, error)
  }
  clearTimeout(timer)
}
console.log(`# pass ${Object.keys(tests).length - failed}\n# fail ${failed}`)
process.exit(failed === 0 ? 0 : 1)
