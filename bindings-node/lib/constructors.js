// @ts-check
// Owns: the event classes that users construct, with the members that Web IDL requires, and the conversion of their dictionaries. The light classes
// behind them (events.js) descend from an internal class, which must stay hidden.
'use strict'

const { scalarText } = require('./convert.js')
const light = require('./events.js')

/**
 * @param {any} Light
 * @param {any} prototype its visible prototype
 * @param {(init: any) => object} convert the members of its dictionary, as Web IDL has them
 */
function face(Light, prototype, convert) {
  const { name } = Light
  const Face = {
    [name]: function (/** @type {string} */ type) {
      if (new.target === undefined) throw new TypeError(`Class constructor ${name} cannot be invoked without 'new'`)
      if (arguments.length === 0) throw new TypeError(`Failed to construct '${name}': 1 argument required, but only 0 present`)
      return Reflect.construct(Light, [scalarText(type), dictionary(name, arguments[1], convert)], new.target)
    },
  }[name]
  Object.setPrototypeOf(Face, Event)
  Object.defineProperty(Face, 'prototype', { value: prototype, writable: false })
  for (const each of [prototype, Light.prototype]) {
    Object.defineProperty(each, 'constructor', { value: Face, configurable: true, writable: true, enumerable: false })
  }
  return Face
}

/**
 * Each member is read by its name: in `new CloseEvent(event.type, event)` they are not the event's own properties.
 * @param {string} name
 * @param {any} init
 * @param {(init: any) => object} convert
 */
function dictionary(name, init, convert) {
  if (init === undefined || init === null) return undefined
  if (typeof init !== 'object' && typeof init !== 'function') throw new TypeError(`Failed to construct '${name}': the second argument is no object`)
  const { bubbles, cancelable, composed } = init
  return { bubbles: Boolean(bubbles), cancelable: Boolean(cancelable), composed: Boolean(composed), ...convert(init) }
}

/** `[EnforceRange]` is not asked for: the number modulo 2^16. @param {any} code */
function short(code) {
  return code & 0xffff
}

/** `sequence<MessagePort>`, frozen. @param {any} ports */
function portList(ports) {
  if (typeof ports?.[Symbol.iterator] !== 'function') throw new TypeError('the member ports of a MessageEventInit is a sequence of MessagePorts')
  const list = [...ports]
  for (const port of list) portOf('ports', port)
  return Object.freeze(list)
}

/** @param {string} member @param {any} value */
function portOf(member, value) {
  if (value instanceof MessagePort) return value
  throw new TypeError(`the member ${member} of a MessageEventInit takes MessagePorts; got ${typeof value}`)
}

module.exports = {
  CloseEvent: face(light.CloseEvent, light.closePrototype, (init) => {
    const { code = 0, reason = '', wasClean = false, error = null, willReconnect = false, retryIn = null, unsent = 0 } = init
    return { code: short(code), reason: scalarText(reason), wasClean: Boolean(wasClean), error, willReconnect, retryIn, unsent }
  }),
  MessageEvent: face(light.MessageEvent, light.messagePrototype, (init) => {
    const { data = null, lastEventId = '', origin = '', ports = [], source = null } = init
    return {
      data,
      lastEventId: scalarText(lastEventId),
      origin: scalarText(origin),
      ports: portList(ports),
      source: source === null ? null : portOf('source', source),
    }
  }),
}
