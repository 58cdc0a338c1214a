// @ts-check
// Owns: reports events without a listener: errors, and the warnings of the core. Each kind once. Knows only the state that it is given.
'use strict'

const { addon } = require('./delivery.js')
const { spelled } = require('./names.js')
const { warnOnce } = require('./warnings.js')

/**
 * An error event that no listener has heard.
 * @param {InstanceType<typeof import('./errors.js').WebSocketError>} error
 */
function tellError(error) {
  const again = error.retryIn === undefined ? '' : ` The next attempt comes in ${(error.retryIn / 1000).toFixed(1)} s.`
  warnOnce(
    'HEARTWIRE_UNHEARD_ERROR',
    `${error.message}.${again} (${error.code}; told once, since nothing listens: set ws.onerror, or await ws.opened)`,
    error.code,
  )
}

/** The core's warnings. They come while a connection is made, so an event always follows. */
function tellWarnings() {
  for (const words of addon.takeWarnings() ?? []) warnOnce('HEARTWIRE_WARNING', spelled(words), words)
}

module.exports = { tellError, tellWarnings }
