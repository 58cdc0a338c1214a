// Owns: a handler that blocks loses nothing and is named; a flood on one socket does not starve the others. A handler blocks until the server has
// seen the expected traffic. With BLOCK=30 it blocks for so many seconds, and then the server is strict about time.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { WebSocket } from '../lib/index.mjs'
import { FaultServer } from '../lib/testing.js'
import { child, next, within } from './helpers.mjs'

const long = Number(process.env.BLOCK ?? 0) * 1000
const every = long ? 1 : 0.1
// More than a busy machine keeps a thread waiting that has something to do.
const keeper = 500
// How long the server bears a peer that says nothing, in seconds.
const silent = long ? 5 : 60
// A heartbeat after the one before, and a pong after its ping, come within this time, in seconds: with BLOCK, two intervals; otherwise the bound of a
// busy machine.
const punctual = long ? 2 : 5
// Messages of three floods, with some room: a turn brings 16 Ki of a socket.
const MOST_IN_A_TURN = 200_000

/** Nothing else runs on this thread for so long. */
function block(ms) {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
}

/** Blocks until a condition holds, because no event reaches a blocked thread. */
function blockUntil(holds) {
  for (let waited = 0; !holds() && waited < long + 60_000; waited += 5) block(5)
}

/** The warnings of Heartwire from now on. */
function warnings(context) {
  const seen = []
  const listener = (warning) => warning.name === 'HeartwireWarning' && seen.push(warning)
  process.on('warning', listener)
  context.after(() => process.off('warning', listener))
  return seen
}

for (const allowSynchronousEvents of [false, true]) {
  test(`a blocked handler keeps its connection and is named; allowSynchronousEvents: ${allowSynchronousEvents}`, async (context) => {
    const rounds = Math.max(10, long / 1000)
    const ping = (number) => [
      { do: 'send', text: `${number}` },
      { do: 'mark', name: 'asked' },
      { do: 'ping', payload: `${number}`, wait: true, within: silent },
      { do: 'delay', for: every },
    ]
    const numbers = Array.from({ length: rounds }, (_, index) => index)
    const beat = { do: 'expect', text: 'beat', within: silent }
    const server = new FaultServer([
      { do: 'accept' },
      ...numbers.flatMap(ping),
      ...[beat, beat, beat],
      { do: 'mark', name: 'satisfied' },
      { do: 'close', code: 1000 },
    ])
    const warned = warnings(context)
    const ws = new WebSocket(server.url, { keeper, allowSynchronousEvents, heartbeat: { message: 'beat', interval: every * 1000 } })
    const seen = []
    const satisfied = () => server.records().some(({ name }) => name === 'satisfied')
    ws.onmessage = function slow({ data }) {
      seen.push(Number(data))
      if (seen.length === 1) blockUntil(satisfied)
    }
    const close = await next(ws, 'close', long + 60_000)
    server.stop()
    assert.deepEqual([close.code, close.wasClean], [1000, true])
    assert.deepEqual(seen, numbers)
    const records = server.records()
    const beats = records.filter((record) => record.event === 'message' && record.text === 'beat')
    const pongs = records.filter(({ event }) => event === 'pong')
    const apart = Math.max(...beats.slice(1).map(({ at }, index) => at - beats[index].at))
    const asked = records.filter(({ event, name }) => event === 'mark' && name === 'asked')
    const slowest = Math.max(...pongs.map(({ at }, index) => at - asked[index].at))
    context.diagnostic(`${pongs.length} pings, the slowest answered after ${slowest.toFixed(3)} s; heartbeats at most ${apart.toFixed(3)} s apart`)
    assert.equal(pongs.length, rounds)
    assert.ok(slowest < punctual, `a pong after ${slowest} s`)
    assert.ok(apart < punctual, `heartbeats ${apart} s apart`)
    if (long) assert.ok(beats.length > rounds * 0.6, `${beats.length} heartbeats`)
    assert.equal(
      records.find(({ event }) => event === 'failed'),
      undefined,
    )
    assert.equal(warned.length, 1, warned.map(({ message }) => message).join())
    assert.match(warned[0].message, /^The message handler \(slow\) kept events waiting for \d/)
    assert.equal(warned[0].code, 'HEARTWIRE_SLOW_HANDLER')
  })
}

test('what is read while a handler blocks is bounded', async (context) => {
  const [size, count, readLimit] = [16 << 10, 4096, 1 << 20] // the default limit
  const folder = mkdtempSync(join(tmpdir(), 'heartwire-'))
  context.after(() => rmSync(folder, { recursive: true }))
  const enough = join(folder, 'enough')
  const server = new FaultServer([
    { do: 'accept' },
    { do: 'send', text: '0' },
    { do: 'ping', wait: true, within: 60 },
    { do: 'send', size, count },
    { do: 'mark', name: 'all sent' },
    { do: 'close', code: 1000 },
  ])
  // In a process that does nothing else. Its own memory is that which is not mapped of files.
  const ended = child(
    `
    import { existsSync, readFileSync } from 'node:fs'
    import { WebSocket } from './lib/index.mjs'
    const own = () => process.platform === 'linux' && Number(/^RssAnon:\\s*(\\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))[1]) << 10
    const ws = new WebSocket('${server.url}', { keeper: 300, compression: false })
    let seen = 0
    let grown = 0
    ws.onmessage = ({ data }) => {
      seen += data.length
      if (seen !== 1) return
      const before = own()
      while (!existsSync('${enough}')) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5)
      grown = own() - before
    }
    ws.onclose = ({ code }) => console.log(JSON.stringify({ code, seen, grown }))`,
    { ms: long + 60_000 },
  )
  await server.waitFor({ event: 'pong' }, 60_000)
  await sleep(Math.max(1000, long)) // time is the subject: the keeper's reads while the handler blocks
  const sentMeanwhile = server.records().some(({ event }) => event === 'mark')
  writeFileSync(enough, '')
  const { out } = await ended
  server.stop()
  const { code, seen, grown } = JSON.parse(out)
  context.diagnostic(`under a flood of ${(size * count) >> 20} MiB the process grew by ${grown >> 10} KiB`)
  assert.deepEqual([code, seen, sentMeanwhile], [1000, 1 + size * count, false])
  assert.ok(grown < (8 << 20) + 2 * readLimit, `the process grew by ${grown} bytes`)
})

test('what blocks and is no handler is told as such; a handler in time is not', async (context) => {
  const ping = [
    { do: 'ping', wait: true, within: 60 },
    { do: 'delay', for: 0.05 },
  ]
  const script = [{ do: 'accept' }, ...Array(1000).fill(ping).flat()]
  const server = new FaultServer(script)
  const warned = warnings(context)
  const ws = new WebSocket(server.url, { keeper })
  ws.onping = () => {}
  await next(ws, 'open')
  const pongs = () => server.records().filter(({ event }) => event === 'pong').length
  setTimeout(() => {
    const before = pongs()
    blockUntil(() => pongs() > before + 1)
  })
  await within(once(process, 'warning'), 'a warning')
  ws.close()
  await next(ws, 'close')
  server.stop()
  assert.deepEqual(
    warned.map(({ message }) => message.split(' kept ')[0]),
    ['Something else on this thread'],
  )
})

for (const allowSynchronousEvents of [false, true]) {
  test(`a flood starves neither the loop nor other sockets; allowSynchronousEvents: ${allowSynchronousEvents}`, async () => {
    const flood = [{ do: 'accept' }, ...Array(5000).fill({ do: 'send', text: 'x'.repeat(32), count: 1000 })]
    const servers = [1, 2, 3].map(() => new FaultServer(flood))
    const counts = [0, 0, 0]
    const flooding = servers.map(({ url }, index) => {
      const ws = new WebSocket(url, { allowSynchronousEvents })
      ws.onmessage = () => {
        counts[index]++
      }
      return ws
    })
    const echo = new FaultServer([{ do: 'accept' }, { do: 'echo' }])
    const quiet = new WebSocket(echo.url)
    await next(quiet, 'open')
    // Counted in messages, because other processes compute meanwhile, too.
    const turns = [0]
    const timer = setInterval(() => turns.push(counts.reduce((one, other) => one + other)))
    for (let round = 0; round < 20 || turns.length < 20; round++) {
      quiet.send('are you there')
      await next(quiet, 'message')
    }
    clearInterval(timer)
    const gaps = turns.slice(1).map((at, index) => at - turns[index])
    const median = gaps.sort((one, other) => one - other)[gaps.length >> 1]
    assert.ok(median < MOST_IN_A_TURN, `${median} messages between two turns of the loop`)
    assert.ok(Math.min(...counts) > 0, `${counts}`)
    for (const ws of [...flooding, quiet]) ws.terminate()
    for (const server of [...servers, echo]) server.stop()
  })

  test(`two sockets with slow handlers take turns; allowSynchronousEvents: ${allowSynchronousEvents}`, async () => {
    const script = [
      { do: 'accept' },
      { do: 'expect', text: 'go' },
      { do: 'send', text: 'x', count: 200, coalesce: true },
      { do: 'mark', name: 'sent' },
      { do: 'close', code: 1000 },
    ]
    const server = new FaultServer(script)
    const order = []
    // The first handler waits until the messages of both are under way: the order of the first bytes is not the subject.
    const bothSent = () => server.records().filter(({ event }) => event === 'mark').length === 2
    const sockets = [0, 1].map((index) => {
      const ws = new WebSocket(server.url, { allowSynchronousEvents })
      ws.onmessage = () => {
        if (order.length === 0) blockUntil(bothSent)
        order.push(index)
        block(1)
      }
      return ws
    })
    await Promise.all(sockets.map((ws) => next(ws, 'open')))
    for (const ws of sockets) ws.send('go')
    await Promise.all(sockets.map((ws) => next(ws, 'close')))
    server.stop()
    assert.equal(order.length, 400)
    const changes = order.filter((index, at) => at > 0 && index !== order[at - 1]).length
    assert.ok(changes > 6, `${changes} changes`)
  })
}
