// Owns: a proxy that we did not write (tinyproxy) is killed, or stopped, under an open connection, and started again. Scenarios play every other
// fault of proxies. Without tinyproxy the tests are skipped, except where `CI` is set.
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { inspect } from 'node:util'
import { WebSocket } from '../lib/index.mjs'
import { FaultServer } from '../lib/testing.js'
import { within } from './helpers.mjs'

const skip = !process.env.CI && spawnSync('tinyproxy', ['-v']).error ? 'tinyproxy is not installed' : false

/** A proxy for one user, always on the same port. */
class Tinyproxy {
  folder = mkdtempSync(join(tmpdir(), 'heartwire-proxy-'))

  async begin() {
    const free = createServer().listen(0, '127.0.0.1')
    await once(free, 'listening')
    this.port = free.address().port
    free.close()
    const configuration = `Port ${this.port}\nListen 127.0.0.1\nTimeout 600\nAllow 127.0.0.1\nBasicAuth bot s3cretword\nLogLevel Critical\n`
    writeFileSync(join(this.folder, 'proxy.conf'), configuration)
    await this.start()
  }

  start() {
    this.starting = this.listening()
    return this.starting
  }

  async listening() {
    this.process = spawn('tinyproxy', ['-d', '-c', join(this.folder, 'proxy.conf')], { stdio: 'ignore' })
    for (;;) {
      const stream = connect(this.port, '127.0.0.1')
      const listens = await new Promise((resolve) => stream.on('connect', () => resolve(true)).on('error', () => resolve(false)))
      stream.destroy()
      if (listens) return
      assert.equal(this.process.exitCode, null, 'tinyproxy does not start')
      await new Promise((resolve) => setTimeout(resolve, 10)) // the program does not report when it listens
    }
  }

  async end() {
    await this.starting
    this.process.kill('SIGKILL')
    rmSync(this.folder, { recursive: true })
  }
}

/** The life of a bot that says "hi" on every connection and leaves after the second answer. `on` does a thing at the first event of a kind. */
async function live(proxy, on, options) {
  const server = new FaultServer()
  try {
    await within(proxy.begin(), 'the proxy')
    const reconnect = { minDelay: 10, maxDelay: 100 }
    const ws = new WebSocket(server.url, { proxy: `http://bot:s3cretword@127.0.0.1:${proxy.port}`, reconnect, ...options })
    const seen = []
    const over = new Promise((resolve) => {
      for (const type of ['open', 'message', 'error', 'close'])
        ws.addEventListener(type, (event) => {
          seen.push(event)
          if (type === 'open') ws.send('hi')
          if (type === 'message' && seen.filter((past) => past.type === type).length === 2) ws.close(1000)
          if (type === 'close' && !event.willReconnect) resolve()
          const act = on[type]
          delete on[type]
          act?.()
        })
    })
    await within(over, 'the last close')
    assert.ok(!inspect(seen.map((event) => event.error)).includes('s3cretword'))
    return seen
  } finally {
    server.stop()
    await proxy.end()
  }
}

/** The events, with the repeated ends of attempts as one. */
function kinds(seen) {
  const short = []
  for (const { type, error } of seen) {
    const one = [type, ...(error ? [error.code, error.phase] : [])].join(' ')
    if (!(['error', 'close'].includes(type) && short.slice(-2).includes(one))) short.push(one)
  }
  return short
}

for (const driver of ['host', 'background']) {
  test(`a proxy that is killed is asked again until it is back; driver: ${driver}`, { skip }, async () => {
    const proxy = new Tinyproxy()
    const seen = await live(proxy, { message: () => proxy.process.kill('SIGKILL'), error: () => proxy.start() }, { driver })
    assert.deepEqual(kinds(seen), [
      'open',
      'message',
      'close connection_lost closed',
      'error proxy_failed proxy',
      'close proxy_failed proxy',
      'open',
      'message',
      'close',
    ])
  })

  test(`a proxy that is stopped is noticed, and asked again until it goes on; driver: ${driver}`, { skip }, async () => {
    const proxy = new Tinyproxy()
    const on = {
      message: () => proxy.process.kill('SIGSTOP'),
      error: () => {
        on.error = () => proxy.process.kill('SIGCONT')
      },
    }
    const seen = await live(proxy, on, { driver, pingInterval: 1000, pingTimeout: 2000, openTimeout: 1000 })
    assert.deepEqual(kinds(seen), [
      'open',
      'message',
      'error ping_timeout liveness',
      'close ping_timeout liveness',
      'error open_timeout proxy',
      'close open_timeout proxy',
      'open',
      'message',
      'close',
    ])
  })
}
