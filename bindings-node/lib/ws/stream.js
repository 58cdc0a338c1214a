// @ts-check
// Owns: ws' `createWebSocketStream`: a Duplex over a socket. Knows only the socket's public side.
'use strict'

const { Duplex } = require('node:stream')

const [CONNECTING, CLOSED] = [0, 3]

/**
 * @param {InstanceType<typeof import('./websocket.js').WebSocket>} ws
 * @param {import('node:stream').DuplexOptions} [options]
 */
function createWebSocketStream(ws, options) {
  let endsSocket = true
  const emitClose = () => process.nextTick(() => duplex.emit('close'))
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
        if (ws.readyState === CLOSED) return callback()
        ws.once('close', () => callback())
        ws.close()
      })
    },
    destroy(error, callback) {
      if (ws.readyState === CLOSED) {
        callback(error)
        emitClose()
        return
      }
      let isTold = false
      ws.once('error', (/** @type {Error} */ failure) => {
        isTold = true
        callback(failure)
      })
      ws.once('close', () => {
        if (!isTold) callback(error)
        emitClose()
      })
      if (endsSocket) ws.terminate()
    },
  })

  /** @param {(error?: Error | null) => void} callback @param {() => void} act */
  function whenOpen(callback, act) {
    if (ws.readyState !== CONNECTING) act()
    else ws.once('open', () => (duplex.destroyed ? callback() : act()))
  }

  /** An error, as that of a late write, destroys the stream before others hear of it. @param {Error} error */
  function onError(error) {
    duplex.removeListener('error', onError)
    duplex.destroy()
    if (duplex.listenerCount('error') === 0) duplex.emit('error', error)
  }

  ws.on('message', (/** @type {Buffer} */ data, /** @type {boolean} */ isBinary) => {
    const content = !isBinary && duplex.readableObjectMode ? data.toString() : data
    if (!duplex.push(content)) ws.pause()
  })
  ws.once('error', (/** @type {Error} */ error) => {
    if (duplex.destroyed) return
    endsSocket = false
    duplex.destroy(error)
  })
  ws.once('close', () => {
    if (!duplex.destroyed) duplex.push(null)
  })
  const destroyIfOver = () => {
    if (!duplex.destroyed && duplex.writableFinished && duplex.readableEnded) duplex.destroy()
  }
  duplex.on('end', destroyIfOver)
  duplex.on('finish', destroyIfOver)
  duplex.on('error', onError)
  return duplex
}

module.exports = { createWebSocketStream }
