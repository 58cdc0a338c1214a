// @ts-check
// Owns: the values of a host's `location`: the base of relative URLs, and the origin of the script. Node has no `location`; stand-ins for a window,
// workers and Deno's --location have one. Knows no socket.
'use strict'

/** @returns {URL | null} */
function here() {
  try {
    const href = Reflect.get(globalThis, 'location')?.href
    return typeof href === 'string' ? new URL(href) : null
  } catch {
    return null // Deno throws without --location. "about:blank" and the like are parsed; an invalid URL counts as none.
  }
}

/** A URL as the core takes it. A text that cannot be parsed stays as it is, and the core reports the fault. @param {string} text */
function absolute(text) {
  const base = here()
  if (base === null) return text
  try {
    return new URL(text, base).href
  } catch {
    return text
  }
}

/** The Origin header that a browser would send, or null. */
function origin() {
  const serialized = here()?.origin
  return serialized === undefined || serialized === 'null' ? null : serialized
}

module.exports = { absolute, origin }
