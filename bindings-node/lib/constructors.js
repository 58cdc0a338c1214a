// @ts-check
// Owns: the event classes as users construct them, with the outside that Web IDL asks for. The light ones behind them (events.js) descend from a class
// of ours, which nobody is to see.
'use strict'

const { scalarText } = require('./convert.js')
const light = require('./events.js')

/**
 * @param {any} Light
 * @param {any} Base what it inherits from, as the platform has it
 * @param {(init: any) => object} convert the members of its dictionary, as Web IDL has them
 */
function face(Light, Base, convert) {
  const { name, prototype } = Light
  const Face = {
    [name]: function (/** @type {string} */ type) {
      if (new.target === undefined) throw new TypeError(`Class constructor ${name} cannot be invoked without 'new'`)
      if (arguments.length === 0) throw new TypeError(`Failed to construct '${name}': 1 argument required, but only 0 present`)
      return Reflect.construct(Light, [scalarText(type), dictionary(name, arguments[1], convert)], new.target)
    },
  }[name]
  Object.setPrototypeOf(Face, Base)
  Object.defineProperty(Face, 'prototype', { value: prototype, writable: false })
  Object.defineProperty(prototype, 'constructor', { value: Face, configurable: true, writable: true, enumerable: false })
  return Face
}

/** @param {string} name @param {any} init @param {(init: any) => object} convert */
function dictionary(name, init, convert) {
  if (init === undefined || init === null) return undefined
  if (typeof init !== 'object' && typeof init !== 'function') throw new TypeError(`Failed to construct '${name}': the second argument is no object`)
  return { ...init, ...convert(init) }
}

const { MessageEvent: Platform } = globalThis

module.exports = {
  CloseEvent: face(light.CloseEvent, Event, ({ wasClean = false, code = 0, reason = '' }) => ({
    wasClean: Boolean(wasClean),
    code: code & 0xffff,
    reason: scalarText(reason),
  })),
  MessageEvent: face(light.MessageEvent, Platform?.prototype instanceof Event ? Platform : Event, ({ origin = '', lastEventId = '' }) => ({
    origin: scalarText(origin),
    lastEventId: scalarText(lastEventId),
  })),
}
