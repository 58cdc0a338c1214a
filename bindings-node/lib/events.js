// @ts-check
// Owns: the event classes: light objects that look and behave like the platform's, at a tenth of the price. Knows no socket.
//
// Each is an `instanceof` the platform's class of its name (where there is one), but is not made by its constructor: constructing a real Event
// costs more than all the rest of a message's way. Every accessor of Event is here, so nothing of the platform's is ever called on them.
'use strict'

const { inspect } = require('node:util')

/**
 * When events came, shared by those that came together.
 * @typedef {{ time: number }} Moment
 * @typedef {{ trust(event: LightEvent, trusted: boolean): void, begin(event: LightEvent, target: EventTarget): void, end(event: LightEvent): void,
 *   isStopped(event: LightEvent): boolean, isOurs(value: any): boolean, isDispatched(event: LightEvent): boolean }} Internals
 */
/** @type {Internals} */
let internals

const TRUSTED = 1
const DISPATCHED = 2
const STOPPED = 4
const STOPPED_AT_ONCE = 8
const CANCELABLE = 16
const BUBBLES = 32
const COMPOSED = 64
const PREVENTED = 128

class LightEvent {
  /** @type {string} */
  #type
  /** @type {EventTarget | null} */
  #target = null
  #flags = 0
  #moment

  /**
   * @param {string} type
   * @param {{ bubbles?: boolean, cancelable?: boolean, composed?: boolean } | null} [init]
   * @param {Moment} [moment]
   */
  constructor(type, init, moment) {
    this.#type = type
    this.#moment = moment ?? { time: performance.now() }
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
      isOurs: (value) => typeof value === 'object' && value !== null && #type in value,
      isDispatched: (event) => (event.#flags & DISPATCHED) !== 0,
    }
  }

  get type() {
    return this.#type
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
    return this.#moment.time
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
    this.#type = `${type}`
    this.#flags = (this.#flags & COMPOSED) | (bubbles ? BUBBLES : 0) | (cancelable ? CANCELABLE : 0)
    this.#target = null
  }

  /** @param {number} depth @param {import('node:util').InspectOptions} options */
  [inspect.custom](depth, options) {
    const name = this.constructor.name
    /** @type {Record<string, unknown>} */
    const fields = { type: this.#type }
    for (let proto = Object.getPrototypeOf(this); proto && own.has(proto); proto = Object.getPrototypeOf(proto)) {
      for (const key of own.get(proto) ?? []) fields[key] = Reflect.get(this, key)
    }
    return depth < 0 ? `[${name}]` : `${name} ${inspect(fields, { ...options, depth: (options.depth ?? 2) - 1 })}`
  }
}
Object.setPrototypeOf(LightEvent, Event)

/** The fields that each class adds, to be shown by `inspect`. @type {Map<object, string[]>} */
const own = new Map()
const common = Object.getOwnPropertyDescriptors(LightEvent.prototype)

/**
 * Puts a class below the platform's class `Base`, with all of LightEvent's members on it.
 * @param {any} Class
 * @param {any} Base
 */
function below(Class, Base) {
  const { prototype } = Class
  const fields = Object.entries(Object.getOwnPropertyDescriptors(prototype))
  own.set(
    prototype,
    fields.filter(([, descriptor]) => descriptor.get).map(([name]) => name),
  )
  for (const name of Object.keys(prototype)) Object.defineProperty(prototype, name, { enumerable: true })
  for (const [name] of fields) if (name !== 'constructor') Object.defineProperty(prototype, name, { enumerable: true })
  if (Object.getPrototypeOf(prototype) === LightEvent.prototype) {
    const { constructor: _, ...members } = common
    Object.defineProperties(prototype, members)
    Object.defineProperty(prototype, inspect.custom, { value: LightEvent.prototype[inspect.custom], configurable: true, writable: true })
    Object.setPrototypeOf(prototype, Base.prototype)
  }
}

/** The platform's class of this name, or Event. @param {string} name */
function platform(name) {
  const Class = Reflect.get(globalThis, name)
  return Class?.prototype instanceof Event ? Class : Event
}

/** @type {(data: unknown, init: { origin: string }, moment: Moment) => MessageEvent} */
let trustedMessage

class MessageEvent extends LightEvent {
  #data
  #init

  /** @param {string} type @param {any} [init] @param {Moment} [moment] */
  constructor(type, init, moment) {
    super(type, init, moment)
    this.#data = init?.data ?? null
    this.#init = init
  }

  static {
    trustedMessage = (data, init, moment) => {
      const event = new MessageEvent('message', init, moment)
      event.#data = data
      internals.trust(event, true)
      return event
    }
  }

  get data() {
    return this.#data
  }
  get origin() {
    return this.#init?.origin ?? ''
  }
  get lastEventId() {
    return this.#init?.lastEventId ?? ''
  }
  get source() {
    return this.#init?.source ?? null
  }
  get ports() {
    return this.#init?.ports ?? []
  }
  /** The data parsed as JSON: text, an ArrayBuffer or a Buffer of UTF-8. */
  json() {
    const data = this.#data
    if (typeof data === 'string') return JSON.parse(data)
    if (data instanceof ArrayBuffer || ArrayBuffer.isView(data)) return JSON.parse(new TextDecoder().decode(/** @type {any} */ (data)))
    throw new TypeError('json() reads text, ArrayBuffer and Buffer messages; a Blob has to be read with await event.data.text()')
  }
}
below(MessageEvent, platform('MessageEvent'))

class CloseEvent extends LightEvent {
  #init

  /** @param {string} type @param {any} [init] @param {Moment} [moment] */
  constructor(type, init, moment) {
    super(type, init, moment)
    this.#init = init ?? {}
  }
  get wasClean() {
    return Boolean(this.#init.wasClean ?? false)
  }
  get code() {
    return this.#init.code ?? 0
  }
  get reason() {
    return this.#init.reason ?? ''
  }
  /** The cause of an abnormal end, or null. */
  get error() {
    return this.#init.error ?? null
  }
  /** Whether another attempt follows. */
  get willReconnect() {
    return this.#init.willReconnect ?? false
  }
  /** In how many milliseconds, or null. */
  get retryIn() {
    return this.#init.retryIn ?? null
  }
}
below(CloseEvent, platform('CloseEvent'))
for (const Class of [MessageEvent, CloseEvent]) {
  Object.defineProperty(Class.prototype, Symbol.toStringTag, { value: Class.name, configurable: true })
}

/** A class of plain events with these fields. @param {string} name @param {Record<string, unknown>} defaults */
function fieldEvent(name, defaults) {
  const Class = {
    [name]: class extends LightEvent {
      /** @type {any} */
      #init

      /** @param {string} type @param {any} [init] @param {Moment} [moment] */
      constructor(type, init, moment) {
        super(type, init, moment)
        this.#init = init ?? {}
      }
      static {
        for (const key of Object.keys(defaults)) {
          Object.defineProperty(this.prototype, key, {
            get() {
              return this.#init[key] ?? defaults[key]
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
const ErrorEvent = fieldEvent('ErrorEvent', { message: '', error: null })
const ReconnectingEvent = fieldEvent('ReconnectingEvent', { attempt: 0, delay: 0, cause: null })
const PingEvent = fieldEvent('PingEvent', { payload: null })
const PongEvent = fieldEvent('PongEvent', { payload: null, latency: null })
const HeartbeatEvent = fieldEvent('HeartbeatEvent', { kind: '', latency: null, missed: 0 })
const DrainEvent = fieldEvent('DrainEvent', {})
const DroppedEvent = fieldEvent('DroppedEvent', { messages: null, reason: '' })

/**
 * @param {{ new (type: string, init?: any): LightEvent }} Class
 * @param {string} type
 * @param {any} init
 */
function trusted(Class, type, init) {
  const event = new Class(type, init)
  internals.trust(event, true)
  return event
}

module.exports = {
  LightEvent,
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
