// @ts-check
// Owns: our warnings of the process, each kind once. Knows nothing of their subjects.
'use strict'

/** @type {Set<string>} */
const told = new Set()

/**
 * Warns, once for each kind in the life of the process (or worker), through `process.emitWarning`: that prints to standard error unless the program
 * listens to `warning`.
 * @param {string} code in Node's style: HEARTWIRE_...
 * @param {string} words
 * @param {string} [kind] distinguishes it from others with the same code
 * @param {string} [detail] printed below it
 */
function warnOnce(code, words, kind = '', detail = undefined) {
  const key = `${code} ${kind}`
  if (told.has(key)) return
  told.add(key)
  process.emitWarning(words, { type: 'HeartwireWarning', code, detail })
}

module.exports = { warnOnce }
