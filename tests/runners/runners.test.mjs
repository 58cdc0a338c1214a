// Owns: the package under jest and vitest, as their users run it: every mode ends by itself, with the tests passed, and the peers get a Close.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { FaultServer } from 'heartwire/testing'

const here = fileURLToPath(new URL('.', import.meta.url))
const modules = fileURLToPath(new URL('../node_modules/', import.meta.url))
const major = Number(process.versions.node.split('.')[0])
/** vitest 5 needs Node 22. */
const newer = `${modules}node-22/bin/node`
const forVitest = major >= 22 ? process.execPath : newer

/** A runner's complaints about a test that does not end, and Node's about too many listeners; without jest's about a process that ends slowly. */
const unwanted = /did not exit|open handle|MaxListeners/

/** Runs a runner to its end. */
async function play(folder, program, args, node = process.execPath) {
  const server = new FaultServer([{ do: 'accept' }, { do: 'echo' }])
  const { FORCE_COLOR, NODE_TEST_CONTEXT, NODE_OPTIONS, ...inherited } = process.env
  const env = { ...inherited, HEARTWIRE_TEST_URL: server.url, CI: 'true', NO_COLOR: '1' }
  const child = spawn(node, [`${modules}${program}`, ...args], { cwd: `${here}${folder}`, env, stdio: ['ignore', 'pipe', 'pipe'] })
  let words = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text) => {
      words += text
    })
  }
  const late = setTimeout(() => child.kill('SIGKILL'), 240_000)
  const [code, signal] = await new Promise((resolve) => child.on('close', (...ended) => resolve(ended)))
  clearTimeout(late)
  return { code, signal, words, server }
}

/** The codes that the server got at the end of each connection. */
async function codes(server, count) {
  await server.waitFor({ event: 'close', connection: count - 1 })
  const closes = server.records().filter(({ event }) => event === 'close')
  server.stop()
  return closes.map(({ code }) => code)
}

const jest = {
  'in one process': ['-i'],
  'in two processes': ['-w', '2'],
  'in two threads': ['-w', '2', '--workerThreads'],
  'looking for open handles': ['-i', '--detectOpenHandles'],
}

for (const [mode, args] of Object.entries(jest)) {
  test(`jest ${mode}: two files with sockets, two without`, async () => {
    const { code, signal, words, server } = await play('jest', 'jest/bin/jest.js', [...args, 'first|second|bare'])
    assert.deepEqual([code, signal], [0, null], words)
    assert.doesNotMatch(words, unwanted, words)
    assert.deepEqual(await codes(server, 6), Array(6).fill(1000))
  })
}

test('jest in one process: files without sockets', async () => {
  const { code, signal, words, server } = await play('jest', 'jest/bin/jest.js', ['-i', 'bare'])
  assert.deepEqual([code, signal], [0, null], words)
  assert.doesNotMatch(words, unwanted, words)
  server.stop()
})

for (const [mode, args] of Object.entries({ 'in one process': ['-i', '--forceExit'], 'in two processes': ['-w', '2', '--forceExit'] })) {
  test(`jest ${mode}, with a socket left open`, async () => {
    const { code, signal, words, server } = await play('jest', 'jest/bin/jest.js', [...args, 'left|bare'])
    assert.deepEqual([code, signal], [0, null], words)
    assert.deepEqual(await codes(server, 1), [1001])
  })
}

const skip = existsSync(forVitest) ? false : 'vitest needs Node 22'

for (const pool of ['threads', 'forks', 'vmThreads', 'vmForks']) {
  for (const args of [[], ['--no-isolate', '--no-file-parallelism']]) {
    test(`vitest --pool ${pool} ${args.join(' ')}`, { skip }, async () => {
      const { code, signal, words, server } = await play(
        'vitest',
        'vitest/vitest.mjs',
        ['run', '--pool', pool, ...args, 'first', 'second'],
        forVitest,
      )
      assert.deepEqual([code, signal], [0, null], words)
      assert.doesNotMatch(words, unwanted, words)
      assert.deepEqual(await codes(server, 6), Array(6).fill(1000))
    })
  }

  test(`vitest --pool ${pool}, with a socket left open`, { skip }, async () => {
    const { code, signal, words, server } = await play('vitest', 'vitest/vitest.mjs', ['run', '--pool', pool, 'left'], forVitest)
    assert.deepEqual([code, signal], [0, null], words)
    assert.deepEqual(await codes(server, 1), [1001])
  })
}
