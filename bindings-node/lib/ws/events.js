// @ts-check
// Owns: ws' `addEventListener` and `on…` attributes over an EventEmitter, and the small event objects they get. Of the socket it knows only the state.
'use strict'

const kListener = Symbol('listener')
const kAttribute = Symbol('attribute')
/** On the socket: whether both Close frames passed. */
const kWasClean = Symbol('wasClean')

class Event {
  /** @param {string} type @param {any} target */
  constructor(type, target) {
    this.type = type
    this.target = target
  }
}

class CloseEvent extends Event {
  /** @param {any} target @param {number} code @param {Buffer} reason */
  constructor(target, code, reason) {
    super('close', target)
    this.code = code
    this.reason = reason.toString()
    this.wasClean = target[kWasClean] === true
  }
}

class ErrorEvent extends Event {
  /** @param {any} target @param {Error} error */
  constructor(target, error) {
    super('error', target)
    this.error = error
    this.message = error.message
  }
}

class MessageEvent extends Event {
  /** @param {any} target @param {any} data @param {boolean} isBinary */
  constructor(target, data, isBinary) {
    super('message', target)
    this.data = isBinary ? data : data.toString()
  }
}

/** The arguments of an emitted event → its object. @type {Record<string, (target: any, ...args: any[]) => Event>} */
const OBJECTS = {
  open: (target) => new Event('open', target),
  message: (target, data, isBinary) => new MessageEvent(target, data, isBinary),
  close: (target, code, reason) => new CloseEvent(target, code, reason),
  error: (target, error) => new ErrorEvent(target, error),
}

/**
 * @this {import('node:events').EventEmitter & { [kWasClean]?: boolean }}
 * @param {string} type
 * @param {any} handler
 * @param {{ once?: boolean }} [options]
 */
function addEventListener(type, handler, options = {}) {
  if (this.listeners(type).some((/** @type {any} */ listener) => listener[kListener] === handler && !listener[kAttribute])) return
  add(this, type, handler, Boolean(options.once), false)
}

/** @param {any} emitter @param {string} type @param {any} handler @param {boolean} once @param {boolean} attribute */
function add(emitter, type, handler, once, attribute) {
  const make = OBJECTS[type]
  if (make === undefined) return
  const wrapper = Object.assign(
    (/** @type {any[]} */ ...args) => {
      const event = make(emitter, ...args)
      if (typeof handler === 'object' && typeof handler.handleEvent === 'function') handler.handleEvent(event)
      else handler.call(emitter, event)
    },
    { [kListener]: handler, [kAttribute]: attribute },
  )
  if (once) emitter.once(type, wrapper)
  else emitter.on(type, wrapper)
}

/** @this {import('node:events').EventEmitter} @param {string} type @param {any} handler */
function removeEventListener(type, handler) {
  for (const listener of this.rawListeners(type)) {
    const wrapper = /** @type {any} */ (listener).listener ?? listener
    if (wrapper[kListener] !== handler || wrapper[kAttribute]) continue
    this.removeListener(type, /** @type {any} */ (listener))
    break
  }
}

/** `onopen`, `onmessage`, `onclose`, `onerror`. @param {object} prototype */
function defineAttributes(prototype) {
  for (const type of Object.keys(OBJECTS)) {
    const own = (/** @type {any} */ emitter) => emitter.listeners(type).find((/** @type {any} */ listener) => listener[kAttribute])
    Object.defineProperty(prototype, `on${type}`, {
      configurable: true,
      enumerable: true,
      get() {
        return own(this)?.[kListener] ?? null
      },
      set(handler) {
        const before = own(this)
        if (before !== undefined) this.removeListener(type, before)
        if (typeof handler === 'function') add(this, type, handler, false, true)
      },
    })
  }
}

module.exports = { addEventListener, defineAttributes, kWasClean, removeEventListener }
