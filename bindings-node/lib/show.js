// @ts-check
// Owns: the output of `console.log(ws)`: the URL, the state and its age, and the numbers of connections and messages. It shows no secret: the URL has neither credentials
// nor query.
'use strict'

const { inspect } = require('node:util')

const STATES = ['CONNECTING', 'OPEN', 'CLOSING', 'CLOSED']

/**
 * @param {string} name of its class
 * @param {InstanceType<typeof import('./socket.js').Socket>} socket
 * @param {number} depth
 * @param {import('node:util').InspectOptions} options
 */
function show(name, socket, depth, options) {
  if (depth < 0) return `[${name}]`
  const { state, since, opens, sent, received, lastClose } = socket
  const fields = {
    url: place(socket.url),
    readyState: STATES[state],
    since: new Date(since),
    opens,
    sent,
    received,
    bufferedAmount: socket.bufferedAmount,
    ...(socket.paused ? { isPaused: true } : {}),
    ...(socket.latency === null ? {} : { latency: socket.latency }),
    ...(lastClose === null ? {} : { lastClose: { code: lastClose.code, reason: lastClose.reason, error: lastClose.error?.code ?? null } }),
  }
  return `${name} ${inspect(fields, options)}`
}

/** Scheme, host and path. @param {string} url empty while a function has not given it */
function place(url) {
  try {
    const { protocol, host, pathname } = new URL(url)
    return `${protocol}//${host}${pathname}`
  } catch {
    return url === '' ? 'not known yet' : 'not valid'
  }
}

module.exports = { show }
