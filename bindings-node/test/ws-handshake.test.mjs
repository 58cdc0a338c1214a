// Owns: `heartwire/ws` beside ws itself, up to an open connection: the request, redirects, `lookup`, agents, and wrong answers of a server.
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import http from 'node:http'
import net from 'node:net'
import { log, same, server, url } from './ws-beside.mjs'

same('a refused upgrade, with and without a listener', async (Class) => {
  const refusing = http.createServer((_, response) => response.writeHead(401, { 'X-Why': 'no token' }).end('go away'))
  refusing.on('upgrade', (_, socket) => socket.end('HTTP/1.1 401 Unauthorized\r\nX-Why: no token\r\nContent-Length: 7\r\n\r\ngo away'))
  await once(refusing.listen(0), 'listening')
  const address = `ws://127.0.0.1:${refusing.address().port}`
  const silent = await log(new Class(address))
  const ws = new Class(address)
  const closed = log(ws)
  const [request, response] = await once(ws, 'unexpected-response')
  const body = []
  for await (const chunk of response) body.push(chunk.toString())
  const between = ws.readyState
  request.destroy()
  ws.terminate()
  const loud = await closed
  refusing.close()
  return [silent, response.statusCode, response.headers['x-why'], body.join(''), between, loud.at(-1)]
})
same('lookup finds the address, and the Host header keeps the name', async (Class) => {
  const asked = []
  // Node 18 asks for one address, later versions for all of them.
  const lookup = (host, { all }, found) => {
    asked.push(host)
    if (all) found(null, [{ address: '127.0.0.1', family: 4 }])
    else found(null, '127.0.0.1', 4)
  }
  const { port } = server.address()
  const ws = new Class(`ws://im.example:${port}`, {
    lookup,
  })
  await once(ws, 'open')
  const message = once(ws, 'message')
  ws.send('headers')
  const { host } = JSON.parse((await message)[0])
  ws.close()
  await once(ws, 'close')
  return [asked, host === `im.example:${port}`, ws.url === `ws://im.example:${port}/`]
})
same('a lookup that fails is the error', async (Class) => {
  const failure = Object.assign(new Error('nobody knows'), { code: 'ENOTFOUND' })
  const ws = new Class('ws://im.example', { lookup: (_host, _options, found) => process.nextTick(found, failure) })
  return [...(await log(ws)), failure.code]
})
same('finishRequest shapes the request, also later', async (Class) => {
  let given
  const finishRequest = (request, ws) => {
    given = [request instanceof http.ClientRequest, ws._req === request, request.getHeader('X-One')]
    request.setHeader('X-Two', '2')
    request.removeHeader('X-One')
    setImmediate(() => request.end())
  }
  const ws = new Class(url, { headers: { 'X-One': '1' }, finishRequest })
  await once(ws, 'open')
  const message = once(ws, 'message')
  ws.send('headers')
  const headers = JSON.parse((await message)[0])
  ws.close()
  await once(ws, 'close')
  return [given, headers['x-one'] ?? null, headers['x-two']]
})

/** A server that leads to another place; its port. */
async function leading(to) {
  const leads = http.createServer()
  leads.on('upgrade', (_, socket) => socket.end(`HTTP/1.1 302 Found\r\nLocation: ${to}\r\nContent-Length: 0\r\n\r\n`))
  await once(leads.listen(0, '127.0.0.1'), 'listening')
  return leads
}
same('redirects: credentials stay at home, a listener decides otherwise', async (Class) => {
  const seen = []
  const leads = await leading(url)
  const options = { followRedirects: true, headers: { Authorization: 'Bearer x', Cookie: 'a=b', 'X-One': '1' } }
  for (const listens of [false, true]) {
    const ws = new Class(`ws://127.0.0.1:${leads.address().port}`, options)
    if (listens) {
      ws.on('redirect', (to, request) => {
        seen.push([to === `${url}/`, request.getHeader('Cookie')])
        request.removeHeader('Cookie')
      })
    }
    await once(ws, 'open')
    const message = once(ws, 'message')
    ws.send('headers')
    const headers = JSON.parse((await message)[0])
    ws.close()
    await once(ws, 'close')
    seen.push(
      ['authorization', 'cookie', 'x-one'].map((name) => headers[name] ?? null),
      ws.url === `${url}/`,
    )
  }
  leads.close()
  return seen
})
same('redirects: too many, to nowhere, and not followed', async (Class) => {
  const seen = []
  for (const [to, options] of [
    ['/', { followRedirects: true, maxRedirects: 2 }],
    ['ws://', { followRedirects: true }],
    ['ftp://x/', { followRedirects: true }],
    ['/', {}],
  ]) {
    const leads = await leading(to)
    const ws = new Class(`ws://127.0.0.1:${leads.address().port}`, options)
    seen.push([await log(ws), ws._redirects])
    leads.close()
  }
  return seen
})
same('createConnection and an agent of the user make the connection', async (Class) => {
  const { port } = server.address()
  const made = []
  const createConnection = (options) => {
    made.push([options.host, Number(options.port)])
    return net.connect(port, '127.0.0.1')
  }
  const agent = new (class extends http.Agent {
    createConnection(options) {
      return createConnection(options)
    }
  })()
  const seen = []
  for (const options of [{ createConnection }, { agent }]) {
    const ws = new Class('ws://im.example:81/path', options)
    await once(ws, 'open')
    const message = once(ws, 'message')
    ws.send('headers')
    const { host } = JSON.parse((await message)[0])
    ws.send('x'.repeat(1_000_000))
    const [large] = await once(ws, 'message')
    const closed = once(ws, 'close')
    ws.send('bye')
    const [code, reason] = await closed
    seen.push([host, large.length, code, reason.toString()])
  }
  return [seen, made]
})
same('a connection that the user makes in vain has its own error', async (Class) => {
  const events = await log(new Class('ws://im.example', { createConnection: () => net.connect(1, '127.0.0.1') }))
  const refused = new Class('ws://im.example', { agent: Object.assign(new http.Agent(), { addRequest() {} }) })
  const state = refused.readyState
  setImmediate(() => refused.terminate())
  return [events, state, await log(refused)]
})
same('close() and terminate() before it is open', async (Class) => {
  const seen = []
  for (const act of ['close', 'terminate']) {
    const early = new Class(url)
    early.on('upgrade', () => early[act]())
    seen.push(await log(early))
    const leads = await leading(url)
    const led = new Class(`ws://127.0.0.1:${leads.address().port}`, { followRedirects: true })
    led.on('redirect', () => led[act]())
    seen.push(await log(led))
    leads.close()
  }
  return seen
})
same('an extension and a subprotocol that nobody asked for', async (Class) => {
  const seen = []
  for (const [line, ...args] of [
    ['Sec-WebSocket-Extensions: foo', { perMessageDeflate: false }],
    ['Sec-WebSocket-Extensions: foo'],
    ['Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits=7'],
    ['Sec-WebSocket-Protocol: foo'],
    ['Sec-WebSocket-Protocol: foo', ['bar']],
    ['X: y', ['bar']],
  ]) {
    const rude = http.createServer()
    rude.on('upgrade', (request, socket) => {
      const accept = createHash('sha1').update(`${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64')
      const head = `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}`
      socket.on('error', () => {}).end(`${head}\r\n${line}\r\n\r\n`)
    })
    await once(rude.listen(0, '127.0.0.1'), 'listening')
    seen.push(await log(new Class(`ws://127.0.0.1:${rude.address().port}`, ...args)))
    rude.close()
  }
  return seen
})
