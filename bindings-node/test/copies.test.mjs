// Owns: the package's JavaScript evaluated more than once over one addon, as test runners, bundlers and a cleared require.cache do. Every copy works
// by itself, in any realm, and an unused copy leaves nothing behind.
import assert from 'node:assert/strict'
import { copyFileSync, cpSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { FaultServer } from '../lib/testing.js'
import { root, run } from './helpers.mjs'

const program = fileURLToPath(new URL('copies.cjs', import.meta.url))
const COPIES = 4

/** A second installation, in another folder. */
let other
before(() => {
  other = mkdtempSync(join(tmpdir(), 'heartwire-copy-'))
  cpSync(join(root, 'lib'), join(other, 'lib'), { recursive: true })
  for (const name of readdirSync(root)) if (name.endsWith('.node')) copyFileSync(join(root, name), join(other, name))
})
after(() => rmSync(other, { recursive: true, force: true }))

/** The acts, the exit in the main thread and in a worker, and the codes that the peers get. */
const acts = {
  load: { ends: [0, null], codes: [] },
  inTurn: { ends: [0, null], codes: Array(COPIES).fill(null) },
  atOnce: { ends: [0, null], codes: Array(COPIES).fill(1000), out: '0 1 2 3\n' },
  exit: { ends: [7, null], codes: Array(COPIES).fill(1001) },
  signal: { ends: [null, 'SIGTERM'], codes: Array(COPIES).fill(1001) },
  throws: { ends: [1, null], codes: Array(COPIES).fill(1001), err: /boom/ },
}

for (const how of ['scripts', 'everything', 'realms', 'installations']) {
  for (const place of ['main', 'worker']) {
    for (const [act, { ends, codes, out = '', err = /^$/ }] of Object.entries(acts)) {
      test(`copies by ${how} in ${place}: ${act}`, async () => {
        const server = new FaultServer([{ do: 'accept' }, { do: 'echo' }])
        const ended = await run([program, how, place, act, server.url, root, other])
        assert.deepEqual([ended.code, ended.signal, ended.out], [...ends, out])
        assert.match(ended.err, err)
        for (let connection = 0; connection < codes.length; connection++)
          await server.waitFor({ event: 'close', code: codes[connection], connection })
        server.stop()
      })
    }
  }
}

for (const how of ['scripts', 'realms']) {
  test(`copies by ${how} that nobody uses are collected`, async () => {
    const server = new FaultServer()
    const { code, out, err } = await run(['--expose-gc', program, how, 'main', 'collect', server.url, root])
    assert.deepEqual([code, out, err], [0, 'left none\n', ''])
    server.stop()
  })
}
