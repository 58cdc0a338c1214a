// Owns: the shape of the class, and the arguments that its constructor, send() and close() accept, by Web IDL and the WHATWG standard.
import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import { after, afterEach, before, describe, test } from 'node:test'
import Default, { CloseEvent, MessageEvent, WebSocket, WebSocketError } from '../lib/index.mjs'
import { FaultServer } from '../lib/testing.js'
import { child, history, next, within } from './helpers.mjs'

let server
before(() => {
  server = new FaultServer()
})
after(() => server.stop())

const dom = (name) => (error) => error instanceof DOMException && error.constructor === DOMException && error.name === name

async function opened(...args) {
  const ws = new WebSocket(server.url, ...args)
  await within(ws.opened, 'open')
  return ws
}

describe('the interface', () => {
  test('one class, however it is loaded', () => {
    const require = createRequire(import.meta.url)
    assert.equal(require('heartwire').WebSocket, WebSocket)
    assert.equal(Default, WebSocket)
    assert.equal(WebSocket.name, 'WebSocket')
    assert.equal(WebSocket.length, 1)
    assert.equal(WebSocket.prototype.send.length, 1)
    assert.equal(WebSocket.prototype.close.length, 0)
    assert.equal(Object.getPrototypeOf(WebSocket), EventTarget)
    assert.equal(String(WebSocket.prototype), '[object WebSocket]')
    assert.throws(() => WebSocket(server.url), TypeError)
    assert.throws(() => new WebSocket(), TypeError)
  })

  test('constants are plain, enumerable and fixed, on the class and on the prototype', () => {
    for (const target of [WebSocket, WebSocket.prototype]) {
      for (const [value, name] of ['CONNECTING', 'OPEN', 'CLOSING', 'CLOSED'].entries()) {
        assert.deepEqual(Object.getOwnPropertyDescriptor(target, name), { value, enumerable: true, writable: false, configurable: false })
      }
    }
  })

  test('attributes are enumerable accessors of the prototype that check their object', () => {
    const readOnly = ['url', 'readyState', 'bufferedAmount', 'extensions', 'protocol']
    for (const name of [...readOnly, 'binaryType', 'onopen', 'onmessage', 'onerror', 'onclose']) {
      const { get, set, enumerable, configurable } = Object.getOwnPropertyDescriptor(WebSocket.prototype, name)
      assert.deepEqual([typeof set === 'function', enumerable, configurable, get.name], [!readOnly.includes(name), true, true, `get ${name}`])
      assert.throws(() => get.call({}), TypeError)
    }
    for (const name of ['send', 'close']) assert.ok(Object.getOwnPropertyDescriptor(WebSocket.prototype, name).enumerable)
  })

  test('no own properties, and a subclass works', async () => {
    class Mine extends WebSocket {
      get url() {
        return 'mine'
      }
    }
    const ws = new Mine(server.url)
    assert.deepEqual(Object.keys(ws), [])
    assert.equal(ws.url, 'mine')
    assert.equal(Object.prototype.toString.call(ws), '[object WebSocket]')
    ws.close()
    await within(ws.closed, 'close')
  })

  test('event classes are the platform’s', () => {
    const message = new MessageEvent('message', { data: 1 })
    assert.ok(message instanceof globalThis.MessageEvent && message instanceof Event)
    assert.deepEqual([message.data, message.origin, message.lastEventId, message.source, message.isTrusted], [1, '', '', null, false])
    const close = new CloseEvent('close', { code: 1000, reason: 'x', wasClean: true })
    assert.ok(close instanceof Event && !('initCloseEvent' in close))
    assert.deepEqual([close.code, close.reason, close.wasClean, close.bubbles, close.cancelable], [1000, 'x', true, false, false])
    assert.equal(String(close), '[object CloseEvent]')
    for (const [Class, Base, name] of [
      [CloseEvent, Event, 'CloseEvent'],
      [MessageEvent, Event, 'MessageEvent'],
    ]) {
      assert.deepEqual([Class.name, Class.length, Object.getPrototypeOf(Class), Class.prototype.constructor], [name, 1, Base, Class])
      for (const wrong of [() => Class('x'), () => new Class(), () => new Class(Symbol('x')), () => new Class('x', 5)])
        assert.throws(wrong, TypeError)
      class Mine extends Class {}
      assert.ok(new Mine('x') instanceof Class)
    }
    const converted = new CloseEvent(5, { code: '66536', reason: null, wasClean: 1 })
    assert.deepEqual([converted.type, converted.code, converted.reason, converted.wasClean], ['5', 1000, 'null', true])
  })
})

describe('the constructor', () => {
  const bad = ['ftp://h/', 'mailto:a@b', 'ws://', 'ws://h h/', 'no url', 'ws://h/#', 'ws://h/#x', '/relative', 'about:blank', 'wss://h:99999/']
  for (const url of bad) test(`refuses ${url}`, () => assert.throws(() => new WebSocket(url), dom('SyntaxError')))

  for (const protocols of ['', 'a b', 'a,b', 'ä', '\u007f', '"', '{}', ['a', 'a'], ['a', 'A'], ['chat', '']]) {
    test(`refuses the subprotocols ${JSON.stringify(protocols)}`, () => {
      assert.throws(() => new WebSocket(server.url, protocols), dom('SyntaxError'))
    })
  }

  test('maps http and https, drops default ports, keeps credentials, encodes', () => {
    for (const [given, url] of [
      [`http://127.0.0.1:${server.port}`, server.url],
      ['HTTPS://User:Pass@LOCALHOST:443/a b?c\u0000d', 'wss://User:Pass@localhost/a%20b?c%00d'],
      ['ws://localhost:80/ä', 'ws://localhost/%C3%A4'],
      [new URL('ws://127.0.0.1:1/x'), 'ws://127.0.0.1:1/x'],
      [{ toString: () => 'ws://127.0.0.1:1/y' }, 'ws://127.0.0.1:1/y'],
    ]) {
      const ws = new WebSocket(given)
      assert.equal(ws.url, url)
      assert.deepEqual([ws.readyState, ws.protocol, ws.extensions, ws.binaryType, ws.bufferedAmount], [0, '', '', 'blob', 0])
      ws.terminate()
    }
    assert.throws(() => new WebSocket(Symbol('x')), TypeError)
  })

  test('takes protocols as a string or any iterable, and options second or third', async () => {
    const chosen = new FaultServer([[{ do: 'accept', protocol: 'b' }, { do: 'echo' }]])
    for (const args of [
      [['a', 'b']],
      [new Set(['a', 'b'])],
      ['b'],
      [{ protocols: ['a', 'b'] }],
      [['a', 'b'], { headers: { 'X-A': '1' } }],
      [undefined, { protocols: 'b' }],
    ]) {
      const ws = new WebSocket(chosen.url, ...args)
      await within(ws.opened, 'open')
      assert.equal(ws.protocol, 'b')
      ws.close()
      chosen.setScript([[{ do: 'accept', protocol: 'b' }, { do: 'echo' }]])
    }
    chosen.stop()
  })

  test('names every wrong option with its path, its value and what is allowed, and connects nowhere', () => {
    const before = server.records().length
    assert.throws(
      () => new WebSocket(server.url, { pingIntervall: 5, reconnect: { minDelay: 'soon' }, headers: { 'X-A': 'a\r\nB: c' } }),
      (error) =>
        error instanceof WebSocketError &&
        /pingInterval/.test(error.message) &&
        /reconnect\.minDelay/.test(error.message) &&
        error.phase === 'options',
    )
    assert.throws(() => new WebSocket(server.url, { headers: { 'X-A': 'a\r\nB: c' } }), { code: 'invalid_header' })
    assert.throws(() => new WebSocket(server.url, { signal: 'stop' }), TypeError)
    assert.throws(() => new WebSocket(server.url, { maxSize: Number.NaN }), { code: 'invalid_option' })
    assert.equal(server.records().length, before)
  })
})

test('a third argument that is no options is ignored as the standard has it, but not in silence', async () => {
  const { code, err } = await child(`
    import { WebSocket } from './lib/index.mjs'
    const ws = new WebSocket(${JSON.stringify(server.url)}, [], 'stray')
    ws.onopen = () => ws.close()`)
  assert.equal(code, 0)
  assert.match(err, /HeartwireWarning: the third argument of WebSocket is no object with options \(but of the type string\) and was ignored/)
})

describe('a host with a location', () => {
  const locate = (href) => Object.defineProperty(globalThis, 'location', { value: new URL(href), configurable: true })
  afterEach(() => Reflect.deleteProperty(globalThis, 'location'))

  test('makes relative URLs absolute, and sends its origin as a browser does', async () => {
    locate(`http://127.0.0.1:${server.port}/page/one?x`)
    const origin = `http://127.0.0.1:${server.port}`
    const cases = [
      [['two', {}], `${server.url}page/two`, origin],
      [['/three'], `${server.url}three`, origin],
      [[() => '?y'], `${server.url}page/one?y`, origin],
      [[server.url, { origin: 'https://mine.example' }], server.url, 'https://mine.example'],
      [[server.url, { headers: [['ORIGIN', 'https://other.example']] }], server.url, 'https://other.example'],
    ]
    for (const [args, url, sent] of cases) {
      const from = server.records().length
      const ws = new WebSocket(...args)
      await within(ws.opened, 'open')
      assert.equal(ws.url, url)
      const request = server
        .records()
        .slice(from)
        .find(({ event }) => event === 'request')
      assert.equal(request.headers.origin, sent)
      ws.close()
      await within(ws.closed, 'close')
    }
    for (const bad of ['#part', 'ftp://h/', 'ws://h h/']) assert.throws(() => new WebSocket(bad), dom('SyntaxError'))
  })

  test('that is nowhere gives neither', async () => {
    locate('about:blank')
    assert.throws(() => new WebSocket('/relative'), dom('SyntaxError'))
    const from = server.records().length
    const ws = await opened()
    assert.equal(
      'origin' in
        server
          .records()
          .slice(from)
          .find(({ event }) => event === 'request').headers,
      false,
    )
    ws.close()
  })
})

describe('send()', () => {
  test('wants an argument and converts before it looks at the state', async () => {
    const ws = new WebSocket(server.url)
    assert.throws(() => ws.send(), TypeError)
    assert.throws(() => ws.send(Symbol('x')), TypeError)
    assert.throws(() => ws.send('x'), dom('InvalidStateError'))
    ws.close()
    await within(ws.closed, 'close')
    assert.throws(() => ws.send(Symbol('x')), TypeError)
    assert.equal(ws.send('x'), undefined)
  })

  test('sends strings as scalar text, everything else as its string, views as their section', async () => {
    const ws = await opened()
    ws.binaryType = 'arraybuffer'
    const got = []
    const all = new Promise((resolve) => {
      ws.onmessage = ({ data }) => got.push(data) === expected.length && resolve()
    })
    const buffer = Uint8Array.from([0, 1, 2, 3, 4, 5, 6, 7]).buffer
    const sent = ['', 'ä€😀', '\ud800x\udc00', '\ufeffbom', null, undefined, 1.5, [1, [2]], { a: 1 }, new URL('ws://x/')]
    const binary = [
      buffer,
      new Uint8Array(buffer, 2, 3),
      new DataView(buffer, 1, 2),
      new Float32Array(buffer, 4, 1),
      Buffer.from('hi'),
      new ArrayBuffer(0),
    ]
    const expected = ['', 'ä€😀', '\ufffdx\ufffd', '\ufeffbom', 'null', 'undefined', '1.5', '1,2', '[object Object]', 'ws://x/']
    expected.push(...['0001020304050607', '020304', '0102', '04050607', '6869', ''])
    for (const each of [...sent, ...binary]) ws.send(each)
    new Uint8Array(buffer).fill(0xff)
    await within(all, 'the echoes')
    assert.deepEqual(
      got.map((each) => (typeof each === 'string' ? each : Buffer.from(each).toString('hex'))),
      expected,
    )
    ws.close()
  })

  test('refuses memory that can change under it', async () => {
    const ws = await opened()
    assert.throws(() => ws.send(new SharedArrayBuffer(4)), TypeError)
    assert.throws(() => ws.send(new Uint8Array(new SharedArrayBuffer(4))), TypeError)
    const growing = new ArrayBuffer(4, { maxByteLength: 8 })
    if ('resizable' in growing) assert.throws(() => ws.send(growing), TypeError) // not in Node 18
    ws.close()
  })

  test('keeps the order with Blobs, and close() waits for them', async () => {
    const script = [
      [{ do: 'accept' }, { do: 'expect', text: 'a' }, { do: 'expect', binary: '62' }, { do: 'expect', text: 'c' }, { do: 'expect', binary: '6464' }],
    ]
    const own = new FaultServer(script)
    const ws = new WebSocket(own.url)
    await within(ws.opened, 'open')
    ws.send('a')
    ws.send(new Blob(['b']))
    ws.send('c')
    ws.send(new Blob(['d', 'd']))
    assert.equal(ws.bufferedAmount, 5)
    ws.close(3000, 'done')
    assert.equal(ws.readyState, 2)
    ws.send('never')
    const close = await within(ws.closed, 'close')
    assert.deepEqual([close.code, close.wasClean], [3000, true])
    const seen = own.records().filter(({ event }) => event === 'message' || event === 'close')
    assert.deepEqual(
      seen.map(({ text, binary, code }) => text ?? binary ?? code),
      ['a', '62', 'c', '6464', 3000],
    )
    own.stop()
  })

  test('bufferedAmount grows by UTF-8 bytes, stays while script runs, and grows after the end', async () => {
    const ws = await opened()
    ws.send('€')
    ws.send('\ud800')
    ws.send(new Uint8Array(10))
    assert.equal(ws.bufferedAmount, 16)
    const until = performance.now() + 50
    while (performance.now() < until);
    assert.equal(ws.bufferedAmount, 16)
    await next(ws, 'message')
    await within(new Promise((resolve) => setImmediate(resolve)), 'a turn')
    assert.equal(ws.bufferedAmount, 0)
    ws.close()
    ws.send('123')
    assert.equal(ws.bufferedAmount, 3)
    await within(ws.closed, 'close')
    ws.send('4567')
    assert.equal(ws.bufferedAmount, 7)
  })
})

describe('close()', () => {
  test('checks its arguments in every state, the code first', async () => {
    const ws = await opened()
    const check = () => {
      for (const code of [0, 1, 999, 1001, 1005, 1006, 2999, 5000, 65536 + 1000, Number.NaN, null, 'abc', -1]) {
        assert.throws(() => ws.close(code, 'x'.repeat(200)), dom('InvalidAccessError'))
      }
      assert.throws(() => ws.close(1000, 'x'.repeat(124)), dom('SyntaxError'))
      assert.throws(() => ws.close(1000, '\ud800'.repeat(42)), dom('SyntaxError'))
      assert.throws(() => ws.close(1000, Symbol('x')), TypeError)
    }
    check()
    assert.equal(ws.readyState, 1)
    ws.close('3001', 'x'.repeat(123))
    assert.equal(ws.readyState, 2)
    check()
    const { code, reason, wasClean } = await within(ws.closed, 'close')
    assert.deepEqual([code, wasClean], [3001, true])
    assert.equal(typeof reason, 'string')
    check()
    assert.equal(ws.close(), undefined)
  })

  test('without arguments sends no code', async () => {
    const ws = await opened()
    ws.close(undefined)
    const { code, reason, wasClean } = await within(ws.closed, 'close')
    assert.deepEqual([code, reason, wasClean], [1005, '', true])
  })

  test('while connecting: CLOSING at once, then error and close, and nothing inside the call', async () => {
    const ws = new WebSocket(server.url)
    const seen = history(ws)
    ws.close()
    assert.equal(ws.readyState, 2)
    assert.deepEqual(seen, [])
    await within(ws.closed, 'close')
    assert.deepEqual(
      seen.map(([type, state]) => [type, state]),
      [
        ['error', 3],
        ['close', 3],
      ],
    )
    assert.equal(seen[1][2].code, 1006)
    assert.equal(seen[0][2].error.code, 'cancelled')
  })

  test('fifty sockets closed while connecting each get their own close event', async () => {
    const sockets = Array.from({ length: 50 }, () => new WebSocket(server.url))
    for (const ws of sockets) ws.close()
    const closes = await within(Promise.all(sockets.map((ws) => ws.closed)), 'fifty close events')
    assert.deepEqual(new Set(closes.map(({ code }) => code)), new Set([1006]))
  })
})
