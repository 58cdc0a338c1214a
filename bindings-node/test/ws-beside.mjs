// Owns: ws' server and the two classes of the tests of `heartwire/ws`: each program runs with both, and has to see the same.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createRequire } from 'node:module'
import { after, before, test } from 'node:test'
import Original, { WebSocketServer } from 'ws'

export const Ours = createRequire(import.meta.url)('heartwire/ws')

export let server
export let url

before(async () => {
  server = new WebSocketServer({ port: 0, handleProtocols: (protocols) => [...protocols][0] })
  server.on('connection', (peer, request) => {
    peer.on('error', () => {})
    peer.on('message', (data, isBinary) => {
      const text = isBinary ? '' : data.toString()
      if (text === 'bye') peer.close(4321, 'as asked')
      else if (text === 'drop') peer.terminate()
      else if (text === 'ping') peer.ping('are you there')
      else if (text === 'headers') peer.send(JSON.stringify(request.headers))
      else if (text === 'bad frame') peer._socket.write(Buffer.from([0x83, 0x00]))
      else if (text === 'bad text') peer._socket.write(Buffer.from([0x81, 0x01, 0xff]))
      else if (text === 'large') peer.send('x'.repeat(200))
      else peer.send(data, { binary: isBinary })
    })
    peer.on('close', (code, reason) => server.emit('left', code, reason.toString()))
  })
  await once(server, 'listening')
  url = `ws://127.0.0.1:${server.address().port}`
})

after(() => server.close())

/** Plays a program with both classes and compares the results. */
export function same(name, play) {
  test(name, async () => {
    const [theirs, ours] = [await play(Original), await play(Ours)]
    assert.deepEqual(ours, theirs)
  })
}

/** The events of a socket, in order, until its close. */
export async function log(ws, act = () => {}) {
  const seen = []
  for (const type of ['open', 'ping', 'pong']) ws.on(type, (data) => seen.push([type, data === undefined ? null : data.toString()]))
  ws.on('message', (data, isBinary) => seen.push(['message', data, isBinary]))
  ws.on('error', (error) => seen.push(['error', error.constructor.name, error.code ?? error.message]))
  ws.on('open', () => act(ws))
  const [code, reason] = await new Promise((done) => ws.on('close', (...args) => done(args)))
  return [...seen, ['close', code, reason, ws.readyState]]
}

export { Original, WebSocketServer }
