// Owns: the scenarios that each library plays, once on its stock transport and once on Heartwire, and the rows of the table that they give.
// The rows go to the file that COMPAT_ROWS names, one JSON object a line, where tests/compat/table.py reads them.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { appendFileSync } from 'node:fs'
import { join } from 'node:path'
import readline from 'node:readline'
import { after, describe, test } from 'node:test'
import { cases } from './cases/index.mjs'
import { Server } from './server.mjs'
import { trees, versionOf } from './trees.mjs'

const folders = trees()
const chosen = process.env.COMPAT_CASE?.split(',') ?? Object.keys(cases)
/** What each scenario gave: `name scenario` → the two transports. */
const rows = new Map()

class Client {
  constructor(name, server, transport) {
    const args = [join(folders[transport], 'client.mjs'), name, server.url, server.base, transport]
    this.child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'pipe'], env: { ...process.env, NODE_TLS_REJECT_UNAUTHORIZED: '0' } })
    this.words = ''
    this.child.stderr.setEncoding('utf8').on('data', (text) => {
      this.words += text
    })
    readline.createInterface({ input: this.child.stdout }).on('line', (line) => {
      this.words += `${line}\n`
    })
    this.ended = new Promise((done) => this.child.on('close', done))
  }

  tell(line) {
    this.child.stdin.write(`${line}\n`)
  }

  async end() {
    this.child.kill('SIGKILL')
    await this.ended
  }
}

/** Plays one program with a server and a client of its own. */
async function play(name, transport, scenario) {
  const program = scenarios[scenario]
  const server = new Server(cases[name])
  await server.listen()
  const client = new Client(name, server, transport)
  try {
    // A library that ends by itself is reported at once.
    const died = client.ended.then((code) => Promise.reject(new Error(`the client ended with ${code}`)))
    died.catch(() => {})
    return await (scenario === 'SIGTERM' ? program(server, client) : Promise.race([program(server, client), died]))
  } catch (error) {
    throw new Error(`${error.message}\nThe client said:\n${client.words.slice(-3000)}`, { cause: error })
  } finally {
    await client.end()
    server.close()
  }
}

/** A message to the client, which answers it. */
async function exchange(server) {
  const after = server.seen.length
  cases[server.case.name].push(server.peer, server)
  await server.next('acked', after)
}

const scenarios = {
  'connect and exchange': (server) => server.next('ready', 0).then(() => exchange(server)),
  'refused upgrade, then reconnect': async (server) => {
    await server.next('ready', 0)
    server.refusals = 1
    const after = server.seen.length
    server.peer.terminate()
    await server.next('refused', after)
    await server.next('ready', after)
    await exchange(server)
  },
  'drop and reconnect': async (server) => {
    await server.next('ready', 0)
    const after = server.seen.length
    server.peer.terminate()
    await server.next('ready', after)
    await exchange(server)
  },
  'kick and reconnect': async (server) => {
    await server.next('ready', 0)
    const after = server.seen.length
    server.peer.close(server.case.kick ?? 1012, 'restart')
    await server.next('ready', after)
    await exchange(server)
  },
  'close as the server sees it': async (server, client) => {
    await server.next('ready', 0)
    await exchange(server)
    const after = server.seen.length
    client.tell('stop')
    return (await server.next('close', after)).code
  },
  SIGTERM: async (server, client) => {
    await server.next('ready', 0)
    await exchange(server)
    const after = server.seen.length
    client.child.kill('SIGTERM')
    return (await server.next('close', after)).code
  },
  'a handler blocks 6 s': async (server, client) => {
    await server.next('ready', 0)
    await exchange(server)
    server.watch()
    const { peer } = server
    client.tell('block')
    await new Promise((done) => setTimeout(done, 6500))
    if (peer.readyState !== 1) return 'lost'
    await exchange(server)
    return 'kept'
  },
}
/** What Heartwire gives without a change of the library. */
const GAINS = { SIGTERM: 1001, 'a handler blocks 6 s': 'kept' }

for (const name of chosen) {
  const theCase = cases[name]
  theCase.name = name
  describe(name, { concurrency: 4 }, () => {
    for (const scenario of Object.keys(scenarios)) {
      const without = theCase.without?.[scenario]
      if (without) continue
      const row = { stock: 'failed', ours: 'failed', note: 'FAILED' }
      rows.set(JSON.stringify([name, scenario]), row)
      test(scenario, { timeout: 240_000 }, async () => {
        const stock = await play(name, 'stock', scenario)
        row.stock = stock ?? 'passed'
        const ours = await play(name, 'ours', scenario)
        row.ours = ours ?? 'passed'
        const expected = GAINS[scenario] ?? stock
        assert.equal(ours, expected, `on the stock transport: ${stock}`)
        row.note = Object.values(theCase.without ?? {})[0] ?? ''
      })
    }
  })
}

after(() => {
  const file = process.env.COMPAT_ROWS
  if (!file) return
  for (const [key, row] of rows) {
    const [name, scenario] = JSON.parse(key)
    const line = { package: name, version: versionOf(name), language: 'Node', surface: cases[name].surface, scenario, ...row }
    appendFileSync(file, `${JSON.stringify(line)}\n`)
  }
})
