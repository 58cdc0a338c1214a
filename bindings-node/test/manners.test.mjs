// Owns: nothing passes in silence: errors without a listener, the core's warnings, code written for `ws`, install beside Node's own class, failed
// steps of a fault server's script; console.log of a socket; frozen intrinsics; the cause of a user's failing function.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { test } from 'node:test'
import { inspect } from 'node:util'
import Default, * as named from '../lib/index.mjs'
import { FaultServer } from '../lib/testing.js'
import { child, next, within } from './helpers.mjs'

const { WebSocket } = named
const require = createRequire(import.meta.url)
const accept = { do: 'accept' }

/** Runs a program that knows `WebSocket`, `url` and `warnings`, a list of the codes of the process' warnings. Gives its JSON output. */
async function told(program, { url = 'ws://127.0.0.1:1/', nodeArgs = [], args = [] } = {}) {
  const source = `
    const warnings = []
    process.on('warning', ({ code, message }) => warnings.push([code, message]))
    const { WebSocket } = await import('heartwire')
    const url = ${JSON.stringify(url)}
    const ticks = () => new Promise((done) => setImmediate(done))
    const print = async (...values) => { await ticks(); console.log(JSON.stringify(values)) }
    ${program}`
  const { out, err, code } = await child(source, { args, nodeArgs: ['--no-warnings', ...nodeArgs] })
  assert.equal(code, 0, err)
  return JSON.parse(out.trim().split('\n').at(-1))
}

test('an error that nobody listens to is told once for each kind', async () => {
  const [codes, text] = await told(`
    for (let index = 0; index < 3; index++) await new WebSocket(url).closed
    await print(warnings.map(([code]) => code), warnings[0]?.[1])`)
  assert.deepEqual(codes, ['HEARTWIRE_UNHEARD_ERROR'])
  assert.match(text, /connection_refused.*ws\.onerror/)
})

test('an error of each attempt is told, too, while a promise waits for the connection', async () => {
  const [codes, text] = await told(`
    const ws = new WebSocket(url, { reconnect: { minDelay: 1, maxDelay: 2, maxRetries: 2 } })
    await ws.opened.catch(() => {})
    await print(warnings.map(([code]) => code), warnings[0]?.[1])`)
  assert.deepEqual(codes, ['HEARTWIRE_UNHEARD_ERROR'])
  assert.match(text, /The next attempt comes in 0\.0 s/)
})

for (const [what, program] of Object.entries({
  'an onerror handler': 'ws.onerror = () => {}; await ws.closed',
  'a listener': "ws.addEventListener('error', { handleEvent() {} }); await ws.closed",
  'a promise that rejects': 'await ws.opened.catch(() => {})',
  'a loop that throws': 'try { for await (const _ of ws); } catch {}',
  'a close() of our own': 'ws.close(); await ws.closed',
})) {
  test(`an error is heard by ${what}`, async () => {
    assert.deepEqual(await told(`const ws = new WebSocket(url); ${program}; await print(warnings)`), [[]])
  })
}

test('what the core warns of is a warning of the process', async () => {
  const server = new FaultServer({ tls: true, connections: [accept, { do: 'close', code: 4001 }] })
  const program = `
    for (let index = 0; index < 2; index++) await new WebSocket(url, { tls: { verify: false } }).closed
    await print(warnings)`
  const [warnings] = await told(program, { url: server.url })
  assert.deepEqual(
    warnings.map(([code]) => code),
    ['HEARTWIRE_WARNING'],
  )
  assert.match(warnings[0][1], /is not checked/)
  server.stop()
})

test('listeners in the manner of ws are told of heartwire/ws', async () => {
  const [warnings] = await told(`
    const ws = new WebSocket(url)
    ws.onerror = () => {}
    ws.on('message', (data, isBinary) => {}).on('close', (code, reason) => {}).once('message', (data, isBinary) => {})
    ws.on('unexpected-response', () => {}).on('open', () => {}).on('close', (event) => {})
    await ws.closed
    await print(warnings)`)
  assert.deepEqual(
    warnings.map(([code]) => code),
    ['HEARTWIRE_WS_LISTENER', 'HEARTWIRE_WS_LISTENER', 'HEARTWIRE_WS_LISTENER'],
  )
  for (const [, words] of warnings) assert.match(words, /heartwire\/ws/)
  assert.deepEqual(
    ['message', 'close', 'unexpected-response'].filter((type, index) => !warnings[index][1].includes(type)),
    [],
  )
})

test('a message event that is used as text is told of event.data', async () => {
  const server = new FaultServer([accept, { do: 'send', text: 'one' }, { do: 'send', text: 'two' }, { do: 'close' }])
  const [texts, warnings] = await told(
    `
    const texts = []
    const ws = new WebSocket(url)
    ws.on('message', (data) => texts.push(data.toString(), \`\${data}\`, JSON.stringify(data.data)))
    await ws.closed
    await print(texts, warnings)`,
    { url: server.url },
  )
  assert.deepEqual(texts, ['[object MessageEvent]', '[object MessageEvent]', '"one"', '[object MessageEvent]', '[object MessageEvent]', '"two"'])
  assert.equal(warnings.length, 1)
  assert.match(warnings[0][1], /event\.data/)
  server.stop()
})

test('callbacks in the manner of ws are called', async () => {
  const server = new FaultServer()
  const [called, refused, warnings] = await told(
    `
    const called = []
    const ws = new WebSocket(url)
    await ws.opened
    await new Promise((done) => ws.send('one', done))
    await new Promise((done) => ws.send('two', { compress: false }, done))
    await new Promise((done) => ws.send('three', { binary: false, fin: true, mask: true }, done))
    await new Promise((done) => ws.send(new Blob(['four']), done))
    ws.ping((...given) => called.push(['ping', ...given]))
    ws.ping('x', true, (...given) => called.push(['ping x', ...given]))
    const pong = await new Promise((done) => (ws.onpong = done))
    called.push(['payload', pong.payload.length])
    ws.pong(undefined, undefined, (...given) => called.push(['pong', ...given]))
    await ticks()
    ws.close()
    await ws.closed
    ws.send('late', (error) => called.push(['late', error?.name]))
    const refused = ['fin', 'binary', 'priority'].map((name) => {
      try { ws.send('x', { [name]: name === 'binary' }) } catch (error) { return error.message }
    })
    await print(called, refused, warnings.map(([code]) => code))`,
    { url: server.url },
  )
  assert.deepEqual(called, [['ping'], ['ping x'], ['payload', 0], ['pong'], ['late', 'InvalidStateError']])
  for (const [index, name] of ['fin', 'binary', 'priority'].entries()) assert.match(refused[index], new RegExp(`the option ${name} .* heartwire/ws`))
  assert.deepEqual(warnings, ['HEARTWIRE_WS_CALLBACK'])
  const texts = server.records().flatMap(({ event, text, binary }) => (event === 'message' ? [text ?? binary] : []))
  assert.deepEqual(texts, ['one', 'two', 'three', Buffer.from('four').toString('hex')])
  server.stop()
})

test('heartwire/install tells where another class stays, and force replaces it', async () => {
  const there = "globalThis.WebSocket = class Theirs {}; globalThis.CloseEvent = 'mine'"
  const state = 'await print(globalThis.WebSocket === WebSocket, globalThis.CloseEvent?.name ?? globalThis.CloseEvent, warnings)'
  const stays = await told(`${there}; await import('heartwire/install'); ${state}`)
  assert.deepEqual(stays.slice(0, 2), [false, 'mine'])
  assert.match(stays[2].join(), /HEARTWIRE_NOT_INSTALLED.*heartwire\/install\/force/)
  const forced = `await import('heartwire/install/force')`
  assert.deepEqual(await told(`${there}; ${forced}; ${state}`), [true, 'CloseEvent', []])
  // The second one finds our class, and has nothing to report.
  assert.deepEqual(await told(`${there}; ${forced}; await import('heartwire/install'); ${state}`), [true, 'CloseEvent', []])
  const own = await told(`${forced}; await print(globalThis.WebSocket === WebSocket, new CloseEvent('x') instanceof CloseEvent)`)
  assert.deepEqual(own, [true, true])
})

test('require() gives the class, with everything else as its properties', async () => {
  const Class = require('heartwire')
  assert.equal(Class, WebSocket)
  assert.equal(Default, WebSocket)
  for (const name of Object.keys(named)) if (name !== 'default') assert.equal(Class[name], named[name], name)
  assert.equal(new Class('ws://127.0.0.1:1/').constructor, Class)
})

test('intrinsics may be frozen', async () => {
  const program = `
    if (process.argv.includes('freeze')) for (const each of [Error, Error.prototype, Object.prototype, Array.prototype, Function.prototype, Promise.prototype]) Object.freeze(each)
    const seen = []
    const ws = new WebSocket(url)
    ws.onerror = (event) => seen.push('error ' + event.error.code)
    ws.onclose = (event) => seen.push('close ' + event.code)
    await ws.closed
    console.log(JSON.stringify(seen))`
  for (const how of [{ nodeArgs: ['--frozen-intrinsics'] }, { args: ['freeze'] }, {}]) {
    assert.deepEqual(await told(program, how), ['error connection_refused', 'close 1006'])
  }
})

test('messages name options as they are spelled here', async () => {
  const { NAMES, spelled } = require('../lib/names.js')
  const declared = readFileSync(new URL('../options.d.ts', import.meta.url), 'utf8')
  const names = new Set([...declared.matchAll(/^ {2}(\w+)\??: /gm)].map(([, name]) => name).filter((name) => /[A-Z]/.test(name)))
  assert.deepEqual([...NAMES].sort(), [...names].sort())
  for (const [words, expected] of [
    ['not open within 1s (open_timeout): it was waiting', 'not open within 1s (openTimeout): it was waiting'],
    ['no send_queue holds messages', 'no sendQueue holds messages'],
    ['allowed here (tls.min_version)', 'allowed here (tls.minVersion)'],
    ['should_reconnect failed: Error: x', 'shouldReconnect failed: Error: x'],
    ['redirects to ws://h/open_timeout and "open_timeout" and no_option', 'redirects to ws://h/open_timeout and "open_timeout" and no_option'],
  ]) {
    assert.equal(spelled(words), expected)
  }
  const server = new FaultServer([{ do: 'request' }, { do: 'stall' }])
  const slow = new WebSocket(server.url, { openTimeout: 20 })
  const { error } = await within(slow.closed, 'closed')
  assert.match(error.message, /\(openTimeout\)/)
  server.stop()
  const early = new WebSocket('ws://127.0.0.1:1/')
  assert.throws(() => early.send('x'), /sendQueue/)
  early.close()
})

test('what a user’s function threw is the cause, and is told once', async () => {
  const server = new FaultServer()
  const thrown = new RangeError('no token today')
  const throwing = () => {
    throw thrown
  }
  const rejecting = async () => throwing()
  const options = { reconnect: { maxRetries: 0 } }
  for (const [name, make] of Object.entries({
    url: () => new WebSocket(throwing, options),
    'url, later': () => new WebSocket(rejecting, options),
    headers: () => new WebSocket(server.url, { headers: throwing }),
    'protocols, later': () => new WebSocket(server.url, rejecting),
  })) {
    const ws = make()
    const errors = []
    ws.onerror = ({ error }) => errors.push(error)
    const { error } = await within(ws.closed, name)
    assert.deepEqual(
      errors.map(({ code, cause }) => [code, cause]),
      [['provider_failed', thrown]],
      name,
    )
    assert.equal(error, errors[0], name)
  }
  const ws = new WebSocket(server.url, { reconnect: { shouldReconnect: rejecting, minDelay: 1, maxDelay: 1 } })
  await ws.opened
  server.dropConnections()
  const { error } = await next(ws, 'close')
  const chain = []
  for (let each = error; each; each = each.cause) chain.push(each)
  assert.equal(chain.at(-1), thrown)
  ws.terminate()
  server.stop()
})

test('a heartbeat’s function that fails is told, and the connection goes on', async () => {
  const server = new FaultServer()
  const [warnings, state] = await told(
    `
    let times = 0
    const message = () => { if (++times < 3) throw new RangeError('no beat'); return 'beat' }
    const ws = new WebSocket(url, { heartbeat: { message, interval: 5 } })
    await new Promise((done) => ws.on('heartbeat', done))
    await print(warnings, ws.readyState)
    ws.close()`,
    { url: server.url },
  )
  assert.equal(state, WebSocket.OPEN)
  assert.deepEqual(
    warnings.map(([code]) => code),
    ['HEARTWIRE_HEARTBEAT_FAILED'],
  )
  assert.match(warnings[0][1], /heartbeat\.message failed: RangeError: no beat/)
  server.stop()
})

test('one failure is one error in every event that tells of it', async () => {
  const ws = new WebSocket('ws://127.0.0.1:1/', { reconnect: { minDelay: 1, maxDelay: 1, maxRetries: 1 } })
  const errors = []
  ws.onerror = ({ error }) => errors.push(error)
  ws.onclose = ({ error }) => errors.push(error)
  ws.onreconnecting = ({ cause }) => errors.push(cause)
  await within(ws.closed, 'closed')
  assert.equal(errors.length, 5)
  assert.deepEqual([...new Set(errors)].length, 2)
})

test('console.log shows where to, the state, since when, and the counts', async () => {
  const server = new FaultServer()
  const before = Date.now()
  const ws = new WebSocket(server.url.replace('://', '://user:s3cret@'), { headers: { 'X-Token': 's3cret' } })
  assert.match(inspect(ws), /^WebSocket \{\s+url: 'ws:\/\/127.0.0.1:\d+\/',\s+readyState: 'CONNECTING',/)
  await ws.opened
  ws.send('one')
  await next(ws, 'message')
  const shown = inspect(ws, { breakLength: Number.POSITIVE_INFINITY })
  assert.match(shown, /readyState: 'OPEN', since: \S+, opens: 1, sent: 1, received: 1, bufferedAmount: 0/)
  const since = new Date(/since: ([^,]+)/.exec(shown)[1]).getTime()
  assert.ok(since >= before && since <= Date.now(), shown)
  assert.ok(!shown.includes('s3cret'))
  class Mine extends WebSocket {}
  const mine = new Mine(server.url)
  assert.match(inspect(mine), /^Mine \{/)
  assert.equal(inspect({ mine }, { depth: 0 }), '{ mine: [Mine] }')
  assert.doesNotThrow(() => inspect(Object.create(WebSocket.prototype)) + inspect(WebSocket.prototype))
  assert.match(inspect(new WebSocket(() => server.url)), /url: 'not known yet'/)
  mine.close()
  ws.close(4000, 'enough')
  await ws.closed
  assert.match(inspect(ws), /readyState: 'CLOSED'[\s\S]*lastClose: \{ code: 4000, reason: 'enough', error: null \}/)
  await mine.closed
  server.dropConnections()
  server.stop()
})

test('a step of a script that failed fails the test', async () => {
  const script = [accept, { do: 'expect', text: 'hello' }]
  const misled = async (server) => {
    const ws = new WebSocket(server.url)
    await ws.opened
    ws.send('good morning')
    await server.waitFor({ event: 'failed' })
    await within(ws.closed, 'closed')
  }
  const ends = [(server) => server.stop(), (server) => server[Symbol.dispose ?? Symbol.for('Symbol.dispose')]()]
  for (const end of ends) {
    const server = new FaultServer(script)
    await misled(server)
    assert.throws(
      () => end(server),
      ({ name, message, failed }) => {
        assert.equal(name, 'ScriptFailed')
        assert.match(message, /connection 0, .*: .*hello/s)
        return failed.length === 1 && failed[0].event === 'failed'
      },
    )
    // It is stopped nevertheless, and says so once.
    assert.doesNotThrow(() => server.stop())
    assert.ok(server.records().length > 0)
  }
  const later = new FaultServer(script)
  await misled(later)
  await assert.rejects(later[Symbol.asyncDispose ?? Symbol.for('Symbol.asyncDispose')](), { name: 'ScriptFailed' })
  new FaultServer(script).stop()
})
