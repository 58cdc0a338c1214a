// @ts-check
// Owns: the counts of a socket, and of all sockets of the process, as plain objects. The core counts.
'use strict'

const addon = require('./addon.js')

/** The counts of the socket with this handle, as JSON text. @param {number} handle */
function textOf(handle) {
  return addon.stats(handle)
}

/** @param {string} text */
function read(text) {
  return JSON.parse(text)
}

/** Sums up what all sockets have counted that this process has started; see types.d.ts. */
function stats() {
  return read(addon.stats(null))
}

module.exports = { read, stats, textOf }
