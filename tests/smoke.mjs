// A smoke test for runtimes other than Node (Bun, Deno): a bot connects to the chat server, talks, beats, reconnects and closes.
// It uses only functions that these runtimes share with Node, and prints the counts that tests/run.py reads.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import process from 'node:process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { WebSocket } from 'heartwire'

const root = fileURLToPath(new URL('../', import.meta.url))
const program = `${process.env.CARGO_TARGET_DIR ?? `${root}target`}/debug/chat-server`

/** Every server started, for the end of a test that failed. */
const servers = []

async function startServer(port = '0') {
  const child = spawn(program, ['--port', port], { stdio: ['ignore', 'pipe', 'inherit'] })
  servers.push(child)
  const lines = createInterface({ input: child.stdout })
  const line = await new Promise((resolve) => lines.once('line', resolve))
  const seen = [line]
  lines.on('line', (line) => seen.push(line))
  return {
    child,
    lines,
    seen,
    url: /ws:\S+/.exec(line)[0],
    port: /:(\d+)\/ws/.exec(line)[1],
    exited: new Promise((resolve) => child.once('exit', resolve)),
  }
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

  async 'the server gets 1001 on every way out, and the status is what it was'() {
    const server = await startServer()
    const ends = {
      normal: ['ws.unref()', 0, null],
      status: ['process.exitCode = 5; ws.unref()', 5, null],
      exit: ['process.exit(3)', 3, null],
      native: ['(globalThis.Deno ?? process).exit(6)', 6, null],
      thrown: ['throw new Error("boom")', 1, null],
      rejected: ['Promise.reject(new Error("boom"))', 1, null],
      SIGINT: ['signal("SIGINT")', null, 'SIGINT'],
      SIGTERM: ['signal("SIGTERM")', null, 'SIGTERM'],
      SIGHUP: ['signal("SIGHUP")', null, 'SIGHUP'],
      heard: ['process.on("SIGTERM", () => process.exit(4)); signal("SIGTERM")', 4, null],
    }
    const listener = 'const listener = () => {}; process.on("SIGTERM", listener)'
    for (const [name, act] of Object.entries({
      off: `${listener}; process.off("SIGTERM", listener)`,
      two: `${listener}; process.on("SIGTERM", console.log); process.off("SIGTERM", console.log); process.removeListener("SIGTERM", listener)`,
      all: `${listener}; process.removeAllListeners("SIGTERM")`,
      onceOff: 'const once = () => {}; process.once("SIGTERM", once); process.off("SIGTERM", once)',
    })) {
      ends[name] = [`${act}; signal("SIGTERM")`, null, 'SIGTERM']
    }
    // The listener has gone when it is called.
    ends.once = ['process.once("SIGTERM", () => process.kill(process.pid, "SIGTERM")); signal("SIGTERM")', null, 'SIGTERM']
    ends.twice = [`process.once("SIGTERM", () => {}); ${listener}; process.on("SIGTERM", () => process.exit(9)); signal("SIGTERM")`, 9, null]
    if (process.versions.deno) {
      const own = 'const own = () => Deno.exit(7); Deno.addSignalListener("SIGTERM", own)'
      ends.own = [`${own}; signal("SIGTERM")`, 7, null]
      ends.ownGone = [`${own}; Deno.removeSignalListener("SIGTERM", own); signal("SIGTERM")`, null, 'SIGTERM']
      ends.ownAndOther = [`${own}; ${listener}; process.off("SIGTERM", listener); signal("SIGTERM")`, 7, null]
      const again = 'Deno.removeSignalListener("SIGTERM", again); Deno.kill(Deno.pid, "SIGTERM")'
      ends.ownAgain = [`const again = () => { ${again} }; Deno.addSignalListener("SIGTERM", again); signal("SIGTERM")`, null, 'SIGTERM']
      // Deno puts its own handler over ours with the first listener and keeps it there: it must not be faster than the Close.
      const gone = 'const listener = () => {}; process.on("SIGTERM", listener); process.off("SIGTERM", listener)'
      for (let count = 0; count < 5; count++) {
        ends[`gone${count}`] = [`${gone}; signal("SIGTERM")`, null, 'SIGTERM']
        ends[`again${count}`] = [`${gone}; process.on("SIGTERM", () => process.exit(8)); signal("SIGTERM")`, 8, null]
      }
    }
    mkdirSync(`${root}target`, { recursive: true })
    const file = `${root}target/smoke-${process.pid}.mjs`
    // One after the other: the server reports joins and leaves to all peers, which must not happen while a peer closes.
    for (const [name, [act, code, signal]] of Object.entries(ends)) {
      const source = `
        import process from 'node:process'
        import { WebSocket } from 'heartwire'
        const signal = (name) => { setInterval(() => {}, 1000); process.kill(process.pid, name) }
        const ws = new WebSocket('${server.url}?name=${name}')
        ws.onopen = () => { ${act} }`
      writeFileSync(file, source)
      const child = spawn(process.execPath, [...(process.versions.deno ? ['run', '-A'] : []), file], { stdio: ['ignore', 'inherit', 'ignore'] })
      assert.deepEqual(await new Promise((resolve) => child.once('exit', (...how) => resolve(how))), [code, signal], name)
      while (!server.seen.some((line) => line.includes(`${name} says goodbye: 1001`)))
        await new Promise((resolve) => server.lines.once('line', resolve))
    }
    rmSync(file)
    server.child.kill()
    await server.exited
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
    timer = setTimeout(() => reject(new Error('took longer than 60 s')), 60_000)
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
for (const server of servers) server.kill()
process.exit(failed === 0 ? 0 : 1)
