// @ts-check
// Owns: ws' `createWebSocketStream`: a Duplex over a socket. Knows only the socket's public side.
'use strict'

const { Duplex } = require('node:stream')

/**
 * @param {InstanceType<typeof import('./websocket.js').WebSocket>} ws
 * @param {import('node:stream').DuplexOptions} [options]
 */
function createWebSocketStream(ws, options) {
  let isOver = ws.readyState === 3
  const duplex = new Duplex({
    ...options,
    autoDestroy: false,
    emitClose: false,
    objectMode: false,
    writableObjectMode: false,
    read() {
      if (ws.isPaused) ws.resume()
    },
    write(chunk, _encoding, callback) {
      whenOpen(callback, () => ws.send(chunk, {}, callback))
    },
    final(callback) {
      whenOpen(callback, () => {
        if (isOver) return callback()
        ws.once('close', () => callback())
        ws.close()
      })
    },
    destroy(error, callback) {
      callback(error)
      if (isOver) {
        process.nextTick(() => duplex.emit('close'))
        return
      }
      ws.once('close', () => process.nextTick(() => duplex.emit('close')))
      if (!ws.listenerCount('error')) ws.on('error', () => {})
      ws.terminate()
    },
  })

  /** @param {(error?: Error | null) => void} callback @param {() => void} act */
  function whenOpen(callback, act) {
    if (ws.readyState !== 0) act()
    else ws.once('open', () => (duplex.destroyed ? callback() : act()))
  }

  ws.on('message', (/** @type {Buffer} */ data, /** @type {boolean} */ isBinary) => {
    const content = !isBinary && duplex.readableObjectMode ? data.toString() : data
    if (!duplex.push(content)) ws.pause()
  })
  ws.once('error', (/** @type {Error} */ error) => {
    if (!duplex.destroyed) duplex.destroy(error)
  })
  ws.once('close', () => {
    isOver = true
    if (!duplex.destroyed) duplex.push(null)
    duplex.once('end', () => duplex.destroy())
  })
  return duplex
}

module.exports = { createWebSocketStream }
