// Owns: unusual time: a process that is stopped and continued, a wall clock that jumps. Without libfaketime the clock's tests are skipped, except
// where `CI` is set.
import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { FaultServer } from '../lib/testing.js'
import { child } from './helpers.mjs'

/** Echoes, and says how it closed. */
const program = (url, options) => `
  import { WebSocket } from './lib/index.mjs'
  const ws = new WebSocket('${url}', ${JSON.stringify(options)})
  ws.onmessage = ({ data }) => ws.send(data)
  ws.onclose = ({ code, error }) => console.log(code, error?.code)
  console.log('made')`

for (const driver of ['host', 'background']) {
  test(`a process that was stopped goes on with its connection; driver: ${driver}`, async () => {
    const server = new FaultServer([
      { do: 'accept' },
      { do: 'send', text: 'here' },
      { do: 'expect', text: 'here', within: 60 },
      { do: 'delay', for: 1 },
      { do: 'send', text: 'are you back' },
      { do: 'expect', text: 'are you back', within: 60 },
      { do: 'close', code: 1000 },
    ])
    let stopped
    const onLine = (line, { pid }) => {
      if (line !== 'made') return
      stopped = (async () => {
        await server.waitFor({ event: 'message', text: 'here' }, 20_000)
        process.kill(pid, 'SIGSTOP')
        await sleep(2500) // time is the subject: longer than pingInterval and pingTimeout together
        process.kill(pid, 'SIGCONT')
      })()
    }
    const options = { driver, pingInterval: 1000, pingTimeout: 1000 }
    const { code, out, err } = await child(program(server.url, options), { onLine, ms: 60_000 })
    await stopped
    server.stop()
    assert.deepEqual([code, out, err], [0, 'made\n1000 undefined\n', ''])
  })
}

const faketime = ['x86_64', 'aarch64'].map((cpu) => `/usr/lib/${cpu}-linux-gnu/faketime/libfaketime.so.1`).find((path) => existsSync(path))
const skip = !faketime && !process.env.CI && 'libfaketime is not installed'

for (const driver of ['host', 'background']) {
  test(`a jump of the wall clock ends nothing; one forward has the connection probed; driver: ${driver}`, { skip }, async (context) => {
    assert.ok(faketime, 'libfaketime is not installed')
    const folder = mkdtempSync(join(tmpdir(), 'heartwire-'))
    context.after(() => rmSync(folder, { recursive: true }))
    const clock = join(folder, 'clock')
    writeFileSync(clock, '+0')
    const server = new FaultServer([
      { do: 'accept' },
      { do: 'send', text: 'here' },
      { do: 'expect', text: 'here', within: 60 },
      { do: 'expect', text: 'never', within: 60 },
    ])
    const env = { LD_PRELOAD: faketime, FAKETIME_TIMESTAMP_FILE: clock, FAKETIME_NO_CACHE: '1', FAKETIME_DONT_FAKE_MONOTONIC: '1' }
    // An hour passes for all three, if the wall clock counts.
    const options = { driver, pingInterval: 600_000, idleTimeout: 1_200_000, heartbeat: { message: 'beat', interval: 1_200_000 } }
    const ended = child(program(server.url, options), { env, ms: 60_000 })
    await server.waitFor({ event: 'message', text: 'here' }, 20_000)
    writeFileSync(clock, '+3600')
    await server.waitFor({ event: 'ping' }, 20_000)
    writeFileSync(clock, '-3600')
    await sleep(2500) // time is the subject: the clocks are compared each second
    server.dropConnections()
    const { out } = await ended
    const records = server.records()
    server.stop()
    assert.equal(out, 'made\n1006 connection_lost\n')
    assert.equal(records.filter(({ event }) => event === 'ping').length, 1)
    assert.equal(records.filter(({ event }) => event === 'message').length, 1)
  })
}
