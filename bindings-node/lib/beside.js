// @ts-check
// Owns: the prototypes of MessageEvent and CloseEvent beside the platform's classes of these names. Knows no event's members.
//
// The standard puts them directly below Event's prototype, and so do we. Programs also ask `event instanceof MessageEvent` with the platform's class,
// which has to be true. Both hold: only who asks for the prototype's own prototype is told of the platform's class, and only while that class is
// the global one. The global is not touched before: in Node 24 even looking at its descriptor loads fetch and all its kin, some 60 ms.
'use strict'

const { getPrototypeOf, isExtensible } = Reflect
const isAbove = Object.prototype.isPrototypeOf

/**
 * A prototype with the members of `members`.
 * @param {object} members an object directly below Event's prototype
 * @param {string} name of the platform's class
 */
function beside(members, name) {
  let asking = false
  /** @type {any} */
  const prototype = new Proxy(members, {
    getPrototypeOf(target) {
      const base = getPrototypeOf(target)
      // Frozen, or put elsewhere by the program: what it is, then.
      if (asking || base !== Event.prototype || !isExtensible(target)) return base
      asking = true
      try {
        const theirs = Reflect.get(globalThis, name)?.prototype
        const isBelowUs = theirs === prototype || isAbove.call(prototype, theirs)
        return !isBelowUs && isAbove.call(Event.prototype, theirs) ? theirs : base
      } finally {
        asking = false
      }
    },
  })
  return prototype
}

module.exports = { beside }
