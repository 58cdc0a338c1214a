// @ts-check
// Owns: the listeners of each event type, and the loop that calls them. Behaves as the DOM standard's EventTarget. Knows no socket and no event class
// but ours.
'use strict'

const { whenAborted } = require('./abort.js')
const { internals, MessageEvent } = require('./events.js')
const { report } = require('./errors.js')

/**
 * @typedef {{ type: string, callback: any, flags: number, unheed?: () => void }} Entry
 */

/** The flags of an entry. */
const CAPTURE = 1
const ONCE = 2
/** The value of an event handler attribute. */
const HANDLER = 4
/** Removed, perhaps while its list is being walked. */
const REMOVED = 8

/** @type {readonly Entry[]} */
const none = Object.freeze([])

class Listeners {
  /**
   * The listeners of all types in one list, because most sockets have four. It is replaced, never changed, so a running loop keeps the list that it
   * began with.
   * @type {readonly Entry[]}
   */
  #all = none

  /** @param {string} type @returns {readonly Entry[]} */
  of(type) {
    return this.#all.filter((entry) => entry.type === type)
  }

  /**
   * @param {string} type
   * @param {any} callback
   * @param {any} [options]
   */
  add(type, callback, options) {
    const { capture, once, signal } = flatten(options)
    if (!isCallback(callback)) return
    if (signal?.aborted) return
    if (this.#find(type, callback, capture)) return
    const entry = this.#append({ type, callback, flags: (capture ? CAPTURE : 0) | (once ? ONCE : 0) })
    if (signal) entry.unheed = whenAborted(signal, () => this.#drop(entry))
  }

  /**
   * @param {string} type
   * @param {any} callback
   * @param {any} [options]
   */
  remove(type, callback, options) {
    const { capture } = flatten(options)
    const entry = this.#find(type, callback, capture)
    if (entry) this.#drop(entry)
  }

  /** @param {string} type @param {any} callback @param {boolean} capture */
  #find(type, callback, capture) {
    const flags = capture ? CAPTURE : 0
    return this.#all.find((entry) => entry.type === type && entry.callback === callback && (entry.flags & (CAPTURE | HANDLER)) === flags)
  }

  /** The value of an event handler attribute. @param {string} type */
  handler(type) {
    return this.#handlerEntry(type)?.callback ?? null
  }

  /** @param {string} type */
  #handlerEntry(type) {
    return this.#all.find((entry) => entry.flags & HANDLER && entry.type === type)
  }

  /**
   * Sets an event handler attribute: it keeps its place among the listeners until it is null.
   * @param {string} type
   * @param {unknown} value
   */
  setHandler(type, value) {
    const callback = typeof value === 'function' || (typeof value === 'object' && value !== null) ? value : null
    const entry = this.#handlerEntry(type)
    if (entry && callback) entry.callback = callback
    else if (entry) this.#drop(entry)
    else if (callback) this.#append({ type, callback, flags: HANDLER })
  }

  /** @param {Entry} entry */
  #append(entry) {
    const list = this.#all
    // At the target, capturing listeners come first.
    const at = entry.flags & CAPTURE ? list.findLastIndex((each) => each.flags & CAPTURE) + 1 : list.length
    // Neither pushed nor spread: that would reserve room for sixteen more.
    const all = new Array(list.length + 1)
    for (let index = 0; index < all.length; index++) all[index] = index < at ? list[index] : index === at ? entry : list[index - 1]
    this.#all = all
    return entry
  }

  /** @param {Entry} entry */
  #drop(entry) {
    entry.flags |= REMOVED
    entry.unheed?.()
    this.#all = this.#all.filter((each) => each !== entry)
  }

  /**
   * Calls one listener.
   * @param {Entry} entry
   * @param {EventTarget} target
   * @param {any} event
   */
  call(entry, target, event) {
    const { flags } = entry
    if (flags & REMOVED) return
    if (flags & ONCE) this.#drop(entry)
    const { callback } = entry
    try {
      if (typeof callback === 'function') callback.call(target, event)
      else if (!(flags & HANDLER)) handleEvent(callback).call(callback, event)
    } catch (error) {
      report(error)
    }
  }

  /**
   * Dispatches one of our own events.
   * @param {EventTarget} target
   * @param {InstanceType<typeof MessageEvent>} event
   */
  dispatch(target, event) {
    const list = this.#all
    const { type } = event
    internals.begin(event, target)
    for (let index = 0; index < list.length; index++) {
      const entry = list[index]
      if (entry.type !== type) continue
      this.call(entry, target, event)
      if (internals.isStopped(event)) break
    }
    internals.end(event)
  }

  /**
   * Dispatches an event that the user made: with the platform's own dispatch, which alone can set its target.
   * @param {EventTarget} target
   * @param {Event} event
   */
  dispatchForeign(target, event) {
    if (internals.isOurs(event)) {
      const ours = /** @type {any} */ (event)
      if (internals.isDispatched(ours)) throw new DOMException('the event is being dispatched already', 'InvalidStateError')
      internals.trust(ours, false)
      this.dispatch(target, ours)
      return !ours.defaultPrevented
    }
    const { addEventListener, removeEventListener, dispatchEvent } = EventTarget.prototype
    const type = event?.type
    const list = this.of(type)
    let stopped = false
    // One listener for all of ours: Node before 22 clears `currentTarget` after the first.
    const bridge = () => {
      for (const entry of list) {
        this.call(entry, target, event)
        if (stopped) break
      }
    }
    addEventListener.call(target, type, bridge)
    if (event instanceof Event) {
      const stop = event.stopImmediatePropagation
      const value = () => {
        stopped = true
        stop.call(event)
      }
      Object.defineProperty(event, 'stopImmediatePropagation', { value, configurable: true, writable: true })
    }
    try {
      return dispatchEvent.call(target, event)
    } finally {
      removeEventListener.call(target, type, bridge)
      if (event instanceof Event) Reflect.deleteProperty(event, 'stopImmediatePropagation')
    }
  }
}

/** @param {any} callback @returns {Function} */
function handleEvent(callback) {
  const method = callback.handleEvent
  if (typeof method === 'function') return method
  throw new TypeError('the listener is neither a function nor an object with a handleEvent method')
}

/** @param {unknown} callback */
function isCallback(callback) {
  if (callback === null || callback === undefined) return false
  if (typeof callback === 'function' || typeof callback === 'object') return true
  throw new TypeError('a listener is a function, an object with a handleEvent method, or null')
}

/** @param {any} options */
function flatten(options) {
  if (typeof options === 'boolean' || options === null || typeof options !== 'object') {
    return { capture: Boolean(options), once: false, signal: undefined }
  }
  const { signal } = options
  if (signal !== undefined && !(signal instanceof AbortSignal)) throw new TypeError('the option signal is an AbortSignal')
  return { capture: Boolean(options.capture), once: Boolean(options.once), signal }
}

module.exports = { Listeners }
