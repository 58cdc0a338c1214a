// Owns: the comparison of the types of heartwire/ws with those of @types/ws' client: programs written against those compile with ours, and each fits
// where the other is asked for. Lines that heartwire/ws refuses must not compile.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { root } from './helpers.mjs'

const samples = join(root, 'test', 'types', 'ws')
const PROGRAMS = ['program.mts', 'required.cts']

/** Returns the compiler's messages about some files: an empty text if it has no complaint. */
function compile(files, compiler = 'typescript', extra = {}) {
  const folder = mkdtempSync(join(root, 'node_modules', '.types-ws-'))
  try {
    const options = { target: 'es2022', lib: ['es2022', 'esnext.disposable'], module: 'nodenext', moduleResolution: 'nodenext', ...extra }
    const compilerOptions = { skipLibCheck: false, ...options, strict: true, noEmit: true, types: ['node'] }
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text)
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: Object.keys(files) }))
    const tsc = join(root, 'node_modules', compiler, 'bin', 'tsc')
    return spawnSync(process.execPath, [tsc, '-p', folder], { encoding: 'utf8' }).stdout
  } finally {
    rmSync(folder, { recursive: true })
  }
}

const read = (names, from = "'ws'", to = "'ws'") =>
  Object.fromEntries(names.map((name) => [name, readFileSync(join(samples, name), 'utf8').replaceAll(from, to)]))

test('programs written against @types/ws compile with it, which shows that they are programs of ws', () => {
  assert.equal(compile(read(PROGRAMS)), '')
})

for (const [compiler, extra] of [
  ['typescript', {}],
  // Node's own types do not compile with the option.
  ['typescript', { exactOptionalPropertyTypes: true, skipLibCheck: true }],
  ['typescript-oldest', { skipLibCheck: true }],
]) {
  test(`they compile with the types of heartwire/ws in their place: ${compiler} ${JSON.stringify(extra)}`, () => {
    assert.equal(compile(read(PROGRAMS, "'ws'", "'heartwire/ws'"), compiler, extra), '')
  })
}

test('a socket, the class and options of heartwire/ws fit where those of @types/ws are asked for', () => {
  assert.equal(compile(read(['assignable.mts', 'assignable.cts'])), '')
})

test('every name that @types/ws exports is there, but those of its server', () => {
  const declared = readFileSync(join(root, 'node_modules', '@types', 'ws', 'index.d.mts'), 'utf8')
  const theirs = [...declared.matchAll(/^export (?:import|const|function|interface|class) (\w+)/gm)].map(([, name]) => name)
  const ofServer = ['AddressInfo', 'ServerOptions', 'VerifyClientCallbackAsync', 'VerifyClientCallbackSync']
  const names = [...new Set(theirs)].filter((name) => !ofServer.includes(name))
  assert.ok(names.length > 12)
  assert.equal(compile({ 'names.mts': `export type { ${names.join(', ')} } from 'heartwire/ws'\n` }), '')
})

test('what heartwire/ws refuses by name at run time does not compile, nor does what is wrong', () => {
  const wrong = [
    "new WebSocket('ws://a.example', { generateMask() {} })",
    "new WebSocket('ws://a.example', { checkServerIdentity: () => true })",
    "new WebSocket('ws://a.example', { perMessageDeflate: { concurrencyLimit: 3 } })",
    "new WebSocket('ws://a.example', { heartwire: { pingIntervall: 3 } })",
    "new WebSocket('ws://a.example').binaryType = 'text'",
    "new WebSocket('ws://a.example').close('1000')",
    "new WebSocket('ws://a.example').addEventListener('ping', () => {})",
  ]
  const lines = wrong.map((line) => `// @ts-expect-error: it is refused\n${line}`)
  assert.equal(compile({ 'wrong.mts': ["import WebSocket from 'heartwire/ws'", ...lines].join('\n') }), '')
})
