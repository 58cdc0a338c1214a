// Owns: the fake server of a case, on the server of `ws`: it plays the case's protocol, refuses upgrades on request, and records events.
import { once } from 'node:events'
import http from 'node:http'
import https from 'node:https'
import { WebSocketServer } from 'ws'
import { certificate } from './certificate.mjs'

const BOUND = 120_000

export class Server {
  seen = []
  peers = []
  refusals = 0
  #waiting = new Set()
  #beats

  constructor(theCase) {
    this.case = theCase
    this.http = theCase.tls ? https.createServer(certificate()) : http.createServer()
    this.http.on('request', (request, response) => this.#answer(request, response))
    const wss = new WebSocketServer({ noServer: true, handleProtocols: (offered) => [...offered][0] })
    this.http.on('upgrade', (request, socket, head) => {
      if (this.refusals > 0) {
        this.refusals--
        this.#note({ event: 'refused' })
        socket.end('HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n')
        return
      }
      wss.handleUpgrade(request, socket, head, (peer) => this.#serve(peer, request))
    })
  }

  async listen() {
    await once(this.http.listen(0, '127.0.0.1'), 'listening')
    const { port } = this.http.address()
    const s = this.case.tls ? 's' : ''
    this.url = `ws${s}://127.0.0.1:${port}`
    this.base = `http${s}://127.0.0.1:${port}`
  }

  async #answer(request, response) {
    let body = ''
    for await (const chunk of request) body += chunk
    const answer = this.case.http?.(request, body, this.url)
    response.writeHead(answer === undefined ? 404 : 200, { 'Content-Type': 'application/json' }).end(JSON.stringify(answer ?? {}))
  }

  #serve(peer, request) {
    this.peers.push(peer)
    peer.on('error', () => {})
    peer.isAlive = Date.now()
    peer.on('pong', () => {
      peer.isAlive = Date.now()
    })
    peer.on('close', (code) => this.#note({ event: 'close', code }))
    this.case.serve(peer, { request, server: this, ready: () => this.#note({ event: 'ready' }), acked: () => this.#note({ event: 'acked' }) })
    this.#note({ event: 'connected' })
  }

  get peer() {
    return this.peers.at(-1)
  }

  /** From now on a peer that answers no ping for 3 s is dropped. */
  watch() {
    this.#beats = setInterval(() => {
      for (const peer of this.peers) {
        if (peer.readyState !== 1) continue
        if (Date.now() - peer.isAlive > 3000) peer.terminate()
        else peer.ping()
      }
    }, 500)
    for (const peer of this.peers) peer.isAlive = Date.now()
  }

  #note(what) {
    this.seen.push(what)
    for (const look of this.#waiting) look()
  }

  /** The event of that name which follows the first `after` of all events. */
  async next(event, after) {
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => end(reject, new Error(`the server saw no ${event}; it saw ${JSON.stringify(this.seen.slice(after))}`)), BOUND)
      const end = (settle, value) => {
        clearTimeout(late)
        this.#waiting.delete(look)
        settle(value)
      }
      const look = () => {
        const found = this.seen.slice(after).find((each) => each.event === event)
        if (found) end(resolve, found)
      }
      this.#waiting.add(look)
      look()
    })
  }

  close() {
    clearInterval(this.#beats)
    for (const peer of this.peers) peer.terminate()
    this.http.close()
    this.http.closeAllConnections()
  }
}
