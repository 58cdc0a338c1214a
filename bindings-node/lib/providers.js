// @ts-check
// Owns: the user's functions that give values to the core: it calls them, answers, and makes their exceptions the causes of the resulting errors.
// Knows no socket.
'use strict'

const { closeEvent } = require('./incoming.js')
const options = require('./options.js')
const { warnOnce } = require('./warnings.js')

/** How many failures are kept until their error arrives: one of each function is enough. */
const MOST = 8

class Providers {
  #functions
  /** The values that the functions threw, by the text that the core got for each. @type {Map<string, unknown>} */
  #thrown = new Map()

  /** @param {Map<string, Function>} functions by the paths of their options */
  constructor(functions) {
    this.#functions = functions
  }

  /**
   * @param {{ question: string, close: any, logIn?: (run: any) => any }} asked
   * @param {(ok: boolean, words: string) => void} reply
   */
  ask({ question, close, logIn }, reply) {
    const fail = (/** @type {any} */ error) => {
      const words = wordsOf(error)
      if (question === 'heartbeat.message' || question === 'setHeartbeat.message') tellOfHeartbeat(words, error)
      else this.#keep(words, error)
      reply(false, words)
    }
    try {
      const run = this.#functions.get(question) ?? this.#functions.get(`${question}.run`)
      const given = run && logIn ? logIn(run) : run?.(...(close ? [closeEvent(close)] : []))
      const answer = (/** @type {any} */ value) => reply(true, options.answer(question, value))
      if (typeof given?.then === 'function') given.then(answer).then(undefined, fail)
      else answer(given)
    } catch (error) {
      fail(error)
    }
  }

  /** Replaces the function of that path, or removes it. @param {string} path @param {Function | undefined} run */
  replace(path, run) {
    if (run) this.#functions.set(path, run)
    else this.#functions.delete(path)
  }

  /** @param {string} words @param {unknown} error */
  #keep(words, error) {
    if (this.#thrown.size >= MOST) this.#thrown.clear()
    this.#thrown.set(words, error)
  }

  /** Sets the thrown value as the cause of the error that the core made of the failure. @param {any} error */
  explain(error) {
    if (this.#thrown.size === 0) return
    for (let each = error; each instanceof Error; each = each.cause) {
      if (each.cause !== undefined) continue
      for (const [words, value] of this.#thrown) {
        if (!each.message.endsWith(words)) continue
        Object.defineProperty(each, 'cause', { value, configurable: true, writable: true, enumerable: false })
        this.#thrown.delete(words)
        return
      }
    }
  }
}

/** @param {any} error */
function wordsOf(error) {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error)
}

/** Warns, because the connection goes on and no event reports it. @param {string} words @param {any} error */
function tellOfHeartbeat(words, error) {
  const advice = 'the last value is sent again, if there is one and the heartbeat is not mandatory'
  warnOnce('HEARTWIRE_HEARTBEAT_FAILED', `The function given for heartbeat.message failed: ${words}; ${advice}.`, words, error?.stack)
}

module.exports = { Providers }
