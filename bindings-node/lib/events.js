// @ts-check
// Owns: the event classes: light objects that behave like the platform's, at a tenth of the cost. Knows no socket.
//
// Each is an `instanceof` the platform's class of its name (if there is one), but that class's constructor does not run: constructing a real Event
// costs more than all other work for a message. Every accessor of Event is here, so the platform's are never called on them.
//
// A socket's message has one more prototype than the standard requires, with the same members. The engine finds them fast there, because a prototype
// of beside.js is a Proxy.
'use strict'

const { inspect } = require('node:util')
const { beside } = require('./beside.js')
const { warnOnce } = require('./warnings.js')

/**
 * The values that messages of one batch share: the dictionary's other members, and the time of arrival.
 * @typedef {{ type: string, init: any, time: number }} Common
 * @typedef {{ trust(event: MessageEvent, trusted: boolean): void, begin(event: MessageEvent, target: EventTarget): void, end(event: MessageEvent): void,
 *   isStopped(event: MessageEvent): boolean, isOurs(value: any): boolean, isDispatched(event: MessageEvent): boolean }} Internals
 */
/** @type {Internals} */
let internals
/** @type {(data: unknown, common: Common) => MessageEvent} */
let trustedMessage
/** A member of the dictionary that an event was made with. @type {(event: MessageEvent, name: string, otherwise: unknown) => any} */
let field

const TRUSTED = 1
const DISPATCHED = 2
const STOPPED = 4
const STOPPED_AT_ONCE = 8
const CANCELABLE = 16
const BUBBLES = 32
const COMPOSED = 64
const PREVENTED = 128

/** @type {readonly any[]} */
const NO_PORTS = Object.freeze([])

/** Also the base of the other classes: an object whose class has to call `super()` takes twice the time to make. */
class MessageEvent {
  #common
  /** @type {EventTarget | null} */
  #target = null
  #flags = 0
  #data

  /** @param {string} type @param {any} [init] the members of the class @param {Common} [common] in place of both */
  constructor(type, init, common) {
    this.#common = common ?? { type, init, time: performance.now() }
    this.#data = init?.data ?? null
    if (init) this.#flags = (init.bubbles ? BUBBLES : 0) | (init.cancelable ? CANCELABLE : 0) | (init.composed ? COMPOSED : 0)
  }

  static {
    internals = {
      trust(event, trusted) {
        if (trusted) event.#flags |= TRUSTED
        else event.#flags &= ~TRUSTED
      },
      begin(event, target) {
        event.#target = target
        event.#flags |= DISPATCHED
      },
      end(event) {
        event.#flags &= ~(DISPATCHED | STOPPED | STOPPED_AT_ONCE)
      },
      isStopped: (event) => (event.#flags & STOPPED_AT_ONCE) !== 0,
      isOurs: (value) => typeof value === 'object' && value !== null && #common in value,
      isDispatched: (event) => (event.#flags & DISPATCHED) !== 0,
    }
    field = (event, name, otherwise) => event.#common.init?.[name] ?? otherwise
    trustedMessage = (data, common) => {
      const event = new MessageEvent(common.type, undefined, common)
      event.#data = data
      event.#flags = TRUSTED
      return event
    }
  }

  get data() {
    return this.#data
  }
  get origin() {
    return field(this, 'origin', '')
  }
  get lastEventId() {
    return field(this, 'lastEventId', '')
  }
  get source() {
    return field(this, 'source', null)
  }
  get ports() {
    return field(this, 'ports', NO_PORTS)
  }
  /** @param {string} type @param {any[]} rest the arguments of the standard: bubbles, cancelable, data, origin, lastEventId, source, ports */
  initMessageEvent(type, ...rest) {
    if (arguments.length === 0) throw new TypeError("Failed to execute 'initMessageEvent': 1 argument required, but only 0 present")
    const [bubbles, cancelable, data = null, origin = '', lastEventId = '', source = null, ports = NO_PORTS] = rest
    if ((this.#flags & DISPATCHED) !== 0) return
    this.initEvent(type, bubbles, cancelable)
    this.#common = { ...this.#common, init: { origin: `${origin}`, lastEventId: `${lastEventId}`, source, ports: Object.freeze([...ports]) } }
    this.#data = data
  }
  /** The data parsed as JSON: text, an ArrayBuffer or a Buffer of UTF-8. */
  json() {
    const data = this.#data
    if (typeof data === 'string') return JSON.parse(data)
    if (data instanceof ArrayBuffer || ArrayBuffer.isView(data)) return JSON.parse(new TextDecoder().decode(/** @type {any} */ (data)))
    throw new TypeError('json() reads text, ArrayBuffer and Buffer messages; a Blob has to be read with await event.data.text()')
  }

  // Members of every event -----------------------------------------------------------------------------------------------------

  get type() {
    return this.#common.type
  }
  get target() {
    return this.#target
  }
  get srcElement() {
    return this.#target
  }
  get currentTarget() {
    return (this.#flags & DISPATCHED) !== 0 ? this.#target : null
  }
  get eventPhase() {
    return (this.#flags & DISPATCHED) !== 0 ? 2 : 0
  }
  get bubbles() {
    return (this.#flags & BUBBLES) !== 0
  }
  get cancelable() {
    return (this.#flags & CANCELABLE) !== 0
  }
  get composed() {
    return (this.#flags & COMPOSED) !== 0
  }
  get defaultPrevented() {
    return (this.#flags & PREVENTED) !== 0
  }
  get returnValue() {
    return (this.#flags & PREVENTED) === 0
  }
  set returnValue(value) {
    if (!value) this.preventDefault()
  }
  get cancelBubble() {
    return (this.#flags & STOPPED) !== 0
  }
  set cancelBubble(value) {
    if (value) this.#flags |= STOPPED
  }
  get timeStamp() {
    return this.#common.time
  }
  get isTrusted() {
    return (this.#flags & TRUSTED) !== 0
  }
  composedPath() {
    return (this.#flags & DISPATCHED) !== 0 ? [this.#target] : []
  }
  stopPropagation() {
    this.#flags |= STOPPED
  }
  stopImmediatePropagation() {
    this.#flags |= STOPPED | STOPPED_AT_ONCE
  }
  preventDefault() {
    if ((this.#flags & CANCELABLE) !== 0) this.#flags |= PREVENTED
  }
  /** @param {string} type @param {boolean} [bubbles] @param {boolean} [cancelable] */
  initEvent(type, bubbles = false, cancelable = false) {
    if ((this.#flags & DISPATCHED) !== 0) return
    this.#common = { ...this.#common, type: `${type}` }
    this.#flags = (this.#flags & COMPOSED) | (bubbles ? BUBBLES : 0) | (cancelable ? CANCELABLE : 0)
    this.#target = null
  }

  /** @param {number} depth @param {import('node:util').InspectOptions} options */
  [inspect.custom](depth, options) {
    const name = this.constructor.name
    /** @type {Record<string, unknown>} */
    const fields = { type: this.#common.type }
    for (const key of shown(this)) fields[key] = Reflect.get(this, key)
    return depth < 0 ? `[${name}]` : `${name} ${inspect(fields, { ...options, depth: (options.depth ?? 2) - 1 })}`
  }
}
Object.setPrototypeOf(MessageEvent, Event)

/** The members that only messages have. */
const OF_MESSAGES = ['data', 'origin', 'lastEventId', 'source', 'ports', 'json', 'initMessageEvent']

/** The fields of each class for `inspect`. @type {Map<object, string[]>} */
const own = new Map()
const { constructor: _, ...members } = Object.getOwnPropertyDescriptors(MessageEvent.prototype)
const common = Object.fromEntries(Object.entries(members).filter(([name]) => !OF_MESSAGES.includes(name)))

/** The fields that `inspect` shows of an event, also of one whose class the program derived. @param {object} event */
function shown(event) {
  // The search ends at ours: asking for the next prototype would load the platform's classes.
  for (let proto = Object.getPrototypeOf(event); proto; proto = Object.getPrototypeOf(proto)) {
    const names = own.get(proto)
    if (names) return names
  }
  return []
}

/** Puts a class below Event, with the members of every event on it. @param {any} Class */
function belowEvent(Class) {
  const { prototype } = Class
  const { constructor: _, ...added } = Object.getOwnPropertyDescriptors(prototype)
  const getters = Object.entries(added).filter(([name, descriptor]) => descriptor.get && !(Class === MessageEvent && name in common))
  own.set(
    prototype,
    getters.map(([name]) => name),
  )
  for (const name of Object.keys(added)) Object.defineProperty(prototype, name, { enumerable: true })
  for (const [name, descriptor] of Object.entries(common)) Object.defineProperty(prototype, name, { ...descriptor, enumerable: true })
  Object.defineProperty(prototype, inspect.custom, { value: MessageEvent.prototype[inspect.custom], configurable: true, writable: true })
  Object.setPrototypeOf(prototype, Event.prototype)
}

/**
 * The visible prototype of a class that the platform may also have.
 * @param {any} Class
 * @param {object} members
 */
function besidePlatform(Class, members) {
  Object.defineProperty(members, Symbol.toStringTag, { value: Class.name, configurable: true })
  const prototype = beside(members, Class.name)
  own.set(prototype, own.get(Class.prototype) ?? [])
  return prototype
}

belowEvent(MessageEvent)
const messagePrototype = besidePlatform(
  MessageEvent,
  Object.create(Event.prototype, /** @type {any} */ (Object.getOwnPropertyDescriptors(MessageEvent.prototype))),
)
Object.setPrototypeOf(MessageEvent.prototype, messagePrototype)
// Only on the prototype of a socket's messages, because it is not part of the standard.
Object.defineProperty(MessageEvent.prototype, 'toString', {
  value() {
    warnOnce(
      'HEARTWIRE_EVENT_AS_TEXT',
      "A message event was used as text: the message is event.data. Listeners in the manner of 'ws', which get the data itself, work with heartwire/ws.",
    )
    return Object.prototype.toString.call(this)
  },
  configurable: true,
  writable: true,
})

class CloseEvent extends MessageEvent {
  get wasClean() {
    return Boolean(field(this, 'wasClean', false))
  }
  get code() {
    return field(this, 'code', 0)
  }
  get reason() {
    return field(this, 'reason', '')
  }
  /** The cause of an abnormal end, or null. */
  get error() {
    return field(this, 'error', null)
  }
  /** Whether another attempt follows. */
  get willReconnect() {
    return field(this, 'willReconnect', false)
  }
  /** In how many milliseconds, or null. */
  get retryIn() {
    return field(this, 'retryIn', null)
  }
  /** How many bytes of messages the system had not taken when the connection ended. */
  get unsent() {
    return field(this, 'unsent', 0)
  }
}
belowEvent(CloseEvent)
const closePrototype = besidePlatform(CloseEvent, CloseEvent.prototype)
/** Replaces `new.target` when a close event is made. */
function CloseTarget() {}
CloseTarget.prototype = closePrototype

/** The close event of a socket. @param {any} init */
function trustedClose(init) {
  const event = Reflect.construct(CloseEvent, ['close', init], CloseTarget)
  internals.trust(event, true)
  return event
}

/** A class of plain events with these fields. @param {string} name @param {Record<string, unknown>} defaults */
function fieldEvent(name, defaults) {
  const Class = {
    [name]: class extends MessageEvent {
      static {
        for (const key of Object.keys(defaults)) {
          Object.defineProperty(this.prototype, key, {
            get() {
              return field(this, key, defaults[key])
            },
            configurable: true,
          })
        }
      }
    },
  }[name]
  belowEvent(Class)
  return Class
}

const OpenEvent = fieldEvent('OpenEvent', { headers: null })
own.set(OpenEvent.prototype, []) // the server's headers may be secret
const ErrorEvent = fieldEvent('ErrorEvent', { message: '', error: null, filename: '', lineno: 0, colno: 0 })
own.set(ErrorEvent.prototype, ['message', 'error']) // the others are for code that expects the platform's ErrorEvent
const ReconnectingEvent = fieldEvent('ReconnectingEvent', { attempt: 0, delay: 0, capped: null, cause: null })
const PingEvent = fieldEvent('PingEvent', { payload: null })
const PongEvent = fieldEvent('PongEvent', { payload: null, latency: null })
const HeartbeatEvent = fieldEvent('HeartbeatEvent', { kind: '', latency: null, missed: 0 })
const DrainEvent = fieldEvent('DrainEvent', {})
const ReadyEvent = fieldEvent('ReadyEvent', {})
const ThrottledEvent = fieldEvent('ThrottledEvent', { delay: 0, waiting: 0 })
const DroppedEvent = fieldEvent('DroppedEvent', { messages: null, reason: '' })

/**
 * @param {{ new (type: string, init?: any): MessageEvent }} Class
 * @param {string} type
 * @param {any} init
 */
function trusted(Class, type, init) {
  const event = new Class(type, init)
  internals.trust(event, true)
  return event
}

module.exports = {
  MessageEvent,
  CloseEvent,
  OpenEvent,
  ErrorEvent,
  ReconnectingEvent,
  PingEvent,
  PongEvent,
  HeartbeatEvent,
  DrainEvent,
  DroppedEvent,
  ReadyEvent,
  ThrottledEvent,
  messagePrototype,
  closePrototype,
  trusted,
  trustedClose,
  trustedMessage,
  internals,
}
