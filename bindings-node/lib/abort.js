// @ts-check
// Owns: what is to happen when an AbortSignal aborts, with one listener for each signal however many wait for it: Node warns of more than ten.
'use strict'

/** @type {WeakMap<AbortSignal, { waiting: Set<() => void>, run: () => void }>} */
const signals = new WeakMap()

/**
 * Has `callback` called once when the signal aborts, which it has not yet. Gives what takes it back.
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
  // A function of its own, for the same callback may wait twice.
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
