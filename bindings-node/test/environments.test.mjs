// Owns: the end of an environment (a worker) releases all that its sockets had, at once and in any state, while the process goes on.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FaultServer } from '../lib/testing.js'
import { child } from './helpers.mjs'

const accept = [{ do: 'accept' }, { do: 'echo' }]
const stall = [{ do: 'request' }, { do: 'stall' }]

/** The state of the worker's socket when the worker ends: the server's first connection, the socket's options, and the steps before. */
const states = {
  connecting: [stall],
  open: [accept, {}, `await ws.opened`],
  'open, and nothing that pings': [accept, { pingInterval: null }, `await ws.opened`],
  'closing, and the peer does not answer': [[{ do: 'accept' }, { do: 'stall' }], {}, `await ws.opened; ws.close(1000)`],
  'waiting for the next attempt': [
    [{ do: 'accept' }, { do: 'close', code: 1012 }],
    { reconnect: { minDelay: 60_000, maxDelay: 60_000 } },
    `await new Promise((resolve) => { ws.onreconnecting = resolve })`,
  ],
  'paused with unread messages': [[{ do: 'accept' }, { do: 'send', size: 1000, count: 1000 }, { do: 'echo' }], {}, `await ws.opened; ws.pause()`],
}

const ways = { 'terminate()': '', 'process.exit()': 'process.exit()', 'an exception': `throw new Error('boom')` }
const targets = { 'the host, an address': {}, 'the background, a name': { name: true }, 'the background driver': { driver: 'background' } }

for (const [state, [script, options = {}, before = '']] of Object.entries(states)) {
  for (const [target, { name, driver }] of Object.entries(targets)) {
    test(`a worker ends while its socket is ${state} (${target})`, async () => {
      const workers = Object.keys(ways).length
      const server = new FaultServer([...Array(workers).fill(script), accept])
      const url = name ? server.url.replace('127.0.0.1', 'localhost') : server.url
      const worker = `
        const { parentPort } = require('node:worker_threads')
        const { WebSocket } = require('./lib')
        const ws = new WebSocket(${JSON.stringify(url)}, ${JSON.stringify({ closeOnExit: 200, ...options, driver })})
        ws.onerror = () => {}
        void (async () => {
          ${before}
          ${before ? 'parentPort.postMessage(1)' : ''}
          await new Promise((resolve) => parentPort.once('message', resolve))
          setImmediate(() => { WAY })
        })()`
      const { code, out, err } = await child(`
        import { once } from 'node:events'
        import fs from 'node:fs'
        import { Worker } from 'node:worker_threads'
        import { WebSocket } from './lib/index.mjs'
        const sockets = () => fs.readdirSync('/proc/self/fd').filter((fd) => {
          try { return fs.readlinkSync('/proc/self/fd/' + fd).startsWith('socket:') } catch { return false }
        }).length
        // The process makes these once.
        await new Promise((resolve) => { Object.assign(new WebSocket('ws://127.0.0.1:1'), { onerror() {}, onclose: resolve }) })
        const first = sockets()
        for (const way of ${JSON.stringify(Object.values(ways))}) {
          const worker = new Worker(${JSON.stringify(worker)}.replace('WAY', way), { eval: true, execArgv: [] })
          worker.on('error', () => {})
          ${before ? `await once(worker, 'message')` : `while (sockets() === first) await new Promise((resolve) => setTimeout(resolve, 2))`}
          const ended = new Promise((resolve) => worker.on('exit', resolve))
          if (way === '') await worker.terminate()
          else worker.postMessage(1)
          await ended
        }
        // Nobody holds the place: the next one opens; and nothing stays open.
        const ws = new WebSocket(${JSON.stringify(url)}, { openTimeout: 20_000 })
        await ws.opened
        ws.close(1000)
        await ws.closed
        for (let round = 0; round < 1000 && sockets() > first; round++) await new Promise((resolve) => setTimeout(resolve, 5))
        console.log('more', sockets() - first)
        process.exit()`)
      assert.deepEqual([code, out, err], [0, 'more 0\n', ''])
      server.stop()
    })
  }
}
