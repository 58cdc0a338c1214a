// Owns: that docs/node.md is true: its code compiles in strict mode and runs, and no public member is missing in it; that the JavaScript of README.md and
// docs/testing.md compiles, too.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { WebSocket } from '../lib/index.mjs'
import { FaultServer } from '../lib/testing.js'
import { child, root } from './helpers.mjs'

const read = (path) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')
const codeOf = (text) => [...text.matchAll(/^```js\n([\s\S]*?)^```$/gm)].map(([, code]) => code)
const guide = read('docs/node.md')
const blocks = codeOf(guide)
/** Those of the other pages, which are only compiled. */
const others = ['README.md', 'docs/testing.md'].flatMap((path) => codeOf(read(path)))

/** What the others take for granted. */
const GRANTED = `
declare const url: string
declare function freshToken(): Promise<string>
declare function createClient(options: { url: string; webSocketImpl: unknown }): unknown
`
const accept = { do: 'accept' }

/** What each block of the guide meets, and prints. */
const stories = [
  {
    connections: [
      [accept, { do: 'expect', text: 'hello' }, { do: 'send', text: 'ping' }, { do: 'expect', text: 'pong' }, { do: 'close', code: 4001 }],
    ],
    out: '4001  false\n',
  },
  {
    connections: [[accept, { do: 'send', text: 'one' }, { do: 'send', text: 'two' }, { do: 'close', code: 1000 }], [accept]],
    out: 'one\ntwo\n',
  },
]

let folder
before(() => {
  folder = mkdtempSync(join(root, 'node_modules', '.docs-'))
  blocks.forEach((code, index) => {
    const prelude = code.includes('import ')
      ? ''
      : `import { WebSocket } from 'heartwire'\nconst url = process.argv.at(-1)!\nconst ws = new WebSocket(url)\n`
    const file = `${prelude}${code.replace("'wss://im.example/ws'", 'process.argv.at(-1)!')}\nexport {}\n`
    writeFileSync(join(folder, `block${index}.mts`), file)
  })
  others.forEach((code, index) => {
    const begin = code.includes('import ') ? '' : `import { WebSocket } from 'heartwire'\n${GRANTED}`
    const socket = /const ws\b/.test(code) ? '' : 'const ws = new WebSocket(url)\n'
    writeFileSync(join(folder, `other${index}.mts`), `${begin}${begin && socket}${code}\nexport {}\n`)
  })
  const compilerOptions = { target: 'es2022', noEmit: false, outDir: 'out', rootDir: '.', sourceMap: false }
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ extends: '../../tsconfig.json', compilerOptions, include: ['*.mts'] }))
})
after(() => rmSync(folder, { recursive: true }))

test('the code of the guide compiles and does what it says', async () => {
  assert.equal(blocks.length, stories.length)
  assert.ok(others.length >= 2)
  try {
    execFileSync(process.execPath, [join(root, 'node_modules', 'typescript', 'bin', 'tsc'), '-p', folder], { encoding: 'utf8', stdio: 'pipe' })
  } catch (failed) {
    assert.fail(failed.stdout ?? failed)
  }
  for (const [index, { connections, out }] of stories.entries()) {
    const server = new FaultServer({ connections })
    const ended = await child(`await import(${JSON.stringify(join(folder, 'out', `block${index}.mjs`))})`, { args: [server.url] })
    assert.deepEqual([ended.code, ended.out, ended.err], [0, out, ''])
    assert.deepEqual(
      server.records().filter(({ event }) => event === 'failed'),
      [],
    )
    server.stop()
  }
})

test('the guide names every public member', () => {
  const STANDARD =
    /^(on(open|message|error|close)|CONNECTING|OPEN|CLOSING|CLOSED|addEventListener|removeEventListener|dispatchEvent|url|protocol|extensions)$/
  for (const name of Object.keys(WebSocket.prototype)) {
    const event = /^on(?!ce$)[a-z]+$/.test(name) ? name.slice(2) : name
    if (!STANDARD.test(name)) assert.match(guide, new RegExp(`\\b${event}\\b`), name)
  }
  for (const name of ['Symbol.asyncDispose', 'for await', 'heartwire/install', 'heartwire/testing']) assert.ok(guide.includes(name), name)
})
