// Tests `heartwire/opentelemetry`: metrics and spans, read with the SDK's exporters in memory.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SpanKind, SpanStatusCode } from '@opentelemetry/api'
import { AggregationTemporality, InMemoryMetricExporter, MeterProvider, PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics'
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base'
import { stats, WebSocket } from 'heartwire'
import { instrument, uninstrument } from 'heartwire/opentelemetry'
import { FaultServer } from 'heartwire/testing'
import { within } from './helpers.mjs'

const SECRET = 's3cret-0123456789'
const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE)
const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 })
const meterProvider = new MeterProvider({ readers: [reader] })

function traced(t) {
  const spans = new InMemorySpanExporter()
  instrument({ meterProvider, tracerProvider: new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(spans)] }) })
  t.after(uninstrument)
  return spans
}

async function metrics() {
  const { resourceMetrics } = await reader.collect()
  const { metrics } = resourceMetrics.scopeMetrics.find(({ scope }) => scope.name === 'heartwire')
  return Object.fromEntries(
    metrics.map(({ descriptor, dataPoints }) => [descriptor.name, dataPoints.map(({ value, attributes }) => [value, attributes])]),
  )
}

test('each connection is a span, without secrets', async (t) => {
  const spans = traced(t)
  const server = new FaultServer([
    [{ do: 'accept' }, { do: 'send', text: 'one' }, { do: 'expect', text: 'two' }, { do: 'reset' }],
    [{ do: 'refuse', status: 401 }],
  ])
  t.after(() => server.stop())
  const ws = new WebSocket(`ws://bot:${SECRET}@127.0.0.1:${server.port}/chat?token=${SECRET}`, { reconnect: { minDelay: 10, maxDelay: 20 } })
  ws.onmessage = () => ws.send('two')
  ws.onerror = () => {}
  await within(ws.closed, 'the end')
  const [lost, refused, ...others] = spans.getFinishedSpans()
  assert.deepEqual(others, [])
  assert.deepEqual(lost.attributes, {
    'url.scheme': 'ws',
    'server.address': '127.0.0.1',
    'server.port': server.port,
    'url.path': '/chat',
    'websocket.close.code': 1006,
    'websocket.messages.sent': 1,
    'websocket.messages.received': 1,
    'error.type': 'connection_lost',
  })
  assert.deepEqual([lost.kind, lost.status.code, refused.attributes['error.type']], [SpanKind.CLIENT, SpanStatusCode.ERROR, 'http_refused'])
  const told = JSON.stringify([lost, refused].map(({ name, attributes, status, events }) => ({ name, attributes, status, events })))
  assert.ok(!told.includes(SECRET), told)
})

test('the counts of the process are metrics', async (t) => {
  const spans = traced(t)
  const before = await metrics()
  const server = new FaultServer()
  t.after(() => server.stop())
  const ws = new WebSocket(server.url)
  ws.onopen = () => ws.send('hi')
  ws.onmessage = () => ws.close(1000)
  await within(ws.closed, 'the end')
  const after = await metrics()
  const counts = stats()
  assert.equal(spans.getFinishedSpans().length, 1)
  assert.equal(after['heartwire.opens'][0][0], before['heartwire.opens'][0][0] + 1)
  assert.deepEqual(after['heartwire.messages'], [
    [counts.sent.messages, { 'network.io.direction': 'transmit' }],
    [counts.received.messages, { 'network.io.direction': 'receive' }],
  ])
  assert.ok(after['heartwire.ends'].some(([value, attributes]) => value === counts.ends[1000] && attributes['websocket.close.code'] === 1000))
})

test('after uninstrument() there are no spans', async (t) => {
  const spans = traced(t)
  uninstrument()
  const server = new FaultServer()
  t.after(() => server.stop())
  const ws = new WebSocket(server.url)
  ws.onopen = () => ws.close(1000)
  await within(ws.closed, 'the end')
  assert.deepEqual(spans.getFinishedSpans(), [])
})
