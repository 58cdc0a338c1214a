// Owns: the types match the code: every public member of each class is declared, and nothing else; the package exports what they export. `npm run
// lint` checks the samples in types/; this file uses the oldest TypeScript, and types/matrix.mjs many versions.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { test } from 'node:test'
import * as heartwire from '../lib/index.mjs'
import * as testing from '../lib/testing.js'
import { root } from './helpers.mjs'

const require = createRequire(import.meta.url)
const events = require('../lib/events.js')

/** Members that are there for the platform, not for users: not enumerable. */
const HIDDEN = ['constructor', 'removeListener']
const SYMBOLS = new Map([
  [Symbol.asyncIterator, 'typeof Symbol.asyncIterator'],
  [Symbol.asyncDispose ?? Symbol.for('Symbol.asyncDispose'), 'typeof Symbol.asyncDispose'],
  [Symbol.dispose ?? Symbol.for('Symbol.dispose'), 'typeof Symbol.dispose'],
])

/** The names of an object's own public members, as types. */
function members(object, hidden = HIDDEN) {
  const names = Object.getOwnPropertyNames(object).filter((name) => !hidden.includes(name))
  const symbols = Object.getOwnPropertySymbols(object).map((symbol) => SYMBOLS.get(symbol))
  return [...names.map((name) => JSON.stringify(name)), ...symbols.filter(Boolean)]
}

// A drain and a ready event have the members of every event, and no more.
const OF_EVENT = ['constructor', 'toString', ...Object.getOwnPropertyNames(events.DrainEvent.prototype)]
const BARE = ['DrainEvent', 'ReadyEvent']
const OF_FUNCTION = ['length', 'name', 'prototype']
/** What the class carries for require(), which is given the class itself. */
const OF_PACKAGE = ['WebSocket', 'WebSocketError', 'MessageEvent', 'CloseEvent', 'shutdown', 'stats']

function error() {
  const fields = { code: 'x', phase: 'http', message: 'x', status: 500, headers: [], retryIn: 1 }
  return new heartwire.WebSocketError(fields)
}

function checks() {
  const server = new testing.FaultServer()
  server.stop()
  const found = {
    'keyof typeof heartwire': members(heartwire),
    'Exclude<keyof typeof testing, "default">': members(testing, ['default', 'module.exports']),
    'keyof heartwire.WebSocket': members(heartwire.WebSocket.prototype),
    'Exclude<keyof typeof heartwire.WebSocket, "prototype">': members(heartwire.WebSocket, [...OF_FUNCTION, ...OF_PACKAGE]),
    'keyof testing.FaultServer': [...members(testing.FaultServer.prototype), ...members(server)],
    'Exclude<keyof heartwire.WebSocketError, keyof Error> | "name"': [...members(error(), ['stack', 'message']), '"name"'],
  }
  for (const [name, Class] of Object.entries(events)) {
    if (!name.endsWith('Event') || BARE.includes(name)) continue
    found[`Exclude<keyof heartwire.${name}, keyof Event>`] = members(Class.prototype, OF_EVENT)
  }
  // What EventTarget has, we have; the types of our own methods are narrower, not more.
  for (const key of Object.getOwnPropertyNames(EventTarget.prototype)) assert.ok(key === 'constructor' || key in heartwire.WebSocket.prototype)
  return found
}

test('the types declare what is there, and nothing else', () => {
  const folder = mkdtempSync(join(root, 'node_modules', '.types-'))
  const lines = Object.entries(checks()).map(
    ([declared, there], index) => `
      type Declared${index} = ${declared}
      type There${index} = ${there.join(' | ')}
      export const undeclared${index}: [Exclude<There${index}, Declared${index}>] extends [never] ? true : Exclude<There${index}, Declared${index}> = true
      export const absent${index}: [Exclude<Declared${index}, There${index}>] extends [never] ? true : Exclude<Declared${index}, There${index}> = true`,
  )
  try {
    writeFileSync(
      join(folder, 'check.mts'),
      `import * as heartwire from 'heartwire'\nimport * as testing from 'heartwire/testing'\n${lines.join('\n')}\n`,
    )
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ extends: '../../tsconfig.json', include: ['check.mts'] }))
    compile('typescript', folder)
  } finally {
    rmSync(folder, { recursive: true })
  }
})

/** Fails with the compiler's messages. @param {string} compiler its folder in node_modules @param {string} project */
function compile(compiler, project) {
  const tsc = join(root, 'node_modules', compiler, 'bin', 'tsc')
  try {
    execFileSync(process.execPath, [tsc, '--noEmit', '-p', project], { encoding: 'utf8', stdio: 'pipe' })
  } catch (failed) {
    assert.fail(failed.stdout ?? failed)
  }
}

for (const [what, project] of Object.entries({ 'Node’s types alone': '.', 'the DOM’s types, too': 'test/types' })) {
  test(`TypeScript 5.4 takes what is right and refuses what is wrong, with ${what}`, () => {
    const folder = mkdtempSync(join(root, 'node_modules', '.types-'))
    const read = (path) => JSON.parse(readFileSync(join(root, path, 'tsconfig.json'), 'utf8'))
    const { compilerOptions, include, exclude } = read(project)
    // It does not know es2023 yet, so that the base cannot be extended.
    const options = { ...read('.').compilerOptions, ...compilerOptions, target: 'es2022', allowJs: false }
    const there = (pattern) => join(root, project, pattern)
    const config = {
      compilerOptions: { ...options, lib: options.lib.map((lib) => lib.replace('2023', '2022')) },
      include: include.filter((each) => each !== 'lib').map(there),
      exclude: exclude.map(there),
    }
    try {
      writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config))
      compile('typescript-oldest', folder)
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
}

test('require() has every type and function that import has', () => {
  const read = (name) => readFileSync(join(root, name), 'utf8')
  const exported = ['types.d.ts', 'options.d.ts', 'codes.d.ts', 'stats.d.ts'].flatMap((name) =>
    [...read(name).matchAll(/^export (?:class|function|interface|type) (\w+)/gm)].map(([, each]) => each),
  )
  const listed = [...read('index.d.ts').matchAll(/export import (\w+) = all\.\1$/gm)].map(([, each]) => each)
  assert.deepEqual(listed.sort(), exported.sort())
})
