// @ts-check
// Owns: calls from code written for `ws` that the standard ignores in silence: they work here, or cause a warning. Knows no socket.
'use strict'

const { warnOnce } = require('./warnings.js')

const HINT = 'heartwire/ws has the interface of ws'

/** Events of `ws` that this class does not have. */
const ABSENT = ['redirect', 'unexpected-response', 'upgrade']

/** Checks a listener that on() or once() was given. @param {string} type @param {any} listener */
function heedListener(type, listener) {
  if (ABSENT.includes(type)) {
    warnOnce('HEARTWIRE_WS_LISTENER', `There is no event ${type}, so that its listener is never called; ${HINT}.`, type)
  } else if (typeof listener === 'function' && listener.length > 1) {
    warnOnce(
      'HEARTWIRE_WS_LISTENER',
      `A listener of ${type} takes ${listener.length} arguments, but it is called with one, the event; ${HINT}, whose listeners get the data itself.`,
      type,
    )
  }
}

/**
 * Reads the arguments after the data of send(), ping() and pong(): options and a callback, as `ws` has them.
 * @param {ArrayLike<any>} given the arguments of the call
 * @returns {{ options: any, callback: ((error?: unknown) => void) | undefined }}
 */
function behindData(given) {
  const [options, last] = [given[1], given[2]]
  if (typeof options === 'function') return { options: undefined, callback: options }
  return { options, callback: typeof last === 'function' ? last : undefined }
}

/**
 * Calls a callback as `ws` does, when the message was taken to be sent.
 * @param {(error?: unknown) => void} callback
 * @param {boolean} isTaken
 */
function answer(callback, isTaken) {
  warnOnce('HEARTWIRE_WS_CALLBACK', `A callback of send(), ping() or pong() is called when the data was taken, not when it has left; ${HINT}.`)
  if (isTaken) process.nextTick(callback)
  else process.nextTick(callback, new DOMException('the socket is closing or closed: nothing is sent any more', 'InvalidStateError'))
}

/**
 * Accepts the options of `ws`'s send() that agree with this class, and refuses the others, which would be ignored.
 * @param {any} options
 * @param {boolean} isText
 */
function checkSendOptions(options, isText) {
  if (typeof options !== 'object' || options === null) return
  for (const name of Object.keys(options)) {
    const value = options[name]
    const isSo = value === undefined || (name === 'binary' ? value === !isText : (name === 'fin' || name === 'mask') && value === true)
    if (!['compress', 'key', 'urgent'].includes(name) && !isSo) {
      throw new TypeError(`the option ${name} of send() cannot be ${shown(value)}: there are only compress, key and urgent; ${HINT}`)
    }
  }
}

/** @param {any} value */
function shown(value) {
  return typeof value === 'boolean' || typeof value === 'number' ? `${value}` : `of the type ${typeof value}`
}

module.exports = { answer, behindData, checkSendOptions, heedListener }
