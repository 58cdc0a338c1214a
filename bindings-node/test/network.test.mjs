// Owns: ways to a server as Node's own modules take them: spelled headers, certificates as they are found, answers that never end.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import tls from 'node:tls'
import { WebSocket } from '../lib/index.mjs'
import { FaultServer } from '../lib/testing.js'
import { within } from './helpers.mjs'

const work = mkdtempSync(join(tmpdir(), 'heartwire-network-'))
after(() => rmSync(work, { recursive: true }))

const own = { 'X-API-KEY': '1', apiKey: '2', 'x-lower': '3', SOAPAction: '4' }
for (const [how, headers, sent] of [
  ['an object', own, own],
  ['a Map', new Map(Object.entries(own)), own],
  ['pairs, one name in two spellings', [...Object.entries(own), ['ApiKey', '5']], { ...own, ApiKey: '5' }],
  ['Headers, which know lower case only', new Headers(own), { 'x-api-key': '1', apikey: '2', soapaction: '4' }],
  ['a function', async () => own, own],
]) {
  test(`header names leave as they are spelled: ${how}`, async () => {
    const server = createServer()
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const asked = new Promise((resolve) => {
      server.on('connection', (socket) => {
        let head = ''
        socket
          .on('error', () => {})
          .on('data', (bytes) => {
            head += bytes
            if (head.includes('\r\n\r\n')) resolve(head)
          })
      })
    })
    const ws = new WebSocket(`ws://127.0.0.1:${server.address().port}/`, { headers, proxy: null })
    const lines = (await within(asked, 'a request')).split('\r\n')
    const names = lines.map((line) => line.split(':')[0])
    for (const name of ['Sec-WebSocket-Key', 'Sec-WebSocket-Version', 'Sec-WebSocket-Extensions']) assert.ok(names.includes(name), name)
    for (const [name, value] of Object.entries(sent)) assert.ok(lines.includes(`${name}: ${value}`), name)
    ws.terminate()
    server.close()
  })
}

const self = (key, extra = []) => {
  const paths = { key: join(work, 'key'), cert: join(work, 'cert') }
  const names = ['-addext', 'subjectAltName=DNS:localhost']
  const to = ['-nodes', '-keyout', paths.key, '-out', paths.cert, '-days', '30', '-subj', '/CN=localhost']
  execFileSync('openssl', ['req', '-x509', '-newkey', ...key, ...to, ...names, ...extra], { stdio: 'ignore' })
  return { key: readFileSync(paths.key), cert: readFileSync(paths.cert) }
}
const leaf = ['-addext', 'basicConstraints=critical,CA:FALSE']
const p521 = ['ec', '-pkeyopt', 'ec_paramgen_curve:secp521r1']
for (const [name, key, extra, around] of [
  ['CA:TRUE, as openssl makes it', ['rsa:2048'], [], ''],
  ['CA:FALSE', ['rsa:2048'], leaf, ''],
  ['P-521', p521, leaf, ''],
  ['Latin-1 text before it', ['rsa:2048'], leaf, Buffer.from('Subject: CN=M\xfcnchen\n', 'latin1')],
  ['a byte order mark', p521, [], Buffer.from([0xef, 0xbb, 0xbf])],
  ['Ed25519', ['ed25519'], [], ''],
  ['for signing only', p521, ['-addext', 'keyUsage=critical,keyCertSign'], ''],
  ['another one before it', p521, leaf, self(['ed25519']).cert],
]) {
  test(`a certificate is trusted that stands in tls.ca: ${name}`, async () => {
    const pair = self(key, extra)
    const pem = Buffer.concat([Buffer.from(around), pair.cert])
    writeFileSync(join(work, 'found.pem'), pem)
    const server = tls.createServer(pair, (socket) => socket.on('error', () => {}).end('HTTP/1.1 418 Teapot\r\n\r\n')).on('tlsClientError', () => {})
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    for (const ca of [pem, new Uint8Array(pem), join(work, 'found.pem')]) {
      const ws = new WebSocket(`wss://localhost:${server.address().port}/`, { tls: { ca }, proxy: null })
      const [event] = await within(once(ws, 'error'), 'the refusal')
      assert.equal(event.error.status, 418, event.error.message)
    }
    server.close()
  })
}

test('interim answers without end are an error, and the loop goes on', async () => {
  const server = createServer((socket) => {
    socket.on('error', () => {})
    const more = () => {
      while (!socket.destroyed && socket.write('HTTP/1.1 100 Continue\r\n\r\n'.repeat(1000)));
    }
    socket.once('data', more).on('drain', more)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const ws = new WebSocket(`ws://127.0.0.1:${server.address().port}/`, { openTimeout: null, proxy: null })
  const [event] = await within(once(ws, 'error'), 'the error')
  assert.equal(event.error.code, 'http_invalid')
  server.close()
})

test('subprotocols are any iterable', async () => {
  const server = new FaultServer([
    { do: 'accept', protocol: 'b' },
    { do: 'close', code: 1000 },
  ])
  const ws = new WebSocket(server.url, { protocols: new Set(['a', 'b']), proxy: null })
  await within(ws.opened, 'open')
  assert.equal(ws.protocol, 'b')
  await within(ws.closed, 'close')
  server.stop()
})
