// Owns: whether docs/migrating-node.md and docs/ws.md name every option and member of the packages, as their classes and types have them.
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import WebSocket from 'ws'

const here = dirname(fileURLToPath(import.meta.url))
const root = join(here, '../../..')
const ofWs = readFileSync(join(root, 'bindings-node/node_modules/@types/ws/index.d.ts'), 'utf8')
const partysocket = join(here, 'node_modules/partysocket')
const party = readdirSync(partysocket).filter((name) => /^(ws-.*|index)\.d\.ts$/.test(name))
const ofParty = party.map((name) => readFileSync(join(partysocket, name), 'utf8')).join('\n')

/** Members of ws that its own server calls. */
const INSIDE = ['constructor', 'setSocket', 'emitClose']

/** The names in the body of a type. @param {string} types @param {RegExp} head */
function keys(types, head) {
  const [found] = head.exec(types) ?? assert.fail(`no ${head}`)
  const start = types.indexOf(found) + found.length
  const body = types.slice(start, types.indexOf('\n', types.slice(start).search(/^ *\};?$/m) + start))
  // Deeper names are parameters of methods.
  const indent = /^ +/m.exec(body)
  const names = [...body.matchAll(new RegExp(`^${indent}(?:static |readonly |get |set )*(\\w+)(?=[?(:<])`, 'gm'))].map(([, name]) => name)
  return [...new Set(names)].filter((name) => !name.startsWith('_') && !['private', 'protected', 'constructor'].includes(name))
}

/** What a page, or a section of it, has in code. */
function named(page, heading = '') {
  const text = readFileSync(join(root, 'docs', page), 'utf8')
  const section = text.slice(text.indexOf(heading) + heading.length).split('\n## From')[0]
  return new Set([...section.replace(/^```.*?^```/gms, '').matchAll(/``.+?``|`[^`]+`/g)].flatMap(([code]) => code.match(/\w+/g) ?? []))
}

/** @param {string[]} wanted @param {Set<string>} there */
function every(wanted, there) {
  assert.ok(wanted.length > 10, `the names were found: ${wanted}`)
  assert.deepEqual(
    wanted.filter((name) => !there.has(name)),
    [],
  )
}

const members = [...Object.getOwnPropertyNames(WebSocket.prototype), ...Object.keys(WebSocket)].filter((name) => !INSIDE.includes(name))
const events = [...ofWs.matchAll(/on\(event: ((?:"[\w-]+"(?: \| )?)+), listener: \(this: WebSocket/g)].flatMap(([, list]) =>
  list.match(/[\w]+(?=[\w-]*")/g),
)
const options = keys(ofWs, /interface ClientOptions[^{]*\{/)

for (const [page, heading] of [
  ['migrating-node.md', '## From `ws`'],
  ['ws.md', ''],
]) {
  test(`${page} names every member, event and option of ws`, () => {
    every([...new Set([...members, ...events, ...options])], named(page, heading))
  })
}

test('migrating-node.md names every member and option of partysocket', () => {
  const names = ['Options', 'PartySocketOptions'].flatMap((name) => keys(ofParty, new RegExp(`type ${name} = [^{]*\\{`)))
  const both = ['ReconnectingWebSocket', 'PartySocket'].flatMap((name) => keys(ofParty, new RegExp(`declare class ${name} [^{]*\\{`)))
  every([...new Set([...names, ...both])], named('migrating-node.md', '## From `partysocket`'))
})
