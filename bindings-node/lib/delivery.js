// @ts-check
// Owns: the delivery of events from the addon to their sockets. Each event is its own task: microtasks and ticks run before the next.
//
// If the host's loop drives the sockets, the addon calls for each task while no JavaScript runs, and the host ends the task when the call returns.
// One call may deliver many messages, if the end of a task can be run from within, as Node's timers do it. Elsewhere this file asks the addon for one
// event after the other. The next one waits for a tick that a microtask asked for: that tick comes after the ticks of the handlers and after all
// microtasks, nested ones too. If a tick of the user throws, ours runs nevertheless.
'use strict'

const addon = require('./addon.js')

/** The host's own, because a test runner may give its tests another one. @type {NodeJS.Process} */
const process = addon.process

/** The outcomes of `pull`, as in delivery.rs. */
const Pulled = Object.freeze({ NOTHING: 0, TASK: 1, PART: 2 })

/** How long sockets may be served before the event loop gets its turn, in milliseconds. */
const BUDGET = 10

/**
 * The part of a socket that delivery uses.
 * @typedef {object} Socket
 * @property {InstanceType<typeof import('./listeners.js').Listeners>} listeners
 * @property {(contents: any[]) => void} takeMessages
 * @property {() => void} refresh
 * @property {(name: string, fields: any) => void} deliver
 */

/** The sockets by their handles. @type {(Socket | undefined)[]} */
const sockets = []

function runtime() {
  if (process.versions.bun) return 'bun'
  return process.versions.deno ? 'deno' : 'node'
}

const isNode = runtime() === 'node'

/** Runs the waiting microtasks and ticks; undefined if the host has no such function. @type {(() => void) | undefined} */
const endTask = isNode ? Reflect.get(process, '_tickCallback') : undefined

const takers = [
  drain,
  (/** @type {number} */ handle, /** @type {any[]} */ ...data) => sockets[handle]?.takeMessages(data),
  (/** @type {number} */ handle, /** @type {string | null} */ name, /** @type {any} */ fields) => {
    if (name === null) sockets[handle]?.refresh()
    else sockets[handle]?.deliver(name, fields)
  },
  warnOfStall,
]

// This reference keeps them as long as the addon's functions. The addon itself keeps them only while there are sockets.
addon.takers = takers

const endsAreTold = addon.connect(
  ...takers,
  // Bun and Deno export libuv's functions, too, but they do not work there; Electron's loop does not run them reliably.
  isNode && process.versions.uv?.startsWith('1.') && !process.versions.electron,
  typeof endTask === 'function',
)

/**
 * Names the handlers that blocked the event loop until the keeper stood in.
 * @param {number} milliseconds
 * @param {number} [handle] the socket whose handlers ran
 * @param {string} [type] the event type
 */
function warnOfStall(milliseconds, handle, type = '') {
  const socket = handle === undefined ? undefined : sockets[handle]
  const names = socket ? socket.listeners.of(type).map(({ callback }) => callback.name || 'anonymous') : []
  const culprit = names.length > 0 ? `The ${type} handler (${names.join(', ')})` : 'Something else on this thread'
  process.emitWarning(
    `${culprit} kept events waiting for ${(milliseconds / 1000).toFixed(1)} s; pings were answered and heartbeats sent meanwhile. Work that takes long belongs in a worker.`,
    { type: 'HeartwireWarning', code: 'HEARTWIRE_SLOW_HANDLER' },
  )
}

// The loop that asks the addon --------------------------------------------------------------------------------------------

/** Sockets with events, in order. @type {Set<number>} */
const ready = new Set()
let chained = false
let resuming = false
/** The time at which the event loop gets its turn. */
let until = 0

/** @param {number[]} handles */
function drain(...handles) {
  for (const handle of handles) ready.add(handle)
  // Otherwise the event loop has waited long enough.
  if (chained || resuming) return
  until = performance.now() + BUDGET
  work()
}

/** Serves the sockets in turn, event by event. */
function work() {
  // A socket with more events goes to the end of the set, which this loop reaches later.
  for (const handle of ready) {
    ready.delete(handle)
    const pulled = addon.pull(handle)
    if (pulled !== Pulled.NOTHING) ready.add(handle)
    if (pulled === Pulled.TASK) return chain()
    if (performance.now() > until) return resume()
  }
}

/** Continues when all microtasks and ticks have run. */
function chain() {
  chained = true
  Promise.resolve().then(afterMicrotasks)
}

function afterMicrotasks() {
  process.nextTick(afterTicks)
}

function afterTicks() {
  chained = false
  if (performance.now() > until) resume()
  else work()
}

/** Continues after the event loop had its turn. */
function resume() {
  if (resuming) return
  resuming = true
  setImmediate(() => {
    resuming = false
    until = performance.now() + BUDGET
    if (!chained) work()
  })
}

let turning = false

/** Tells the addon the end of the present pass of the loop; undefined if the loop does it. @type {(() => void) | undefined} */
const beginTurn = endsAreTold
  ? undefined
  : () => {
      if (turning) return
      turning = true
      setImmediate(() => {
        turning = false
        addon.endTurn()
      })
    }

module.exports = { addon, beginTurn, endTask, runtime, sockets }
