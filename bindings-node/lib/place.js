// @ts-check
// Owns: a URL as logs show it: without credentials and query, which may be secret. Knows no socket.
'use strict'

/** Scheme, host and path. @param {string} url empty while a function has not given it */
function place(url) {
  try {
    const { protocol, host, pathname } = new URL(url)
    return `${protocol}//${host}${pathname}`
  } catch {
    return url === '' ? 'not known yet' : 'not valid'
  }
}

module.exports = { place }
