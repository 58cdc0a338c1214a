// Owns: the runner of ../tests/scenarios for this face; the format and the contract are in tests/scenarios/README.md.
// SCENARIO=part plays those whose file has the part in its name.
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { inspect } from 'node:util'
import { WebSocket, WebSocketError } from '../lib/index.mjs'
import names from '../lib/names.js'
import { FaultServer } from '../lib/testing.js'

const { spelled } = names

const folder = new URL('../../tests/scenarios/', import.meta.url)
const CHATTY = ['ping', 'pong', 'heartbeat', 'drain']
const EVENTS = ['open', 'message', 'error', 'close', 'reconnecting', 'dropped', 'ready', 'throttled', ...CHATTY]
const BOUND = 30_000 // how long the server's records may take
const TIMES = new Set(
  `open_timeout close_timeout close_on_exit keeper ping_interval ping_timeout idle_timeout data_idle_timeout tcp_keepalive happy_eyeballs_delay
  heartbeat.interval heartbeat.timeout reconnect.min_delay reconnect.max_delay reconnect.max_retry_after reconnect.min_uptime send_queue.ttl
  ready.timeout request.timeout rate_limit.per rate_limit.keys.per`.split(/\s+/),
)
const VERBATIM = new Set([
  'headers',
  'cookies',
  'heartbeat.message',
  'heartbeat.response',
  'heartbeat.fill',
  'ready.send',
  'ready.expect',
  'reconnect.on',
  'ready.reject',
  'request.error',
])

for (const name of Object.keys(process.env)) if (/proxy$/i.test(name)) delete process.env[name]

for (const file of readdirSync(folder).filter((name) => name.endsWith('.json') && name.includes(process.env.SCENARIO ?? ''))) {
  const scenario = JSON.parse(readFileSync(new URL(file, folder), 'utf8'))
  for (const driver of ['host', 'background']) {
    test(`scenario (${driver}): ${scenario.name}`, { timeout: 1000 * ((scenario.within ?? 60) + 10) }, () => play(scenario, driver))
  }
}

/** Plays one scenario. */
async function play(given, driver) {
  const server = given.server === undefined && given.throws ? null : new FaultServer(given.server)
  const scenario = { ...given, ...filled(given, server) }
  scenario.options = { driver, ...scenario.options }
  try {
    if (scenario.throws)
      assert.throws(
        () => open(scenario),
        (error) => codeOf(error, scenario.throws) === scenario.throws,
      )
    else await observed(scenario, server)
  } finally {
    server?.stop()
  }
}

async function observed(scenario, server) {
  const run = new Run(scenario, server)
  const onUncaught = () => run.see({ event: 'uncaught' })
  // The test runner listens too, and would fail the test.
  const others = process.listeners('uncaughtException')
  process.removeAllListeners('uncaughtException')
  process.on('uncaughtException', onUncaught)
  run.start()
  try {
    await run.done(1000 * (scenario.within ?? 60))
    if ('ready_state' in scenario) assert.equal(run.ws.readyState, scenario.ready_state)
  } finally {
    // Also a closed one: after a failure it may be about to reconnect.
    run.ws.terminate()
    process.removeListener('uncaughtException', onUncaught)
    for (const other of others) process.on('uncaughtException', other)
  }
}

class Run {
  seen = []
  failure = null
  fired = new Map()
  changed = () => {}

  constructor(scenario, server) {
    this.scenario = scenario
    this.server = server
    this.chatty = CHATTY.filter((kind) => !(scenario.also ?? []).includes(kind))
  }

  start() {
    const started = performance.now()
    const elapsed = () => (performance.now() - started) / 1000
    this.ws = open(this.scenario)
    for (const type of EVENTS) this.ws.addEventListener(type, (event) => this.see({ ...described(this.ws, event), elapsed: elapsed() }))
    for (const rule of this.scenario.client ?? []) {
      if (rule.on === 'start') this.act(rule.do)
      else if (rule.on.server)
        this.server.waitFor(rule.on.server, BOUND).then(
          () => this.act(rule.do),
          (error) => this.fail(error),
        )
    }
  }

  see(event) {
    if (!this.chatty.includes(event.event)) this.seen.push(event)
    try {
      for (const rule of this.scenario.client ?? []) {
        if (rule.on === 'start' || rule.on.server || !matches(rule.on, event)) continue
        const count = (this.fired.get(rule) ?? 0) + 1
        this.fired.set(rule, count)
        if (rule.nth === undefined || rule.nth === count) this.act(rule.do)
      }
    } finally {
      this.changed()
    }
  }

  fail(error) {
    this.failure ??= error
    this.changed()
  }

  act(actions) {
    for (const action of actions) {
      if ('raise' in action) throw new Error('raised by the scenario')
      try {
        this.perform(action)
        if (action.throws) this.fail(new Error(`${JSON.stringify(action)} did not throw`))
      } catch (error) {
        if (!action.throws || codeOf(error, action.throws) !== action.throws) this.fail(error)
      }
    }
  }

  perform(action) {
    const { ws } = this
    if ('send' in action) ws.send(payload(action.send))
    else if ('send_parts' in action) {
      const { parts, text } = action.send_parts
      const sent = ws.sendStream(parts.map(payload), text === undefined ? {} : { binary: !text })
      sent.catch((error) => this.fail(error))
    } else if ('close' in action) ws.close(action.close.code, action.close.reason)
    else if ('terminate' in action) ws.terminate()
    else if ('set_heartbeat' in action) ws.setHeartbeat(convert(action.set_heartbeat, 'heartbeat'))
    else if ('reconnect' in action) ws.reconnect(action.reconnect)
    else if ('pause' in action) action.pause ? ws.pause() : ws.resume()
    else if ('ping' in action) ws.ping(action.ping)
    else if ('pong' in action) ws.pong(action.pong)
    else if ('server' in action) this.server[camel(action.server)]()
    else if ('block' in action) this.block(action.block)
    else if ('not_recorded' in action) {
      const found = this.server.records().find((record) => matches(action.not_recorded, record))
      if (found) this.fail(new Error(`${JSON.stringify(action)}: the server recorded ${JSON.stringify(found)}`))
    } else if ('observe' in action) {
      const values = Object.fromEntries(action.observe.map((name) => [name, ws[camel(name)]]))
      this.seen.push({ event: 'observed', ...values })
    } else throw new Error(`unknown action ${JSON.stringify(action)}`)
  }

  /** Blocks this thread for so many seconds, or until the server has the expected record. */
  block(what) {
    const sleep = (ms) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
    if (typeof what === 'number') return sleep(what * 1000)
    const until = performance.now() + BOUND
    const recorded = () => this.server.records().some((record) => matches(what.server, record))
    while (!recorded() && performance.now() < until) sleep(5) // the thread is blocked: no event reaches it
  }

  /** Settles when all expected events came and then silence followed, or rejects. */
  async done(ms) {
    const until = performance.now() + ms
    const progress = new Progress(oneByOne(this.scenario.expect ?? []))
    for (;;) {
      if (this.failure) throw this.failure
      const state = progress.follow(this.seen)
      if (state === 'differs') assert.fail(`event ${progress.followed - 1} is not as expected: ${this.story()}`)
      const rest = until - performance.now()
      if (state === 'complete' && this.serverSaw() && (this.scenario.ready_state ?? this.ws.readyState) === this.ws.readyState) {
        if (!(await this.change(100))) return this.serverNever()
      } else if (rest <= 0) {
        assert.fail(`not in time: ${this.story()}`)
      } else {
        await this.change(Math.min(rest, 50))
      }
    }
  }

  /** The events and the server's records, for the report of a failure. */
  story() {
    const lines = (values) => values.map((value) => `\n  ${JSON.stringify(value).slice(0, 1000)}`).join('')
    return `seen:${lines(this.seen)}\nexpected:${lines(this.scenario.expect ?? [])}\nthe server recorded:${lines(this.server.records())}`
  }

  /** Whether an event came within `ms`. */
  change(ms) {
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve(false), ms)
      this.changed = () => {
        clearTimeout(timer)
        resolve(true)
      }
    })
  }

  serverSaw() {
    const wanted = [...(this.scenario.server_saw ?? [])]
    if (wanted.length === 0) return true
    for (const record of this.server.records()) if (wanted.length > 0 && matches(wanted[0], record)) wanted.shift()
    return wanted.length === 0
  }

  serverNever() {
    const saw = this.scenario.server_saw ?? []
    const failed = saw.some((pattern) => pattern.event === 'failed') ? [] : [{ event: 'failed' }]
    for (const pattern of [...(this.scenario.server_never ?? []), ...failed]) {
      const found = this.server.records().find((record) => matches(pattern, record))
      assert.equal(found, undefined, `the server recorded ${JSON.stringify(found)}`)
    }
  }
}

/** Matches the seen events with the expected ones. */
class Progress {
  #expected
  /** The positions in `expected` that the events so far may have led to. */
  #places = new Set([0])
  followed = 0

  constructor(expected) {
    this.#expected = expected
    this.#skip()
  }

  /** `complete`, `partial` or `differs`. */
  follow(seen) {
    while (this.followed < seen.length && this.#places.size > 0) this.#step(seen[this.followed++])
    if (this.#places.size === 0) return 'differs'
    return this.#places.has(this.#expected.length) ? 'complete' : 'partial'
  }

  #step(event) {
    const after = new Set()
    for (const at of this.#places) {
      if (at >= this.#expected.length) continue
      const { many, optional: _, ...pattern } = this.#expected[at]
      if (!matches(pattern, event)) continue
      after.add(at + 1)
      if (many) after.add(at)
    }
    this.#places = after
    this.#skip()
  }

  #skip() {
    for (const at of this.#places) if (this.#expected[at]?.optional) this.#places.add(at + 1)
  }
}

/** Each event that has `times` so many times, `{i}` being its number. */
function oneByOne(expected) {
  const numbered = (value, number) => JSON.parse(JSON.stringify(value).replaceAll('{i}', number))
  return expected.flatMap(({ times, ...pattern }) =>
    times === undefined ? [pattern] : Array.from({ length: times }, (_, number) => numbered(pattern, number)),
  )
}

/** Scenarios name options in words of messages as the core does. */
function contains(value, words) {
  return value.includes(words) || value.includes(spelled(words))
}

function matches(pattern, value) {
  if (Array.isArray(pattern)) {
    return Array.isArray(value) && value.length === pattern.length && pattern.every((each, index) => matches(each, value[index]))
  }
  if (typeof pattern !== 'object' || pattern === null) return pattern === value
  const keys = Object.keys(pattern)
  if (keys.length > 0 && keys.every((key) => ['min', 'max', 'contains', 'any', 'not'].includes(key))) {
    return (
      (pattern.min === undefined || (typeof value === 'number' && value >= pattern.min)) &&
      (pattern.max === undefined || (typeof value === 'number' && value <= pattern.max)) &&
      (pattern.contains === undefined || (typeof value === 'string' && contains(value, pattern.contains))) &&
      (pattern.any === undefined || (value !== null && value !== undefined)) &&
      (!('not' in pattern) || !matches(pattern.not, value))
    )
  }
  return typeof value === 'object' && value !== null && keys.every((key) => key in value && matches(pattern[key], value[key]))
}

function open(scenario) {
  const { url = '{url}', protocols, options } = scenario
  const made = options && convert(options, '')
  const ws = protocols === undefined ? new WebSocket(provider(url), made) : new WebSocket(provider(url), provider(protocols), made)
  ws.binaryType = 'nodebuffer'
  return ws
}

/** Options by their Python names and in seconds become ours. */
function convert(value, path) {
  if (value?.$sequence) return provider(value)
  if (typeof value === 'number' && TIMES.has(path)) return value * 1000
  if (typeof value !== 'object' || value === null || VERBATIM.has(path) || Array.isArray(value)) return value
  const inner = path === '' ? '' : `${path}.`
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [camel(key), convert(each, inner + key)]))
}

/** A value, or a function that gives the items of a `$sequence` in turn. */
function provider(value) {
  if (!value?.$sequence) return value
  let at = 0
  const give = () => {
    const item = value.$sequence[Math.min(at++, value.$sequence.length - 1)]
    if (item?.$raise) throw new Error(item.$raise)
    return item
  }
  return value.async ? async () => give() : give
}

function described(ws, event) {
  const base = { event: event.type, ready_state: ws.readyState }
  const seconds = (ms) => (ms === null ? null : ms / 1000)
  switch (event.type) {
    case 'open':
      return { ...base, protocol: ws.protocol, extensions: ws.extensions, url: ws.url }
    case 'message':
      return typeof event.data === 'string'
        ? { ...base, data: event.data, size: Buffer.byteLength(event.data) }
        : { ...base, binary: event.data.toString('hex'), size: event.data.length }
    case 'error': {
      const { code, phase, message, status, headers, body, retryable } = event.error
      assert.ok(event.error instanceof WebSocketError)
      const shown = `${inspect(event.error)} ${JSON.stringify(event.error)}`
      return { ...base, code, phase, message, status: status ?? null, headers, body, retryable, shown }
    }
    case 'close':
      return {
        ...base,
        code: event.code,
        reason: event.reason,
        was_clean: event.wasClean,
        error: event.error?.code ?? null,
        phase: event.error?.phase ?? null,
        message: event.error?.message ?? null,
        will_reconnect: event.willReconnect,
        retry_in: seconds(event.retryIn),
        unsent: event.unsent,
      }
    case 'reconnecting':
      return { ...base, attempt: event.attempt, delay: seconds(event.delay), capped: seconds(event.capped), cause: event.cause?.code ?? null }
    case 'ping':
      return { ...base, payload: event.payload.toString() }
    case 'pong':
      return { ...base, payload: event.payload.toString(), latency: seconds(event.latency) }
    case 'heartbeat':
      return { ...base, kind: event.kind, latency: seconds(event.latency), missed: event.missed }
    case 'throttled':
      return { ...base, delay: seconds(event.delay), waiting: event.waiting }
    case 'dropped':
      return {
        ...base,
        reason: event.reason,
        messages: event.messages.map((each) => (typeof each === 'string' ? each : { binary: each.toString('hex') })),
      }
    default:
      return base
  }
}

/** The code of an error. A DOMException of the standard counts as the expected code if the names agree. */
function codeOf(error, expected) {
  if (error instanceof WebSocketError) return error.code
  if (!(error instanceof DOMException)) return `${error}`
  if (error.name === 'InvalidStateError') return 'invalid_state'
  return ['SyntaxError', 'InvalidAccessError'].includes(error.name) ? expected : error.name
}

function payload(data) {
  if (typeof data === 'string') return data
  if ('binary' in data) return Buffer.from(data.binary, 'hex')
  return Array.from({ length: data.size }, (_, index) => 'abcdefghijklmnopqrstuvwxyz'[index % 26]).join('')
}

function camel(name) {
  return name.replace(/_(.)/g, (_, letter) => letter.toUpperCase())
}

/** The parts of a scenario with the server's address and certificate filled in. */
function filled(scenario, server) {
  if (!server) return {}
  const fill = (value) => {
    if (typeof value === 'string') {
      return value
        .replaceAll('{url}', server.url)
        .replaceAll('{port}', server.port)
        .replaceAll('{ca}', server.caPem ?? '')
    }
    if (Array.isArray(value)) return value.map(fill)
    if (typeof value !== 'object' || value === null) return value
    return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, fill(each)]))
  }
  const parts = { url: '{url}', ...scenario }
  return Object.fromEntries(
    ['url', 'protocols', 'options', 'client', 'expect', 'server_saw'].filter((key) => key in parts).map((key) => [key, fill(parts[key])]),
  )
}
