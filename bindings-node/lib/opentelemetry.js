// @ts-check
// Owns: metrics and spans for OpenTelemetry (docs/guides/opentelemetry.md). The package @opentelemetry/api is the program's own.
'use strict'

const { SpanKind, SpanStatusCode, metrics, trace } = require('@opentelemetry/api')
const { version } = require('../package.json')
const { stats } = require('./stats.js')
const { observers } = require('./websocket.js')

/** @type {((ws: any) => void) | null} */
let active = null
let metered = false

/** Reports metrics, and one span for each connection; see opentelemetry.d.ts. @param {any} [options] */
function instrument({ meterProvider = metrics, tracerProvider = trace } = {}) {
  uninstrument()
  const tracer = tracerProvider.getTracer('heartwire', version)
  active = (ws) => watch(tracer, ws)
  observers.add(active)
  if (metered) return
  metered = true
  measure(meterProvider.getMeter('heartwire', version))
}

/** Makes no more spans for sockets that are made from now on. */
function uninstrument() {
  if (active !== null) observers.delete(active)
  active = null
}

/** @param {import('@opentelemetry/api').Tracer} tracer @param {any} ws */
function watch(tracer, ws) {
  /** @type {import('@opentelemetry/api').Span | null} */
  let span = null
  let before = [0, 0]
  const begin = () => tracer.startSpan('websocket', { kind: SpanKind.CLIENT, attributes: place(ws.url) })
  ws.addEventListener('open', () => {
    span = begin()
  })
  ws.addEventListener('close', (/** @type {any} */ event) => {
    // An attempt that failed is a span, too: it ends where it begins.
    const ended = span ?? begin()
    span = null
    // Messages may have come before the program saw `open`, so the counts since the last `close` belong to this connection.
    const [sent, received] = messages(ws)
    const earlier = before
    before = [sent, received]
    ended.setAttributes({
      'websocket.close.code': event.code,
      'websocket.messages.sent': sent - earlier[0],
      'websocket.messages.received': received - earlier[1],
    })
    if (event.error) {
      ended.setAttribute('error.type', event.error.code)
      ended.setStatus({ code: SpanStatusCode.ERROR, message: event.error.message })
    }
    ended.end()
  })
}

/** @param {any} ws */
function messages(ws) {
  const { sent, received } = ws.stats
  return [sent.messages, received.messages]
}

/** Scheme, host, port and path: credentials and the query may be secret. @param {string} url */
function place(url) {
  try {
    const { protocol, hostname, port, pathname } = new URL(url)
    const scheme = protocol.slice(0, -1)
    return { 'url.scheme': scheme, 'server.address': hostname, 'server.port': Number(port) || (scheme === 'wss' ? 443 : 80), 'url.path': pathname }
  } catch {
    // A function that fails has given no URL.
    return {}
  }
}

/** @typedef {[number, import('@opentelemetry/api').Attributes]} Value */

/** @param {'messages' | 'bytes' | 'wireBytes' | 'pings'} name @returns {(counts: any) => Value[]} */
function both(name) {
  return ({ sent, received }) => [
    [sent[name], { 'network.io.direction': 'transmit' }],
    [received[name], { 'network.io.direction': 'receive' }],
  ]
}

/** @param {(counts: any) => number} read @returns {(counts: any) => Value[]} */
function one(read) {
  return (counts) => [[read(counts), {}]]
}

/** The counters: name, values, unit, description. @type {[string, (counts: any) => Value[], string, string][]} */
const COUNTERS = [
  ['attempts', one(({ attempts }) => attempts), '{attempt}', 'Attempts to open a connection'],
  ['opens', one(({ opens }) => opens), '{connection}', 'Connections that opened'],
  [
    'ends',
    ({ ends }) => Object.entries(ends).map(([code, count]) => [count, { 'websocket.close.code': Number(code) }]),
    '{connection}',
    'Ends of connections and attempts',
  ],
  ['messages', both('messages'), '{message}', 'Data messages'],
  ['io', both('bytes'), 'By', 'Bytes of data messages before compression'],
  ['wire.io', both('wireBytes'), 'By', 'Bytes of all frames after compression, without TLS'],
  ['pings', both('pings'), '{ping}', 'Pings'],
  ['heartbeats', ({ heartbeats }) => Object.entries(heartbeats).map(([outcome, count]) => [count, { outcome }]), '{heartbeat}', 'Text heartbeats'],
  ['throttled', one(({ throttled }) => throttled), '{message}', 'Messages that had to wait for the rate limit'],
  ['dropped', one(({ dropped }) => dropped), '{message}', 'Messages of the send queue that were dropped'],
  ['slow_handlers', one(({ slowHandlers }) => slowHandlers), '{time}', 'Times that handlers were slower than `keeper`'],
]

/** Values that rise and fall. @type {typeof COUNTERS} */
const LEVELS = [
  ['to_send', one(({ waiting }) => waiting.toSend), '{message}', 'Messages that have not left'],
  ['bytes_to_send', one(({ waiting }) => waiting.bytesToSend), 'By', 'Bytes of messages that have not left'],
  ['bytes_to_handle', one(({ waiting }) => waiting.bytesToHandle), 'By', 'Bytes of messages that were not handled'],
]

/** @param {any} counts @returns {Value[]} in seconds, the unit of OpenTelemetry */
function latency({ latency: { last, min, median, p99 } }) {
  const times = Object.entries({ last, min, median, p99 }).filter(([, time]) => time !== null)
  return times.map(([statistic, time]) => [time / 1000, { statistic }])
}

/** @param {import('@opentelemetry/api').Meter} meter */
function measure(meter) {
  const add = (/** @type {import('@opentelemetry/api').Observable} */ instrument, /** @type {(counts: any) => Value[]} */ read) =>
    instrument.addCallback((result) => {
      for (const [value, attributes] of read(stats())) result.observe(value, attributes)
    })
  for (const [name, read, unit, description] of COUNTERS) add(meter.createObservableCounter(`heartwire.${name}`, { unit, description }), read)
  for (const [name, read, unit, description] of LEVELS)
    add(meter.createObservableUpDownCounter(`heartwire.waiting.${name}`, { unit, description }), read)
  add(meter.createObservableGauge('heartwire.latency', { unit: 's', description: 'Round trips of pings' }), latency)
}

module.exports = { instrument, uninstrument }
