// @ts-check
// Owns: finding out which signals the program listens to, if the host does not report it: Bun reports no removed listener, and Deno has listeners of
// its own beside those of `process`. Knows no socket and no addon.
'use strict'

/** @typedef {(...args: any[]) => void} Listener */

/**
 * On Bun: calls `onChange` whenever a listener of `process` was removed, before any other code runs. Bun removes a `once()` listener and restores the
 * signal's default action before it calls that listener, which may then raise the signal again.
 * @param {any} process
 * @param {() => void} onChange
 */
function tellOnBun(process, onChange) {
  /** The wrappers of listeners given to `once()`. @type {WeakMap<Listener, Listener>} */
  const standIns = new WeakMap()
  /** @param {Listener} listener */
  const standInFor = (listener) => {
    let standIn = standIns.get(listener)
    if (standIn === undefined) {
      standIn = Object.assign(
        /** @this {any} @param {any[]} args */
        function (/** @type {any[]} */ ...args) {
          onChange()
          return Reflect.apply(listener, this, args)
        },
        { listener },
      )
      standIns.set(listener, standIn)
    }
    return standIn
  }
  for (const name of ['once', 'prependOnceListener']) {
    const original = process[name]
    hide(process, name, (/** @type {any} */ event, /** @type {any} */ listener) => {
      const isOfSignal = typeof listener === 'function' && /^SIG/.test(String(event))
      return Reflect.apply(original, process, [event, isOfSignal ? standInFor(listener) : listener])
    })
  }
  for (const name of ['off', 'removeListener']) {
    const original = process[name]
    hide(process, name, (/** @type {any} */ event, /** @type {any} */ listener) => {
      const before = process.listenerCount(event)
      Reflect.apply(original, process, [event, listener])
      const standIn = standIns.get(listener)
      if (standIn !== undefined && process.listenerCount(event) === before) Reflect.apply(original, process, [event, standIn])
      onChange()
      return process
    })
  }
  const removeAll = process.removeAllListeners
  hide(process, 'removeAllListeners', (/** @type {any[]} */ ...events) => {
    Reflect.apply(removeAll, process, events)
    onChange()
    return process
  })
}

/**
 * Calls `onChange` whenever a signal gets its first listener of `Deno.addSignalListener()`, or loses the last one. Listeners of `process` arrive this
 * way, too. Deno refuses bad calls before they are counted.
 * @param {any} deno
 * @param {(signal: string, listens: boolean) => void} onChange
 */
function tellOnDeno(deno, onChange) {
  /** The listeners of each signal. @type {Map<string, Set<Listener>>} */
  const listening = new Map()
  const { addSignalListener, removeSignalListener } = deno
  deno.addSignalListener = (/** @type {string} */ signal, /** @type {Listener} */ listener) => {
    addSignalListener(signal, listener)
    const listeners = listening.get(signal) ?? new Set()
    listening.set(signal, listeners.add(listener))
    if (listeners.size === 1) onChange(signal, true)
  }
  deno.removeSignalListener = (/** @type {string} */ signal, /** @type {Listener} */ listener) => {
    removeSignalListener(signal, listener)
    const listeners = listening.get(signal)
    if (listeners?.delete(listener) && listeners.size === 0) onChange(signal, false)
  }
}

/** @param {any} object @param {string} name @param {Function} value */
function hide(object, name, value) {
  Object.defineProperty(object, name, { value, writable: true, configurable: true, enumerable: false })
}

module.exports = { tellOnBun, tellOnDeno }
