// Tests NODE_DEBUG=heartwire and the channels of node:diagnostics_channel, and that no secret comes into them, wherever it stands.
import assert from 'node:assert/strict'
import { channel } from 'node:diagnostics_channel'
import { test } from 'node:test'
import { inspect } from 'node:util'
import { stats, WebSocket } from 'heartwire'
import { FaultServer } from 'heartwire/testing'
import { child, within } from './helpers.mjs'

const SECRET = 's3cret-0123456789'
const TOKEN = `{"token":"${SECRET}","op":2}`

function listen(t, name) {
  const seen = []
  const take = (message) => seen.push(message)
  channel(`heartwire:${name}`).subscribe(take)
  t.after(() => channel(`heartwire:${name}`).unsubscribe(take))
  return seen
}

test('every frame is told to the channel, as data', async (t) => {
  const seen = listen(t, 'frame')
  const server = new FaultServer([
    { do: 'accept' },
    { do: 'send', text: 'hello' },
    { do: 'ping', payload: '1', wait: true },
    { do: 'expect', text: 'two\nlines' },
    { do: 'expect', binary: '00ff' },
    { do: 'close', code: 4000, reason: 'enough' },
  ])
  t.after(() => server.stop())
  const ws = new WebSocket(server.url)
  ws.onmessage = () => {
    ws.send('two\nlines')
    ws.send(new Uint8Array([0, 255]))
  }
  await within(ws.closed, 'the end')
  const told = seen.map(({ sent, kind, length, shown }) => [sent, kind, length, shown].join(' '))
  assert.deepEqual(
    told.toSorted?.() ?? [...told].sort(),
    [
      'false text 5 hello',
      'false ping 1 ',
      'true pong 1 ',
      'true text 9 two\\nlines',
      'true binary 2 ',
      'false close 8 4000 enough',
      'true close 2 4000',
    ].sort(),
  )
  assert.ok(seen.every(({ url }) => url === server.url))
})

test('opens, ends and retries have channels, and no secret comes into any of them', async (t) => {
  const seen = ['open', 'close', 'reconnecting', 'frame'].map((name) => listen(t, name))
  const server = new FaultServer([
    [
      { do: 'accept', protocol: SECRET },
      { do: 'expect', text: `AUTH ${SECRET}` },
      { do: 'send', text: 'welcome' },
      { do: 'expect', within: 30 },
      { do: 'expect', within: 30 },
      { do: 'send', text: `your header was ${SECRET}` },
      { do: 'reset' },
    ],
    [{ do: 'refuse', status: 401, body: `bad token ${SECRET}` }],
  ])
  t.after(() => server.stop())
  const place = server.url.replace('://', `://bot:${SECRET}@`)
  const ws = new WebSocket(`${place}chat?token=${SECRET}&name=bot`, [SECRET], {
    headers: { 'X-Api-Key': `Bearer ${SECRET}`, 'X-Other': SECRET },
    cookies: { session: SECRET },
    heartbeat: { message: `beat ${SECRET}`, interval: 50 },
    ready: { send: `AUTH ${SECRET}`, expect: 'welcome' },
    reconnect: { minDelay: 10, maxDelay: 20 },
    proxy: null,
  })
  const shown = []
  ws.onready = () => ws.send(TOKEN)
  ws.onmessage = () => shown.push(inspect(ws))
  ws.onclose = ({ error }) => shown.push(error?.message, JSON.stringify([ws.stats, stats()]))
  ws.onerror = () => {}
  await within(ws.closed, 'the end')
  const refused = new WebSocket(server.url, { proxy: `http://user:${SECRET}@127.0.0.1:${server.port}` })
  refused.onerror = ({ error }) => shown.push(error.message, inspect(refused))
  await within(refused.closed, 'the end')
  const told = [...shown, ...seen.map((messages) => JSON.stringify(messages))].join('\n')
  assert.ok(!told.includes(SECRET), told)
  assert.ok(!told.includes(btoa(`bot:${SECRET}`)), told)
  const [opens, closes, retries, frames] = seen
  assert.deepEqual([opens.length, closes.length >= 2, retries.length], [1, true, 1])
  assert.ok(closes[0].willReconnect && closes[0].url === `${server.url}chat`)
  assert.ok(frames.some(({ sent, kind, shown }) => sent && kind === 'text' && shown === '{"token":"***","op":2}'))
})

test('NODE_DEBUG=heartwire prints them; without it nothing is printed', async () => {
  const source = `
    import { WebSocket } from 'heartwire'
    import { FaultServer } from 'heartwire/testing'
    const server = new FaultServer()
    const ws = new WebSocket(server.url)
    ws.onopen = () => ws.send('hi')
    ws.onmessage = () => ws.close(1000)
    await ws.closed
    server.stop()
  `
  const { err } = await child(source, { env: { NODE_DEBUG: 'heartwire' } })
  for (const words of [': open', ': > text, 2 bytes: hi', ': < text, 2 bytes: hi', ': > close, 2 bytes: 1000', ': closed, 1000'])
    assert.ok(err.includes(words), `${words} is not in ${err}`)
  const quiet = await child(source, { env: { NODE_DEBUG: '' } })
  assert.equal(quiet.err, '')
})
