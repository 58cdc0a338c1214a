// Owns: a WebSocket server on node:net, which sees every byte of a client and sends the bytes of the test. Knows no client.
import { createHash } from 'node:crypto'
import { EventEmitter, once } from 'node:events'
import { createServer } from 'node:net'
import { within } from './helpers.mjs'

const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'

/** A frame of a server. */
export function frame(opcode, payload = '', { fin = true } = {}) {
  const body = Buffer.from(payload)
  const head = body.length < 126 ? [body.length] : [126, body.length >> 8, body.length & 0xff]
  return Buffer.concat([Buffer.from([(fin ? 0x80 : 0) | opcode, ...head]), body])
}

export const text = (payload) => frame(1, payload)
export const close = (code, reason = '') => frame(8, Buffer.concat([Buffer.from([code >> 8, code & 0xff]), Buffer.from(reason)]))

/** One client: `head` is its request, `frames` its frames, `end` its end: `fin` or `reset`. Emits `change`. */
class Peer extends EventEmitter {
  head = ''
  frames = []
  end = null
  #rest = Buffer.alloc(0)

  constructor(socket, accept) {
    super()
    this.socket = socket
    socket.setNoDelay(true)
    socket.on('data', (bytes) => {
      this.#rest = Buffer.concat([this.#rest, bytes])
      if (this.head === '') this.#request(accept)
      this.#parse()
      this.emit('change')
    })
    socket.on('end', () => this.#ended('fin'))
    socket.on('error', () => this.#ended('reset'))
  }

  #ended(how) {
    this.end ??= how
    this.socket.end()
    this.emit('change')
  }

  #request(accept) {
    const at = this.#rest.indexOf('\r\n\r\n')
    if (at < 0) return
    this.head = this.#rest.toString('latin1', 0, at)
    this.#rest = this.#rest.subarray(at + 4)
    const key = /^sec-websocket-key: (.*)$/im.exec(this.head)?.[1]
    const answer = createHash('sha1').update(`${key}${GUID}`).digest('base64')
    accept(
      this,
      Buffer.from(`HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${answer}\r\n\r\n`),
    )
  }

  #parse() {
    while (this.head !== '' && this.#rest.length >= 2) {
      const [first, second] = this.#rest
      const extended = (second & 0x7f) === 126
      if ((second & 0x7f) === 127) throw new Error('no test here sends so much')
      const start = (extended ? 4 : 2) + (second & 0x80 ? 4 : 0)
      if (this.#rest.length < start) return
      const length = extended ? this.#rest.readUInt16BE(2) : second & 0x7f
      if (this.#rest.length < start + length) return
      const mask = this.#rest.subarray(start - 4, start)
      const payload = this.#rest.subarray(start, start + length).map((byte, index) => byte ^ mask[index % 4])
      this.frames.push({ masked: (second & 0x80) !== 0, first, opcode: first & 0x0f, payload: Buffer.from(payload) })
      this.#rest = this.#rest.subarray(start + length)
    }
  }

  /** Waits until `look(this)` is true. */
  async until(look, what) {
    while (!look(this)) await within(once(this, 'change'), what ?? `${look}`)
    return this
  }

  /** The received frames as short words: `text a`, `close 1001 reason`, `ping x`. */
  words() {
    const names = { 1: 'text', 2: 'binary', 8: 'close', 9: 'ping', 10: 'pong' }
    return this.frames.map(({ opcode, payload }) => {
      if (opcode !== 8) return `${names[opcode]} ${payload}`
      return payload.length < 2 ? 'close' : `close ${payload.readUInt16BE(0)} ${payload.subarray(2)}`.trim()
    })
  }
}

/**
 * Starts it. `accept(peer, response)` is called with each request; it writes the response and any other bytes.
 * @returns {Promise<{ url: string, peers: Peer[], peer(index?: number): Promise<Peer>, stop(): void }>}
 */
export async function wire(accept = (peer, response) => peer.socket.write(response)) {
  const peers = []
  const came = new EventEmitter()
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    peers.push(new Peer(socket, accept))
    came.emit('peer')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `ws://127.0.0.1:${server.address().port}/`,
    peers,
    async peer(index = 0) {
      while (peers.length <= index) await within(once(came, 'peer'), `connection ${index}`)
      return peers[index]
    },
    stop() {
      for (const { socket } of peers) socket.destroy()
      server.close()
    },
  }
}
