// @ts-check
// Owns: the promises `opened` and `closed`, made when they are first asked for. An unused one never becomes an unhandled rejection.
'use strict'

const { WebSocketError } = require('./errors.js')

/** @typedef {InstanceType<typeof import('./socket.js').Socket>} Socket */

/** @type {WeakMap<Socket, Promise<any>>} */
const openedBy = new WeakMap()
/** @type {WeakMap<Socket, Promise<any>>} */
const closedBy = new WeakMap()

/**
 * Calls `look` now and after each open and close event, until it returns true.
 * @param {Socket} socket
 * @param {() => boolean} look
 */
function watch(socket, look) {
  if (look()) return
  const watcher = () => {
    if (look()) socket.watchers.delete(watcher)
  }
  socket.watchers.add(watcher)
}

/** @param {Socket} socket @param {WeakMap<Socket, Promise<any>>} made @param {() => Promise<any>} make */
function once(socket, made, make) {
  let promise = made.get(socket)
  if (promise === undefined) {
    promise = make()
    promise.catch(() => {})
    made.set(socket, promise)
  }
  return promise
}

/** @param {Socket} socket */
function opened(socket) {
  return once(
    socket,
    openedBy,
    () =>
      new Promise((resolve, reject) => {
        socket.awaiting++
        watch(socket, () => {
          const isSettled = socket.openInfo !== null || socket.isOver
          if (isSettled) socket.awaiting--
          if (socket.openInfo) resolve(plain(socket.openInfo))
          else if (socket.isOver) reject(socket.abortReason ?? failure(socket.lastClose))
          return isSettled
        })
      }),
  )
}

/** @param {Socket} socket */
function closed(socket) {
  return once(
    socket,
    closedBy,
    () =>
      new Promise((resolve) =>
        watch(socket, () => {
          if (socket.isOver) resolve(socket.lastClose)
          return socket.isOver
        }),
      ),
  )
}

/** Printing it does not show possible secrets: the URL, and the server's headers. @param {NonNullable<Socket['openInfo']>} info */
function plain({ url, protocol, extensions, headers }) {
  const info = { url, protocol, extensions, headers }
  for (const name of ['url', 'headers']) Object.defineProperty(info, name, { enumerable: false })
  return info
}

/** @param {any} close */
function failure(close) {
  return close.error ?? new WebSocketError({ code: 'cancelled', phase: 'closed', message: 'the socket was closed before it was open' })
}

module.exports = { closed, opened }
