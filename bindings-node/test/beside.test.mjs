// Owns: MessageEvent and CloseEvent beside the platform's classes of these names: instances of both, with the standard's prototypes, copied with their
// fields, and without loading anything of the platform's. The Web Platform Tests (tests/wpt) check the rest.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { CloseEvent, MessageEvent, WebSocket } from '../lib/index.mjs'
import { FaultServer } from '../lib/testing.js'
import { child, next, within } from './helpers.mjs'

const theirs = { MessageEvent: globalThis.MessageEvent, CloseEvent: globalThis.CloseEvent }
const chain = (object) => {
  const found = []
  for (let each = Object.getPrototypeOf(object); each; each = Object.getPrototypeOf(each)) found.push(each)
  return found
}

/** Makes a class the global one for a while. */
function asGlobal(name, Class, act) {
  const before = Object.getOwnPropertyDescriptor(globalThis, name)
  Object.defineProperty(globalThis, name, { value: Class, configurable: true, writable: true })
  try {
    act()
  } finally {
    if (before) Object.defineProperty(globalThis, name, before)
    else Reflect.deleteProperty(globalThis, name)
  }
}

/** A message and the close event of a socket. */
async function happened() {
  const server = new FaultServer([{ do: 'accept' }, { do: 'send', text: 'hello' }, { do: 'close', code: 4001, reason: 'enough' }])
  const ws = new WebSocket(server.url)
  const message = await next(ws, 'message')
  const close = await within(ws.closed, 'closed')
  server.stop()
  return { message, close, origin: server.url.replace(/\/$/, '') }
}

test('importing the package loads no class of the platform', async () => {
  const { out, err } = await child(`
    import 'heartwire'
    import { WebSocket } from 'heartwire'
    new WebSocket('ws://127.0.0.1:1/').onclose = (event) => {
      console.log(event.code, event.constructor.name, process.moduleLoadList.filter((name) => /deps\\/undici/.test(name)).join())
    }`)
  assert.equal(out, '1006 CloseEvent \n', err)
})

test('requiring the package loads no large module of the platform', () => {
  const main = fileURLToPath(new URL('../lib/index.js', import.meta.url))
  // In Node 18, `node:fs` itself loads the streams for every program that requires it.
  const program = `
    for (const name of ['async_hooks', 'buffer', 'diagnostics_channel', 'fs', 'path', 'util']) require('node:' + name)
    const before = new Set(process.moduleLoadList)
    require(${JSON.stringify(main)})
    console.log(process.moduleLoadList.filter((name) => !before.has(name)).join())`
  const { stdout, stderr } = spawnSync(process.execPath, ['-e', program], { encoding: 'utf8' })
  assert.equal(stderr, '')
  // The addon's context of callbacks, and Node's own loader: small modules whose names differ from one Node to the next.
  const large = stdout
    .trim()
    .split(',')
    .filter((name) => name && !/async_local_storage|internal\/modules/.test(name))
  assert.deepEqual(large, [])
})

test('a socket’s events are instances of our classes and of the platform’s', async () => {
  const { message, close } = await happened()
  for (const [event, Class, name] of [
    [message, MessageEvent, 'MessageEvent'],
    [close, CloseEvent, 'CloseEvent'],
  ]) {
    assert.ok(event instanceof Class && event instanceof Event, name)
    if (theirs[name]) assert.ok(event instanceof theirs[name] && new Class('x') instanceof theirs[name], name)
    assert.equal(event.constructor, Class)
    assert.ok(!(new Event('x') instanceof Class))
  }
  assert.ok(!(message instanceof CloseEvent) && !(close instanceof MessageEvent))
})

test('the prototypes are the standard’s, where ours are the global classes', async () => {
  const { message, close } = await happened()
  for (const [event, Class] of [
    [message, MessageEvent],
    [close, CloseEvent],
  ]) {
    asGlobal(Class.name, Class, () => {
      assert.equal(Object.getPrototypeOf(Class), Event)
      assert.equal(Object.getPrototypeOf(Class.prototype), Event.prototype)
      assert.equal(Object.getPrototypeOf(new Class('x')), Class.prototype)
      assert.ok(event instanceof Class && event instanceof Event)
    })
  }
  assert.equal(Object.getPrototypeOf(close), CloseEvent.prototype)
})

test('a class of the program may be the global one', async () => {
  const { close } = await happened()
  class Mine extends CloseEvent {}
  for (const [what, Class, isOne] of [
    ['derived from ours', Mine, false],
    ['no event', class {}, false],
    ['no class', 5, null],
    ['nothing', undefined, null],
    ['a plain function', () => {}, null],
  ]) {
    asGlobal('CloseEvent', Class, () => {
      assert.ok(close instanceof CloseEvent && close instanceof Event, what)
      if (isOne !== null) assert.equal(close instanceof Class, isOne, what)
      assert.ok(chain(close).length < 6, what)
    })
  }
})

test('the prototypes may be frozen and patched', async () => {
  const { out, err } = await child(`
    import { CloseEvent, MessageEvent } from 'heartwire'
    Object.defineProperty(CloseEvent.prototype, 'seen', { get() { return this.code + 1 }, configurable: true })
    delete CloseEvent.prototype.wasClean
    const event = new CloseEvent('close', { code: 1000, wasClean: true })
    console.log(event.seen, event.wasClean)
    for (const each of [CloseEvent, MessageEvent]) Object.freeze(each.prototype)
    console.log(event instanceof CloseEvent, event instanceof Event, new MessageEvent('x', { data: 1 }).data)`)
  assert.equal(out, '1001 undefined\ntrue true 1\n', err)
})

test('an event made of another keeps its fields', async () => {
  const { message, close, origin } = await happened()
  const again = new message.constructor(message.type, message)
  assert.deepEqual([again.type, again.data, again.origin, again.isTrusted, again.json === message.json], ['message', 'hello', origin, false, true])
  const closed = new close.constructor(close.type, close)
  const fields = ['type', 'code', 'reason', 'wasClean', 'error', 'willReconnect', 'retryIn']
  assert.deepEqual(
    fields.map((name) => closed[name]),
    fields.map((name) => close[name]),
  )
  const bubbling = new MessageEvent('x', { bubbles: 1, cancelable: 'yes', composed: true })
  const twice = new MessageEvent('y', bubbling)
  assert.deepEqual([twice.bubbles, twice.cancelable, twice.composed], [true, true, true])
  // The other events, too.
  const ws = new WebSocket('ws://127.0.0.1:1/')
  const failed = await next(ws, 'error')
  const copy = new failed.constructor(failed.type, failed)
  assert.deepEqual([copy.error, copy.message, copy.lineno], [failed.error, failed.message, 0])
})

test('the dictionaries are read as Web IDL has it', () => {
  const { port1, port2 } = new MessageChannel()
  const event = new MessageEvent('x', { ports: new Set([port1]), source: port2, data: undefined })
  const { ports } = event
  assert.equal(event.ports, ports)
  assert.deepEqual([ports[0] === port1, Object.isFrozen(ports), event.source === port2], Array(3).fill(true))
  assert.equal(event.data, null)
  assert.equal(new MessageEvent('x').ports, new MessageEvent('y').ports)
  for (const wrong of [{ ports: 5 }, { ports: [5] }, { source: 'me' }, { origin: Symbol('x') }]) {
    assert.throws(() => new MessageEvent('x', wrong), TypeError)
  }
  event.initMessageEvent('y', true, false, 'data', 'origin', 'id')
  assert.deepEqual([event.type, event.bubbles, event.data, event.origin, event.lastEventId, event.source], ['y', true, 'data', 'origin', 'id', null])
  assert.throws(() => event.initMessageEvent(), TypeError)
  port1.close()
})
