// @ts-check
// Owns: the turn of events. Batches come in from the addon; each event is its own task: microtasks and ticks run before the next.
//
// The next event waits for a tick that a microtask asked for: it comes after the ticks of the handlers, and after all microtasks, nested ones too.
// An exception of a user's tick then goes its usual way, and the tick that is ours still comes.
'use strict'

const addon = require('./addon.js')

/** What `pull` found, as in delivery.rs. */
const Found = Object.freeze({ NOTHING: 0, MESSAGES: 1, EVENT: 2, SETTLED: 3, END: 4, STALLED: 5 })

/** How long sockets may be served before the event loop gets its turn, in milliseconds. */
const BUDGET = 10

/** @typedef {InstanceType<typeof import('./socket.js').Socket>} Socket */

/** @type {Map<number, Socket>} */
const sockets = new Map()
/** Sockets that have something, in order. @type {Set<Socket>} */
const ready = new Set()
/** @type {any[]} */
let incoming = []

function runtime() {
  if (process.versions.bun) return 'bun'
  return process.versions.deno ? 'deno' : 'node'
}

/** Counts the tasks of the host's script, as far as sockets can tell them apart. */
const turn = {
  number: 0,
  ending: false,
  /** Has the turn end with the script that runs now. */
  note() {
    if (working || turn.ending) return
    turn.ending = true
    setImmediate(() => {
      turn.ending = false
      turn.number++
    })
  },
}

/** Whose handlers ran last, and for what: they are named if they were too slow. @type {Socket | null} */
let lastSocket = null
let lastType = ''

let working = false
let chained = false
let resuming = false
/** When the event loop is to get its turn. */
let until = 0

addon.connect(
  (/** @type {number[]} */ ...handles) => {
    for (const handle of handles) {
      const socket = sockets.get(handle)
      if (socket) ready.add(socket)
    }
    // Else the event loop has waited long enough.
    if (chained || resuming) return
    until = performance.now() + BUDGET
    work()
  },
  (/** @type {any[]} */ ...values) => {
    incoming = values
  },
  // Bun and Deno export libuv's functions, too, but they do not work there; Electron's loop does not run them reliably.
  runtime() === 'node' && process.versions.uv?.startsWith('1.') && !process.versions.electron,
)

/** Serves the sockets in turn, event by event. */
function work() {
  working = true
  try {
    // A socket that has more goes to the end of the set, where this loop comes to it again.
    for (const socket of ready) {
      ready.delete(socket)
      if (serve(socket)) return chain()
      if (performance.now() > until) return timeIsUp()
    }
  } finally {
    working = false
    if (!chained) turn.number++
  }
}

/**
 * Delivers a socket's next event. True: handlers ran, and their task is to be ended.
 * @param {Socket} socket
 */
function serve(socket) {
  if (socket.isHeld()) return false
  let ran = false
  for (;;) {
    if (socket.nextMessage()) {
      lastSocket = socket
      lastType = 'message'
      ran = true
      if (socket.synchronous) continue
      ready.add(socket)
      return true
    }
    if (ran && performance.now() > until) {
      ready.add(socket)
      return true
    }
    switch (addon.pull(socket.handle)) {
      case Found.MESSAGES:
        socket.takeMessages(incoming)
        break
      case Found.EVENT:
        ready.add(socket)
        lastSocket = socket
        lastType = incoming[0]
        socket.deliver(incoming[0], incoming[1])
        return true
      case Found.SETTLED:
        socket.refresh()
        break
      case Found.STALLED:
        warnOfStall(incoming[0], null, '')
        break
      case Found.END:
        ready.add(socket)
        return socket.synchronous
      default:
        socket.drained()
        return false
    }
  }
}

/** Goes on when all microtasks and ticks have run. */
function chain() {
  chained = true
  Promise.resolve().then(afterMicrotasks)
}

function afterMicrotasks() {
  process.nextTick(afterTicks)
}

function afterTicks() {
  chained = false
  turn.number++
  if (performance.now() > until) timeIsUp()
  else work()
}

/** Gives the event loop its turn, and names who has kept it for so long that the keeper had to stand in. */
function timeIsUp() {
  const stalled = addon.stalled()
  if (stalled > 0) warnOfStall(stalled, lastSocket, lastType)
  lastSocket = null
  resume()
}

/**
 * @param {number} milliseconds
 * @param {Socket | null} socket
 * @param {string} type
 */
function warnOfStall(milliseconds, socket, type) {
  const names = socket ? socket.listeners.of(type).map(({ callback }) => callback.name || 'anonymous') : []
  const culprit = names.length > 0 ? `The ${type} handler (${names.join(', ')})` : 'Something else on this thread'
  process.emitWarning(
    `${culprit} kept events waiting for ${(milliseconds / 1000).toFixed(1)} s; pings were answered and heartbeats sent meanwhile. Work that takes long belongs in a worker.`,
    { type: 'HeartwireWarning', code: 'HEARTWIRE_SLOW_HANDLER' },
  )
}

/** Goes on after the event loop had its turn. */
function resume() {
  if (resuming) return
  resuming = true
  setImmediate(() => {
    resuming = false
    until = performance.now() + BUDGET
    if (!chained) work()
  })
}

/** A socket that was held goes on. @param {Socket} socket */
function serveAgain(socket) {
  ready.add(socket)
  resume()
}

module.exports = { addon, runtime, serveAgain, sockets, turn }
