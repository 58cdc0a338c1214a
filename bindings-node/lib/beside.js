// @ts-check
// Owns: the prototypes of MessageEvent and CloseEvent beside the platform's classes of these names. Knows no event's members.
//
// As in the standard, they are directly below Event's prototype. Programs also test `event instanceof MessageEvent` with the platform's
// class, which has to be true. Both hold: only `getPrototypeOf` of the prototype itself returns the platform's, and only while the platform's class
// is the global one. The global is not read before: in Node 24 even reading its descriptor loads fetch and its dependencies, some 60 ms.
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
      // The prototype is frozen, or the program has moved it: return the true one.
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
