// Owns: the printed form of a socket holds no secret: inspect of the socket, of its events and of their errors, and the warnings.
import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { inspect } from 'node:util'
import { WebSocket } from '../lib/index.mjs'
import { FaultServer } from '../lib/testing.js'
import { child } from './helpers.mjs'

/** The last two are the credentials in base64, as they go over the wire. */
const secrets = ['s3ssion', 's3cret', 't0ken', 'b3arer', 'h1dden', 'c00kie', 'pr0xy', 'dXNlcjpzM2NyZXQ', 'Ym90OnByMHh5']
const headers = { 'Set-Cookie': 'session=s3ssion' } // the server's
const accept = { do: 'accept', headers }
const elsewhere = 'ws://user:s3cret@127.0.0.1:{port}/?token=t0ken'
const checked = { tls: true, connections: [accept, { do: 'close', code: 4001 }] }
/** The server, and options. Where the proxy is not null, the server is one. */
const cases = {
  'a good life': [[accept, { do: 'send', text: 'hello' }, { do: 'ping' }, { do: 'close', code: 4001, reason: 'enough' }], { proxy: null }],
  401: [[{ do: 'refuse', status: 401, headers }], { proxy: null }],
  'a redirect that is not followed': [[{ do: 'redirect', to: elsewhere, headers }], { proxy: null }],
  'a redirect that is followed in vain': [[{ do: 'redirect', to: elsewhere, headers }], { proxy: null, followRedirects: 2 }],
  'not HTTP': [[{ do: 'request' }, { do: 'raw', text: 'SSH-2.0-OpenSSH\r\n' }, { do: 'end' }], { proxy: null }],
  'no answer': [[{ do: 'request' }, { do: 'stall' }], { proxy: null }],
  reset: [[accept, { do: 'reset' }], { proxy: null }],
  'a broken frame': [[accept, { do: 'raw', hex: '8300' }], { proxy: null }],
  'an authority that is not known': [{ tls: true }, { proxy: null }],
  'a certificate that is not checked': [checked, { proxy: null, tls: { verify: false } }],
  'a proxy that refuses': [[{ do: 'refuse', status: 407 }], {}],
  'a proxy that is no proxy': [[{ do: 'request' }, { do: 'raw', text: 'what?\r\n' }, { do: 'end' }], {}],
  nobody: [null, { proxy: null }],
  'a proxy that nobody is': [null, {}],
}

function assertSilent(...shown) {
  const words = shown.join('\n')
  for (const secret of secrets) assert.ok(!words.includes(secret), `${secret} in ${words}`)
}

/** Runs a socket to its end in its own process, and prints all forms of it and its events. */
const program = (url, options) => `
  import { inspect } from 'node:util'
  import { WebSocket } from './lib/index.mjs'
  class Mine extends WebSocket {}
  const ws = new Mine(${JSON.stringify(url)}, {
    headers: { Authorization: 'Bearer b3arer', 'X-Api-Key': 'h1dden' },
    cookies: { session: 'c00kie' },
    reconnect: { minDelay: 1, maxDelay: 2, maxRetries: 1, maxAuthFailures: 2 },
    openTimeout: 500,
    ...${JSON.stringify(options)},
  })
  const show = (value) => console.log(inspect(value), inspect(value, { depth: 9 }), String(value), JSON.stringify(value))
  show(ws)
  for (const type of ['open', 'message', 'error', 'close', 'reconnecting', 'ping', 'pong', 'heartbeat', 'drain', 'dropped'])
    ws.on(type, (event) => {
      for (const value of [event, event.error, event.cause, event.target, ws]) show(value)
      if (type === 'error') console.log(event.message)
    })
  for (const promise of [ws.opened, ws.closed]) promise.then(show, show)`

for (const [name, [script, options]] of Object.entries(cases)) {
  test(`what is shown of a socket holds no secret: ${name}`, async () => {
    const server = script && new FaultServer(script)
    const [scheme, place] = server ? server.url.split('://') : ['ws', `127.0.0.1:${await portOfNobody()}/`]
    const proxy = 'proxy' in options ? null : `http://bot:pr0xy@${place}`
    const url = `${scheme}://user:s3cret@${place}?token=t0ken`
    const { code, out, err } = await child(program(url, { ...options, proxy }))
    server?.stop()
    assert.equal(code, 0)
    assert.match(out, /CloseEvent \{/)
    assert.equal(err.includes('is not checked'), name.includes('not checked'), err)
    assertSilent(out, err)
  })
}

/** A port without a server. */
async function portOfNobody() {
  const listener = createServer()
  await new Promise((resolve) => listener.listen(0, '127.0.0.1', resolve))
  const { port } = listener.address()
  await new Promise((resolve) => listener.close(resolve))
  return port
}

const refused = [
  ['ws://user:s3cret@nowhere:99999/?token=t0ken'],
  ['http//user:s3cret@nowhere'],
  ['ws://user:s3cret@127.0.0.1/?token=t0ken#here'],
  ['ws://127.0.0.1/', { headers: { Authorization: 'Bearer b3arer\r\n' } }],
  ['ws://127.0.0.1/', { headers: { 'Sec-WebSocket-Key': 'h1dden' } }],
  ['ws://127.0.0.1/', { cookies: { session: 'c00kie\r\n' } }],
  ['ws://127.0.0.1/', { proxy: 'gopher://bot:pr0xy@127.0.0.1:1' }],
  ['ws://127.0.0.1/', { proxy: 'http://bot:pr0xy@127.0.0.1:99999' }],
]

test('what is refused at once is named without its secret', () => {
  for (const [url, options] of refused) {
    assert.throws(
      () => new WebSocket(url, options),
      (error) => {
        assertSilent(inspect(error, { showHidden: true }), `${error}`)
        return true
      },
    )
  }
})

test('a third argument that is ignored is not repeated', async () => {
  const { err } = await child(`
    import { WebSocket } from './lib/index.mjs'
    const options = [{ Authorization: 'Bearer b3arer' }]
    for (const ignored of ['Bearer b3arer', options]) new WebSocket('ws://127.0.0.1:1', 'chat', ignored).terminate()`)
  assert.match(err, /third argument/)
  assertSilent(err)
})

for (const keylog of [false, true]) {
  test(`SSLKEYLOGFILE alone writes no key log; tls.keylog: ${keylog}`, async (context) => {
    const folder = mkdtempSync(join(tmpdir(), 'heartwire-'))
    context.after(() => rmSync(folder, { recursive: true }))
    const SSLKEYLOGFILE = join(folder, 'keys')
    const server = new FaultServer({ tls: true })
    const options = { proxy: null, tls: { ca: server.caPem, ...(keylog && { keylog }) } }
    const { out } = await child(
      `
      import { WebSocket } from './lib/index.mjs'
      const ws = new WebSocket('${server.url}', ${JSON.stringify(options)})
      ws.onopen = () => ws.close(1000)
      ws.onclose = ({ code }) => console.log(code)`,
      { env: { SSLKEYLOGFILE } },
    )
    server.stop()
    assert.equal(out, '1000\n')
    assert.equal(existsSync(SSLKEYLOGFILE), keylog)
    if (keylog) assert.match(readFileSync(SSLKEYLOGFILE, 'utf8'), /CLIENT_TRAFFIC_SECRET_0/)
  })
}
