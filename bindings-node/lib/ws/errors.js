// @ts-check
// Owns: Heartwire's errors in the words and codes that ws, or Node beneath it, has for them. Knows no socket.
'use strict'

/** @typedef {Error & { code?: string, errno?: number, syscall?: string, address?: string, port?: number }} WsError */

/** The core's words for a broken frame → ws' code and words. The first that fits counts. @type {[RegExp, string, string][]} */
const FRAMES = [
  [/more than \d+ bytes \(maxSize\)/, 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH', 'Max payload size exceeded'],
  [/not UTF-8/, 'WS_ERR_INVALID_UTF8', 'Invalid WebSocket frame: invalid UTF-8 sequence'],
  [/the code (\d+), which may not be sent/, 'WS_ERR_INVALID_CLOSE_CODE', 'Invalid WebSocket frame: invalid status code $1'],
  [/Close frame of one byte/, 'WS_ERR_INVALID_CONTROL_PAYLOAD_LENGTH', 'Invalid WebSocket frame: invalid payload length 1'],
  [/more than 125 bytes/, 'WS_ERR_INVALID_CONTROL_PAYLOAD_LENGTH', 'Invalid WebSocket frame: invalid payload length'],
  [/highest bit/, 'WS_ERR_UNSUPPORTED_DATA_PAYLOAD_LENGTH', 'Unsupported WebSocket frame: payload length > 2^53 - 1'],
  [/masked/, 'WS_ERR_UNEXPECTED_MASK', 'Invalid WebSocket frame: MASK must be clear'],
  [/marked a frame as compressed/, 'WS_ERR_UNEXPECTED_RSV_1', 'Invalid WebSocket frame: RSV1 must be clear'],
  [/reserved bit/, 'WS_ERR_UNEXPECTED_RSV_2_3', 'Invalid WebSocket frame: RSV2 and RSV3 must be clear'],
  [/fragmented a control frame/, 'WS_ERR_EXPECTED_FIN', 'Invalid WebSocket frame: FIN must be set'],
  [/reserved kind (\d+)/, 'WS_ERR_INVALID_OPCODE', 'Invalid WebSocket frame: invalid opcode $1'],
  [/not begun/, 'WS_ERR_INVALID_OPCODE', 'Invalid WebSocket frame: invalid opcode 0'],
  [/under way had ended/, 'WS_ERR_INVALID_OPCODE', 'Invalid WebSocket frame: invalid opcode'],
]

/** Maps the core's words for a failed upgrade to those of ws, with Node's code if there is one. @type {[RegExp, string, string?][]} */
const HANDSHAKE = [
  [/Sec-WebSocket-Accept/i, 'Invalid Sec-WebSocket-Accept header'],
  [/Upgrade header/i, 'Invalid Upgrade header'],
  [/chose a subprotocol that was not offered \(none/, 'Server sent a subprotocol but none was requested'],
  [/chose a subprotocol|sec-websocket-protocol header/, 'Server sent an invalid subprotocol'],
  [/chose no subprotocol/, 'Server sent no subprotocol'],
  [/is not acceptable: [^ ]+ was not offered|a second extension/, 'Server indicated an extension that was not requested'],
  [/Sec-WebSocket-Extensions/, 'Invalid Sec-WebSocket-Extensions header'],
  [/before it had answered|the connection broke/, 'socket hang up', 'ECONNRESET'],
  [/did not answer in HTTP/, 'Parse Error: Expected HTTP/', 'HPE_INVALID_CONSTANT'],
  [/with a head of more than/, 'Parse Error: Header overflow', 'HPE_HEADER_OVERFLOW'],
]
const HANDSHAKE_CODES = ['http_invalid', 'subprotocol_mismatch', 'extension_mismatch']

/** The core's words for a certificate → the codes that tls has. @type {[RegExp, string][]} */
const CERTIFICATE = [
  [/has expired/, 'CERT_HAS_EXPIRED'],
  [/not valid yet/, 'CERT_NOT_YET_VALID'],
  [/wrong host/, 'ERR_TLS_CERT_ALTNAME_INVALID'],
  [/unknown issuer/, 'UNABLE_TO_VERIFY_LEAF_SIGNATURE'],
  [/was revoked/, 'CERT_REVOKED'],
  [/wrong signature/, 'CERT_SIGNATURE_FAILURE'],
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
 * @param {boolean} [offersExtension] whether permessage-deflate was offered
 * @returns {WsError}
 */
function wsError(cause, url, offersExtension = true) {
  const { code, message } = cause
  if (['message_too_big', 'invalid_payload', 'protocol_error'].includes(code)) return frameError(cause)
  if (Object.hasOwn(SYSTEM, code)) return systemError(cause, url)
  if (code === 'open_timeout') return new Error('Opening handshake has timed out', { cause })
  if (code === 'cancelled') return closedEarly(cause)
  if (code === 'http_refused' || code === 'http_redirect') return new Error(`Unexpected server response: ${cause.status}`, { cause })
  if (code === 'extension_mismatch' && !offersExtension) {
    return new Error('Server sent a Sec-WebSocket-Extensions header but no extension was requested', { cause })
  }
  const handshake = HANDSHAKE_CODES.includes(code) ? HANDSHAKE.find(([words]) => words.test(message)) : undefined
  if (handshake !== undefined) return Object.assign(new Error(handshake[1], { cause }), handshake[2] && { code: handshake[2] })
  const certificate = code === 'tls_certificate' ? CERTIFICATE.find(([words]) => words.test(message)) : undefined
  return Object.assign(new Error(message, { cause }), { code: certificate?.[1] ?? code })
}

/** @param {import('../../index.js').WebSocketError} cause */
function frameError(cause) {
  const [pattern, code, words] = FRAMES.find(([pattern]) => pattern.test(cause.message)) ?? [/^/, 'WS_ERR_INVALID_FRAME', 'Invalid WebSocket frame: ']
  const found = pattern.exec(cause.message)
  const message = code === 'WS_ERR_INVALID_FRAME' ? words + cause.message : words.replace('$1', found?.[1] ?? '')
  const Class = code === 'WS_ERR_INVALID_UTF8' ? Error : RangeError
  return Object.assign(new Class(message, { cause }), { code })
}

/** @param {import('../../index.js').WebSocketError} cause @param {URL} url */
function systemError(cause, url) {
  const { code, syscall } = SYSTEM[cause.code]
  if (syscall !== 'connect') {
    return Object.assign(new Error(`${syscall} ${code} ${url.hostname}`, { cause }), { code, syscall, hostname: url.hostname })
  }
  const path = /to the unix socket (.*?): /.exec(cause.message)?.[1]
  if (path !== undefined) return Object.assign(new Error(`connect ${code} ${path}`, { cause }), { code, syscall, address: path })
  const [, address = url.hostname, digits = url.port] = /tried \[?([^ ]*?)\]?:(\d+) /.exec(cause.message) ?? []
  const port = Number(digits) || (url.protocol === 'wss:' ? 443 : 80)
  return Object.assign(new Error(`connect ${code} ${address}:${port}`, { cause }), { code, syscall, address, port })
}

/** @param {unknown} [cause] */
function closedEarly(cause) {
  return new Error('WebSocket was closed before the connection was established', cause === undefined ? {} : { cause })
}

/** The error of a call that needs an open connection. @param {number} state */
function notOpen(state) {
  return new Error(`WebSocket is not open: readyState ${state} (${['CONNECTING', 'OPEN', 'CLOSING', 'CLOSED'][state]})`)
}

/** An option or a member of ws that Heartwire does not have. @param {string} what @param {string} [why] */
function unsupported(what, why) {
  return Object.assign(new TypeError(`heartwire/ws does not support ${what}${why ? `: ${why}` : ''}`), { code: 'HEARTWIRE_UNSUPPORTED' })
}

module.exports = { closedEarly, notOpen, unsupported, wsError }
