// @ts-check
// Owns: the orderly end of all sockets, while the program goes on. The core decides when a socket is done.
'use strict'

const addon = require('./addon.js')

/** Milliseconds between two checks. */
const LOOK = 5

/**
 * Ends all sockets in good order; see types.d.ts.
 * @param {number} [timeout] milliseconds
 * @returns {Promise<boolean>}
 */
async function shutdown(timeout = 10_000) {
  if (typeof timeout !== 'number' || !(timeout >= 0))
    throw new TypeError(`shutdown() takes a number of milliseconds, 0 or more; got ${String(timeout)}`)
  let complete = addon.shutDown(timeout)
  while (complete === undefined) {
    await new Promise((resolve) => setTimeout(resolve, LOOK))
    complete = addon.shutDown(-1)
  }
  return complete
}

module.exports = { shutdown }
