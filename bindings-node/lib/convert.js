// @ts-check
// Owns: the conversions and checks of arguments as Web IDL and the WebSockets standard have them. Knows no socket.
'use strict'

const { types } = require('node:util')

/** `[Clamp] unsigned short`. @param {any} value */
function clampedShort(value) {
  const number = +value
  if (Number.isNaN(number)) return 0
  const clamped = Math.min(Math.max(number, 0), 65535)
  const floor = Math.floor(clamped)
  const rest = clamped - floor
  // To the nearest integer, halves to the even one.
  return rest < 0.5 || (rest === 0.5 && floor % 2 === 0) ? floor : floor + 1
}

/** USVString. @param {any} value */
function scalarText(value) {
  if (typeof value === 'symbol') throw new TypeError('a Symbol cannot be converted to a string')
  return `${value}`
}

/**
 * The arguments of close(), converted and checked in the standard's order.
 * @param {any} code
 * @param {any} reason
 * @returns {[number, string]} the code, 0 for none, and the reason
 */
function closeArguments(code, reason) {
  const number = code === undefined ? 0 : clampedShort(code)
  const text = reason === undefined ? '' : scalarText(reason)
  if (code !== undefined && number !== 1000 && !(number >= 3000 && number <= 4999)) {
    throw new DOMException(`the close code must be 1000 or 3000 to 4999; ${String(code)} is neither`, 'InvalidAccessError')
  }
  const size = Buffer.byteLength(text)
  if (size > 123) throw new DOMException(`the close reason may have 123 bytes of UTF-8; this one has ${size}`, 'SyntaxError')
  return [number, text]
}

/** @param {any} buffer @returns {ArrayBuffer} */
function plainBuffer(buffer) {
  if (types.isSharedArrayBuffer(buffer)) throw new TypeError('shared memory cannot be sent: copy it first')
  if (buffer.resizable) throw new TypeError('a resizable ArrayBuffer cannot be sent: copy it first')
  return buffer
}

/**
 * The bytes of an ArrayBuffer or a view, as something the addon reads in place; undefined for anything else.
 * @param {any} data
 * @returns {ArrayBuffer | Uint8Array | undefined}
 */
function bytesOf(data) {
  if (typeof data !== 'object' || data === null) return undefined
  if (ArrayBuffer.isView(data)) {
    plainBuffer(data.buffer)
    return types.isUint8Array(data) ? data : new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
  }
  if (types.isAnyArrayBuffer(data)) return plainBuffer(data)
  return undefined
}

/**
 * The argument of send(): text, bytes or a Blob.
 * @param {any} data
 * @returns {string | ArrayBuffer | Uint8Array | Blob}
 */
function message(data) {
  if (typeof data === 'string') return data
  const bytes = bytesOf(data)
  if (bytes !== undefined) return bytes
  return data instanceof Blob ? data : scalarText(data)
}

/** The payload of a ping or pong: text or bytes. @param {any} data @returns {ArrayBuffer | Uint8Array} */
function payload(data) {
  return bytesOf(data) ?? Buffer.from(data === undefined ? '' : scalarText(data))
}

module.exports = { bytesOf, closeArguments, message, payload, scalarText }
