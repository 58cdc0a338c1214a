// @ts-check
// Owns: Heartwire's errors in the words and codes that ws has for them. Knows no socket.
'use strict'

/** @typedef {Error & { code?: string, errno?: number, syscall?: string, address?: string, port?: number }} WsError */

/** The core's words for a broken frame → ws' code and class. The first that fits counts. @type {[RegExp, string, ErrorConstructor][]} */
const FRAMES = [
  [/more than \d+ bytes \(maxSize\)/, 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH', RangeError],
  [/not UTF-8/, 'WS_ERR_INVALID_UTF8', Error],
  [/code .* may not be sent|Close frame of one byte/, 'WS_ERR_INVALID_CLOSE_CODE', RangeError],
  [/more than 125 bytes/, 'WS_ERR_INVALID_CONTROL_PAYLOAD_LENGTH', RangeError],
  [/highest bit/, 'WS_ERR_UNSUPPORTED_DATA_PAYLOAD_LENGTH', RangeError],
  [/masked/, 'WS_ERR_UNEXPECTED_MASK', RangeError],
  [/marked a frame as compressed/, 'WS_ERR_UNEXPECTED_RSV_1', RangeError],
  [/reserved bit/, 'WS_ERR_UNEXPECTED_RSV_2_3', RangeError],
  [/fragmented a control frame/, 'WS_ERR_EXPECTED_FIN', RangeError],
  [/reserved kind|not begun|under way had ended/, 'WS_ERR_INVALID_OPCODE', RangeError],
]

/** ws' words, where they are always the same. @type {Record<string, string>} */
const WORDS = {
  WS_ERR_UNSUPPORTED_MESSAGE_LENGTH: 'Max payload size exceeded',
  WS_ERR_INVALID_UTF8: 'Invalid WebSocket frame: invalid UTF-8 sequence',
}

/** The core's words for an upgrade that is not one → ws'. @type {[RegExp, string][]} */
const HANDSHAKE = [
  [/Sec-WebSocket-Accept/, 'Invalid Sec-WebSocket-Accept header'],
  [/Upgrade header/i, 'Invalid Upgrade header'],
]

/** Heartwire's code → the system's, as net and dns would name it. @type {Record<string, { code: string, syscall: string }>} */
const SYSTEM = {
  connection_refused: { code: 'ECONNREFUSED', syscall: 'connect' },
  dns_failed: { code: 'ENOTFOUND', syscall: 'getaddrinfo' },
}

/**
 * The error that ws would emit. Heartwire's own is its `cause`.
 * @param {import('../../index.js').WebSocketError} cause
 * @param {URL} url
 * @returns {WsError}
 */
function wsError(cause, url) {
  if (['message_too_big', 'invalid_payload', 'protocol_error'].includes(cause.code)) {
    const [, code, Class] = FRAMES.find(([words]) => words.test(cause.message)) ?? [null, 'WS_ERR_INVALID_FRAME', Error]
    return Object.assign(new Class(WORDS[code] ?? `Invalid WebSocket frame: ${cause.message}`, { cause }), { code })
  }
  const system = SYSTEM[cause.code]
  if (system !== undefined) {
    const { hostname } = url
    const port = Number(url.port) || (url.protocol === 'wss:' ? 443 : 80)
    const words = system.syscall === 'connect' ? `connect ${system.code} ${hostname}:${port}` : `${system.syscall} ${system.code} ${hostname}`
    return Object.assign(new Error(words, { cause }), system, system.syscall === 'connect' ? { address: hostname, port } : { hostname })
  }
  if (cause.code === 'open_timeout') return new Error('Opening handshake has timed out', { cause })
  if (cause.code === 'cancelled') return closedEarly(cause)
  if (cause.code === 'http_refused' || cause.code === 'http_redirect') {
    return new Error(`Unexpected server response: ${cause.status}`, { cause })
  }
  const handshake = cause.code === 'http_invalid' ? HANDSHAKE.find(([words]) => words.test(cause.message)) : undefined
  if (handshake !== undefined) return new Error(handshake[1], { cause })
  return Object.assign(new Error(cause.message, { cause }), { code: cause.code })
}

/** @param {unknown} [cause] */
function closedEarly(cause) {
  return new Error('WebSocket was closed before the connection was established', { cause })
}

/** What a call says that needs an open connection. @param {number} state */
function notOpen(state) {
  return new Error(`WebSocket is not open: readyState ${state} (${['CONNECTING', 'OPEN', 'CLOSING', 'CLOSED'][state]})`)
}

/** An option or a member of ws that Heartwire does not have. @param {string} what @param {string} [why] */
function unsupported(what, why) {
  return Object.assign(new TypeError(`heartwire/ws does not support ${what}${why ? `: ${why}` : ''}`), { code: 'HEARTWIRE_UNSUPPORTED' })
}

module.exports = { closedEarly, notOpen, unsupported, wsError }
