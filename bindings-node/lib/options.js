// @ts-check
// Owns: options on their way to the core, as plain data; the functions among them stay here, by their path. The core checks everything.
'use strict'

const { constants } = require('node:buffer')
const { bytesOf } = require('./convert.js')
const { WebSocketError } = require('./errors.js')
const location = require('./location.js')

/** Functions that the core asks for, by their path. */
const askable = new Set([
  'url',
  'headers',
  'protocols',
  'heartbeat.message',
  'setHeartbeat.message',
  'ready',
  'ready.run',
  'reconnect.shouldReconnect',
])

/**
 * @typedef {{ text: string, providers: Map<string, Function>, allowSynchronousEvents: boolean, deliverAfterClose: boolean,
 *   signal: AbortSignal | undefined, queues: boolean, logsIn: boolean, writeLimit: number }} Prepared
 */

/**
 * Reads the second and third argument of the constructor.
 * @param {unknown} second
 * @param {unknown} third
 * @returns {Record<string, unknown>}
 */
function collect(second, third) {
  const options = members(optionsObject(third))
  if (second === undefined) return options
  if (isOptions(second)) {
    if (third !== undefined) throw new TypeError('options were given twice: as second and as third argument')
    return members(second)
  }
  if ('protocols' in options) throw new TypeError('subprotocols were given twice: as second argument and in the options')
  options.protocols = typeof second === 'function' ? second : protocolList(second)
  return options
}

/** All visible members of an object, inherited or its own. @param {Record<string, unknown>} object */
function members(object) {
  /** @type {Record<string, unknown>} */
  const all = {}
  for (const name in object) all[name] = object[name]
  return all
}

/** @param {unknown} value @returns {value is Record<string, unknown>} */
function isOptions(value) {
  return typeof value === 'object' && value !== null && typeof Reflect.get(value, Symbol.iterator) !== 'function'
}

/** The third argument: options. Any other value is ignored, as the standard requires, but with a warning. @param {unknown} value */
function optionsObject(value) {
  if (value === undefined || value === null) return {}
  if (isOptions(value)) return value
  // The warning omits the value: other libraries take headers here, which may be secret.
  const kind = Array.isArray(value) ? 'array' : typeof value
  process.emitWarning(`the third argument of WebSocket is no object with options (but of the type ${kind}) and was ignored`, 'HeartwireWarning')
  return {}
}

/** `(DOMString or sequence<DOMString>)`. @param {any} value @returns {string[]} */
function protocolList(value) {
  if (typeof value === 'object' && value !== null) return Array.from(value, (each) => text(each))
  return [text(value)]
}

/** @param {any} value */
function text(value) {
  if (typeof value === 'symbol') throw new TypeError('a subprotocol is a string, not a Symbol')
  return `${value}`
}

/**
 * @param {Record<string, unknown>} options
 * @returns {Prepared}
 */
function prepare(options) {
  const { signal, ...rest } = options
  if (signal !== undefined && !(signal instanceof AbortSignal)) throw new TypeError('the option signal must be an AbortSignal')
  /** @type {Map<string, Function>} */
  const providers = new Map()
  const plain = plainData(rest, '', providers)
  checkSize(plain.maxSize)
  const origin = location.origin()
  if (origin !== null && !('origin' in plain) && !mayNameOrigin(plain.headers)) plain.origin = origin
  return {
    text: JSON.stringify(plain),
    providers,
    // Checked with the others, by the core.
    allowSynchronousEvents: rest.allowSynchronousEvents === true,
    deliverAfterClose: rest.deliverAfterClose === true,
    signal,
    queues: Boolean(plain.sendQueue),
    logsIn: Boolean(plain.ready),
    writeLimit: typeof plain.writeLimit === 'number' ? plain.writeLimit : 1 << 20,
  }
}

/** JavaScript cannot hold a longer text. @param {unknown} maxSize */
function checkSize(maxSize) {
  const { MAX_STRING_LENGTH } = constants
  if (typeof maxSize !== 'number' || maxSize <= MAX_STRING_LENGTH) return
  const message = `maxSize: must be at most ${MAX_STRING_LENGTH}, the longest string of this JavaScript engine; got ${maxSize}`
  throw new WebSocketError({ code: 'invalid_option', phase: 'options', message })
}

/** Whether these headers have an Origin, or come from a function and may have one. @param {any} headers */
function mayNameOrigin(headers) {
  if (typeof headers !== 'object' || headers === null) return false
  const names = Array.isArray(headers) ? headers.map((pair) => pair?.[0]) : Object.keys(headers)
  return names.some((name) => /^(origin|\$function)$/i.test(String(name)))
}

/**
 * Plain data: functions become marks and are collected, bytes become base64, headers become pairs.
 * @param {any} value
 * @param {string} path
 * @param {Map<string, Function>} [providers]
 * @returns {any}
 */
function plainData(value, path, providers) {
  if (typeof value === 'function') {
    if (askable.has(path)) providers?.set(path, value)
    return { $function: true }
  }
  if (typeof value === 'number' && !Number.isFinite(value)) return { $other: String(value) }
  if (typeof value === 'bigint') return { $other: `${value}n` }
  if (typeof value === 'symbol') return { $other: String(value) }
  if (typeof value !== 'object' || value === null) return value
  const bytes = bytesOf(value)
  if (bytes !== undefined) return { $bytes: Buffer.from(/** @type {any} */ (bytes)).toString('base64') }
  if (value instanceof URL) return value.href
  if (typeof value.toJSON === 'function') return value
  if (typeof value[Symbol.iterator] === 'function') return Array.from(value, (each) => plainData(each, `${path}[]`, providers))
  const inner = path === '' ? '' : `${path}.`
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, plainData(each, inner + key, providers)]))
}

/**
 * The argument of setHeartbeat(), as JSON text, and its function if it has one.
 * @param {unknown} options
 * @returns {{ text: string, message: Function | undefined }}
 */
function heartbeat(options) {
  const providers = new Map()
  const text = JSON.stringify(plainData(options ?? null, 'setHeartbeat', providers))
  return { text, message: providers.get('setHeartbeat.message') }
}

/** The result of a user's function, as JSON text. @param {string} question @param {any} value */
function answer(question, value) {
  if (question === 'reconnect.shouldReconnect') return value == null ? 'null' : JSON.stringify(Boolean(value))
  if (question === 'ready') return value === false ? 'false' : 'null'
  if (question === 'url') return JSON.stringify(location.absolute(`${value}`))
  return JSON.stringify(plainData(value, question)) ?? 'null'
}

module.exports = { answer, collect, heartbeat, prepare }
