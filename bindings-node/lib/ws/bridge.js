// @ts-check
// Owns: the way of the bytes between a stream that the user's agent or `createConnection` made and the core, which takes no streams of Node's: a unix
// socket in a folder of our own. Knows no WebSocket.
'use strict'

const { mkdtempSync, rmSync } = require('node:fs')
const net = require('node:net')
const { tmpdir } = require('node:os')
const { join } = require('node:path')

/**
 * @param {import('node:stream').Duplex} stream
 * @param {(path: string) => void} ready called when the core may connect to this path, once
 * @returns {() => void} ends it, if no connection has been made
 */
function bridge(stream, ready) {
  // Only this user may enter the folder.
  const folder = mkdtempSync(join(tmpdir(), 'heartwire-'))
  const server = net.createServer((local) => {
    end()
    local.on('error', () => {})
    local.pipe(stream).pipe(local)
    local.on('close', () => stream.destroy())
    stream.on('close', () => local.destroySoon())
  })
  const end = () => {
    if (server.listening) server.close()
    rmSync(folder, { recursive: true, force: true })
  }
  const path = join(folder, 'stream')
  server.listen(path, () => ready(path))
  stream.on('close', end)
  return end
}

module.exports = { bridge }
