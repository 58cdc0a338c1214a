// @ts-check
// Owns: the output of `console.log(ws)`: the URL, the state and its age, and the numbers of connections and messages. It shows no secret: the URL has neither credentials
// nor query.
'use strict'

const { inspect } = require('node:util')
const { place } = require('./place.js')

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

module.exports = { show }
