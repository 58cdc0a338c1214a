// @ts-check
// Owns: the callbacks of an AbortSignal, with one listener for each signal, for any number of callbacks: Node warns of more than ten listeners.
'use strict'

/** @type {WeakMap<AbortSignal, { waiting: Set<() => void>, run: () => void }>} */
const signals = new WeakMap()

/**
 * Calls `callback` once when the signal aborts; it must not be aborted yet. Returns a function that cancels this.
 * @param {AbortSignal} signal
 * @param {() => void} callback
 */
function whenAborted(signal, callback) {
  let known = signals.get(signal)
  if (known === undefined) {
    const waiting = new Set()
    known = { waiting, run: () => runAll(signal, waiting) }
    signals.set(signal, known)
    signal.addEventListener('abort', known.run, { once: true })
  }
  const { waiting, run } = known
  // A new function each time, because the same callback may wait twice.
  const wait = () => callback()
  waiting.add(wait)
  return () => {
    if (!waiting.delete(wait) || waiting.size > 0) return
    signals.delete(signal)
    signal.removeEventListener('abort', run)
  }
}

/** @param {AbortSignal} signal @param {Set<() => void>} waiting */
function runAll(signal, waiting) {
  signals.delete(signal)
  for (const wait of waiting) {
    waiting.delete(wait)
    wait()
  }
}

module.exports = { whenAborted }
