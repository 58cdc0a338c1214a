// Bots of the soak in Node: `client.mjs NAME URL SECONDS BOTS`. Their log is standard output, in the form of accounts.py.
// It owns the behaviour of a bot. It must not know the server's faults, nor judge.
import { readdirSync, writeSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { WebSocket } from 'heartwire'

const [NAME, URL, SECONDS, BOTS] = process.argv.slice(2)
const SETTLE = 60_000 // within which a bot must be through when the faults are over
const MEASURE = 10_000
const TICK = 50
let lines = []
const pick = (choices) => choices[Math.floor(Math.random() * choices.length)]

/** A socket, its sent and its received messages. */
class Bot {
  #sent = 0
  #final = null
  over = false

  constructor(number) {
    this.name = `${NAME}-${number}`
    this.ws = new WebSocket(`${URL}/${this.name}`, {
      reconnect: { minDelay: 10, maxDelay: 300, minUptime: 500, maxAuthFailures: 1_000_000 },
      sendQueue: { maxMessages: 16, ttl: 1000, overflow: 'drop_oldest' },
      pingInterval: 1000,
      pingTimeout: 1000,
      openTimeout: 2000,
      closeTimeout: 500,
      connectLimit: 1000,
      keeper: 100,
    })
    for (const type of ['open', 'message', 'error', 'close', 'reconnecting', 'dropped']) this.ws.on(type, (event) => this.#handle(event))
  }

  log(kind, ...words) {
    lines.push([kind, this.name, ...words].join(' '))
  }

  #handle(event) {
    const { type } = event
    if (type === 'dropped') {
      for (const message of event.messages) if (message.startsWith('u ')) this.log('D', message.split(' ')[1])
      return
    }
    if (type === 'open') {
      this.log('O')
      if (this.#final !== null) this.finish()
    } else if (type === 'message') this.#hear(event.data)
    else if (type === 'error') this.log('E')
    else if (type === 'reconnecting') this.log('N')
    else if (type === 'close') {
      this.log('C', event.code, Number(event.wasClean), Number(event.willReconnect), event.reason || '-')
      if (!event.willReconnect) this.over = true
    }
    if (Math.random() < 0.0005) {
      const until = performance.now() + 300
      while (performance.now() < until);
    }
  }

  #hear(text) {
    const [kind, number] = text.split(' ')
    if (kind === 'a') {
      this.log('A', number)
      if (this.#final === Number(number)) this.ws.close(1000)
    } else {
      this.log('R', number)
      this.ws.send(`k ${number}`)
    }
  }

  send(size) {
    const state = this.ws.readyState
    if (state > 1) return
    this.ws.send(`u ${++this.#sent} ${'y'.repeat(size)}`)
    this.log('S', this.#sent, 'qo'[state])
  }

  /** Sends a last message, and closes after its acknowledgement. */
  finish() {
    this.#final = this.#sent + 1
    this.send(0)
  }

  tick() {
    const count = Math.random() < 0.01 ? 30 : Math.floor(Math.random() * 2)
    for (let index = 0; index < count; index++) this.send(pick([0, 10, 300, 20_000]))
  }
}

function measure() {
  globalThis.gc?.()
  const { heapUsed, rss } = process.memoryUsage()
  lines.push(`M ${rss >> 10} ${readdirSync('/proc/self/fd').length} ${readdirSync('/proc/self/task').length} ${heapUsed >> 10}`)
}

function flush() {
  const bytes = Buffer.from(lines.map((line) => `${line}\n`).join(''))
  for (let written = 0; written < bytes.length; ) written += writeSync(1, bytes, written)
  lines = []
}

process.on('uncaughtException', (error) => {
  lines.push(`X ${NAME} ${JSON.stringify(`${error?.stack ?? error}`)}`)
  flush()
  process.exit(1)
})

const bots = Array.from({ length: Number(BOTS) }, (_, number) => new Bot(number))
const end = performance.now() + Number(SECONDS) * 1000
let next = performance.now() + MEASURE
while (performance.now() < end) {
  lines.push('T')
  for (const bot of bots) bot.tick()
  if (performance.now() > next) {
    next += MEASURE
    measure()
  }
  flush()
  await sleep(TICK)
}
for (const bot of bots) bot.finish()
const late = performance.now() + SETTLE
while (performance.now() < late && !bots.every(({ over }) => over)) {
  await sleep(TICK)
  lines.push('T')
}
await sleep(4 * TICK) // in which no event may follow the last close
for (const bot of bots) if (!bot.over) bot.log('X', 'is not through, readyState', bot.ws.readyState)
lines.push('Z')
flush()
process.exit(0)
