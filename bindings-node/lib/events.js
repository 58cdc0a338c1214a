// @ts-check
// Owns: the event classes: light objects that look and behave like the platform's, at a tenth of the price. Knows no socket.
//
// Each is an `instanceof` the platform's class of its name (where there is one), but is not made by its constructor: constructing a real Event
// costs more than all the rest of a message's way. Every accessor of Event is here, so nothing of the platform's is ever called on them.
'use strict'

const { inspect } = require('node:util')

/**
 * What messages that came together share: the dictionary's other members, and when they came.
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

/** The base of all the others, and not one of them: an object whose class has to call `super()` takes twice the time to make. */
class MessageEvent {
  #common
  /** @type {EventTarget | null} */
  #target = null
  #flags = 0
  #data

  /** @param {string} type @param {any} [init] what the classes add @param {Common} [common] in place of both */
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
    return field(this, 'ports', [])
  }
  /** The data parsed as JSON: text, an ArrayBuffer or a Buffer of UTF-8. */
  json() {
    const data = this.#data
    if (typeof data === 'string') return JSON.parse(data)
    if (data instanceof ArrayBuffer || ArrayBuffer.isView(data)) return JSON.parse(new TextDecoder().decode(/** @type {any} */ (data)))
    throw new TypeError('json() reads text, ArrayBuffer and Buffer messages; a Blob has to be read with await event.data.text()')
  }

  // What every event has -----------------------------------------------------------------------------------------------------

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
    for (let proto = Object.getPrototypeOf(this); proto && own.has(proto); proto = Object.getPrototypeOf(proto)) {
      for (const key of own.get(proto) ?? []) fields[key] = Reflect.get(this, key)
    }
    return depth < 0 ? `[${name}]` : `${name} ${inspect(fields, { ...options, depth: (options.depth ?? 2) - 1 })}`
  }
}
Object.setPrototypeOf(MessageEvent, Event)

/** The members that only messages have. */
const OF_MESSAGES = ['data', 'origin', 'lastEventId', 'source', 'ports', 'json']

/** The fields that each class adds, to be shown by `inspect`. @type {Map<object, string[]>} */
const own = new Map()
const { constructor: _, ...members } = Object.getOwnPropertyDescriptors(MessageEvent.prototype)
const common = Object.fromEntries(Object.entries(members).filter(([name]) => !OF_MESSAGES.includes(name)))

/**
 * Puts a class below the platform's class `Base`, with the members of every event on it.
 * @param {any} Class
 * @param {any} Base
 */
function below(Class, Base) {
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
  Object.setPrototypeOf(prototype, Base.prototype)
}

/** The platform's class of this name, or Event. @param {string} name */
function platform(name) {
  const Class = Reflect.get(globalThis, name)
  return Class?.prototype instanceof Event ? Class : Event
}

below(MessageEvent, platform('MessageEvent'))

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
}
below(CloseEvent, platform('CloseEvent'))
for (const Class of [MessageEvent, CloseEvent]) {
  Object.defineProperty(Class.prototype, Symbol.toStringTag, { value: Class.name, configurable: true })
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
  below(Class, Event)
  return Class
}

const OpenEvent = fieldEvent('OpenEvent', { headers: null })
own.set(OpenEvent.prototype, []) // the server's headers may be secret
const ErrorEvent = fieldEvent('ErrorEvent', { message: '', error: null })
const ReconnectingEvent = fieldEvent('ReconnectingEvent', { attempt: 0, delay: 0, cause: null })
const PingEvent = fieldEvent('PingEvent', { payload: null })
const PongEvent = fieldEvent('PongEvent', { payload: null, latency: null })
const HeartbeatEvent = fieldEvent('HeartbeatEvent', { kind: '', latency: null, missed: 0 })
const DrainEvent = fieldEvent('DrainEvent', {})
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
  trusted,
  trustedMessage,
  internals,
}
