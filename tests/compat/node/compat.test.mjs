// Owns: the scenarios that each library plays, on its stock transport and on Heartwire beside each other, and the rows of the table that they give.
// A program lives through all scenarios of its kind, as a bot does: one life of drops and kicks, and one of trouble, with a blocked handler and SIGTERM.
// The rows go to the file that COMPAT_ROWS names, one JSON object a line, where tests/compat/table.py reads them. COMPAT_CASE names some libraries.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { appendFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import readline from 'node:readline'
import { after, describe, test } from 'node:test'
import { cases } from './cases/index.mjs'
import { Server } from './server.mjs'
import { trees, versionOf } from './trees.mjs'

const folders = trees()
const chosen = process.env.COMPAT_CASE?.split(',') ?? Object.keys(cases)
/** Libraries beside each other: most of their time is that of their own pauses. */
const LANES = 2 * availableParallelism()
/** What each scenario gave: `name scenario` → the two transports. */
const rows = new Map()

class Client {
  #waiting = new Map()

  constructor(name, server, transport) {
    const args = [join(folders[transport], 'client.mjs'), name, server.url, server.base, transport]
    this.child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'pipe'], env: { ...process.env, NODE_TLS_REJECT_UNAUTHORIZED: '0' } })
    this.words = ''
    this.child.stderr.setEncoding('utf8').on('data', (text) => {
      this.words += text
    })
    readline.createInterface({ input: this.child.stdout }).on('line', (line) => {
      this.words += `${line}\n`
      for (const [event, done] of this.#waiting) if (line.includes(`"event":"${event}"`)) done()
    })
    this.ended = new Promise((done) => this.child.on('close', done))
  }

  tell(line) {
    this.child.stdin.write(`${line}\n`)
  }

  /** The program says so; to be asked before it is told to do it. */
  said(event) {
    return new Promise((done) => this.#waiting.set(event, done))
  }

  async end() {
    this.child.kill('SIGKILL')
    await this.ended
  }
}

/** A message to the client, which answers it. */
async function exchange(server) {
  const after = server.seen.length
  cases[server.case.name].push(server.peer, server)
  await server.next('acked', after)
}

/** The connection ends, and another one is made, which works. */
async function comesBack(server, end) {
  const after = server.seen.length
  end(server.peer)
  await server.next('ready', after)
  await exchange(server)
}

/** What happens to one program, in order. Each begins with a connection that is ready. */
const LIFE = {
  'connect and exchange': exchange,
  'refused upgrade, then reconnect': async (server) => {
    server.refusals = 1
    const after = server.seen.length
    await comesBack(server, (peer) => peer.terminate())
    await server.next('refused', after)
  },
  'drop and reconnect': (server) => comesBack(server, (peer) => peer.terminate()),
  'kick and reconnect': (server) => comesBack(server, (peer) => peer.close(server.case.kick ?? 1012, 'restart')),
  'close as the server sees it': async (server, client) => {
    const after = server.seen.length
    client.tell('stop')
    return (await server.next('close', after)).code
  },
}
const BLOCKS = {
  'a handler blocks 6 s': async (server, client) => {
    await exchange(server)
    const after = server.seen.length
    server.watch()
    const unblocked = client.said('unblocked').then(() => 'kept')
    client.tell('block')
    const outcome = await Promise.race([server.next('close', after).then(() => 'lost'), unblocked])
    if (outcome === 'kept') await exchange(server)
    return outcome
  },
}
const SIGTERM = {
  SIGTERM: async (server, client) => {
    await exchange(server)
    const after = server.seen.length
    client.child.kill('SIGTERM')
    return (await server.next('close', after)).code
  },
}
const LIVES = [LIFE, BLOCKS, SIGTERM]
/** What Heartwire gives without a change of the library. */
const GAINS = { SIGTERM: 1001, 'a handler blocks 6 s': 'kept' }

/** Plays some scenarios with one program and a server of its own; gives what came of each. */
async function play(name, transport, scenarios) {
  const outcomes = {}
  const server = new Server(cases[name])
  await server.listen()
  const client = new Client(name, server, transport)
  // A library that ends by itself is reported at once. SIGTERM ends it, and what the server saw of that is still to be read.
  const died = client.ended.then((code) => Promise.reject(new Error(`the program ended with ${code}`)))
  died.catch(() => {})
  const alive = (promise, scenario) => (scenario === 'SIGTERM' ? promise : Promise.race([promise, died]))
  try {
    await alive(server.next('ready', 0))
    for (const [scenario, program] of Object.entries(scenarios)) {
      if (cases[name].without?.[scenario]) continue
      outcomes[scenario] = (await alive(program(server, client), scenario)) ?? 'passed'
    }
  } catch (error) {
    outcomes.failed = `${error.message}\nThe program said:\n${client.words.slice(-3000)}`
  } finally {
    await client.end()
    server.close()
  }
  return outcomes
}

/** Whether a scenario came out as it must. */
const isRight = ({ scenario, stock, ours }) => scenario in stock && scenario in ours && ours[scenario] === (GAINS[scenario] ?? stock[scenario])

/** What each scenario of a library gave on both transports. */
async function playAll(name) {
  const lines = []
  for (const scenarios of LIVES) {
    const [stock, ours] = await Promise.all([play(name, 'stock', scenarios), play(name, 'ours', scenarios)])
    const played = Object.keys(scenarios).filter((scenario) => !cases[name].without?.[scenario])
    lines.push(...played.map((scenario) => ({ scenario, stock, ours })))
  }
  return lines
}

describe('SDKs', { concurrency: LANES }, () => {
  for (const name of chosen) {
    const theCase = cases[name]
    theCase.name = name
    test(name, { timeout: 600_000 }, async (t) => {
      let lines = await playAll(name)
      if (!lines.every(isRight)) {
        t.diagnostic(`once more: ${JSON.stringify(lines.filter((line) => !isRight(line)))}`)
        lines = await playAll(name)
      }
      for (const line of lines) {
        const { scenario, stock, ours } = line
        const note = isRight(line) ? (Object.values(theCase.without ?? {})[0] ?? '') : 'FAILED'
        rows.set(JSON.stringify([name, scenario]), { stock: stock[scenario] ?? 'failed', ours: ours[scenario] ?? 'failed', note })
        await t.test(scenario, () => {
          assert.ok(scenario in stock, `on the stock transport: ${stock.failed}`)
          assert.ok(scenario in ours, `on Heartwire: ${ours.failed}`)
          assert.equal(ours[scenario], GAINS[scenario] ?? stock[scenario], `on the stock transport: ${stock[scenario]}`)
        })
      }
    })
  }
})

after(() => {
  const file = process.env.COMPAT_ROWS
  if (!file) return
  for (const [key, row] of rows) {
    const [name, scenario] = JSON.parse(key)
    const line = { package: name, version: versionOf(name), language: 'Node', surface: cases[name].surface, scenario, ...row }
    appendFileSync(file, `${JSON.stringify(line)}\n`)
  }
})
