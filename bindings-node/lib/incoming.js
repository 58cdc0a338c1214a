// @ts-check
// Owns: turns the core's events into those that users see (except messages), and keeps the facts of an open connection. Knows no socket's state.
'use strict'

const { carried } = require('./errors.js')
const events = require('./events.js')

/**
 * The event of that name.
 * @param {string} name
 * @param {any} fields as the core gives them; of an open event an OpenInfo
 * @param {any} failure the error of this connection's error event, or of the last close event, or null
 * @returns {any}
 */
function eventOf(name, fields, failure) {
  const { trusted } = events
  switch (name) {
    case 'open':
      return trusted(events.OpenEvent, name, fields)
    case 'error': {
      const error = carried(fields.error)
      return trusted(events.ErrorEvent, name, { error, message: error.message })
    }
    case 'close':
      return closeEvent(fields, failure)
    case 'reconnecting':
      return trusted(events.ReconnectingEvent, name, { ...fields, cause: sameOr(failure, fields.cause) })
    case 'ping':
      return trusted(events.PingEvent, name, { payload: Buffer.from(fields.payload) })
    case 'pong':
      return trusted(events.PongEvent, name, { ...fields, payload: Buffer.from(fields.payload) })
    case 'heartbeat':
      return trusted(events.HeartbeatEvent, name, fields)
    case 'dropped': {
      const messages = fields.messages.map((/** @type {any} */ each) => (typeof each === 'string' ? each : Buffer.from(each)))
      return trusted(events.DroppedEvent, name, { ...fields, messages })
    }
    case 'ready':
      return trusted(events.ReadyEvent, name, fields)
    case 'throttled':
      return trusted(events.ThrottledEvent, name, fields)
    default:
      return trusted(events.DrainEvent, name, fields)
  }
}

/**
 * @param {any} fields
 * @param {any} [failure] that of the error event just before, which is the same one
 */
function closeEvent(fields, failure) {
  return events.trustedClose({ ...fields, error: sameOr(failure, fields.error) })
}

/** One failure is one error object in all events that report it. @param {any} failure @param {any} fields */
function sameOr(failure, fields) {
  if (!fields) return null
  return failure?.code === fields.code && failure.message === fields.message ? failure : carried(fields)
}

/** The facts of an open connection. Few programs read the headers, so they are kept as text. */
class OpenInfo {
  #text
  /** @type {Headers | undefined} */
  #headers

  /** @param {{ url: string, protocol: string, extensions: string }} connection @param {string} text the headers as JSON */
  constructor({ url, protocol, extensions }, text) {
    this.url = url
    this.protocol = protocol
    this.extensions = extensions
    this.#text = text
  }

  get headers() {
    this.#headers ??= headersOf(this.#text)
    return this.#headers
  }
}

/** @param {string} text */
function headersOf(text) {
  const headers = new Headers()
  for (const [name, value] of JSON.parse(text)) {
    try {
      headers.append(name, value)
    } catch {
      // Skips a header that fetch's Headers cannot hold.
    }
  }
  return headers
}

module.exports = { OpenInfo, closeEvent, eventOf }
