// Owns: the two installations that the suite runs: the stock one, and one in which heartwire/ws replaces every `ws`, as an override of
// npm does. Knows no package.
import { spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const here = fileURLToPath(new URL('.', import.meta.url))
const heartwire = fileURLToPath(new URL('../../../bindings-node', import.meta.url))
const modules = join(here, 'node_modules')
const ours = join(modules, '.ours')

/** The version that a package has here. */
export function versionOf(name) {
  return JSON.parse(readFileSync(join(modules, name, 'package.json'), 'utf8')).version
}

/** The folders of the two, each with its own client.mjs. */
export function trees() {
  // Several runs at the same time share the tree of the first.
  if (process.env.COMPAT_TREES === 'made') return { stock: here, ours }
  rmSync(ours, { recursive: true, force: true })
  mkdirSync(join(ours, 'node_modules'), { recursive: true })
  const names = readdirSync(modules).filter((name) => !name.startsWith('.') && name !== 'heartwire')
  const { status, stderr } = spawnSync('cp', ['-al', ...names.map((name) => join(modules, name)), join(ours, 'node_modules')])
  if (status !== 0) throw new Error(String(stderr))
  for (const folder of [join(ours, 'node_modules'), ...nested(names)]) replace(folder)
  link(join(ours, 'node_modules'))
  link(modules)
  mkdirSync(join(ours, 'cases'))
  for (const name of ['client.mjs', ...readdirSync(join(here, 'cases')).map((name) => `cases/${name}`)])
    copyFileSync(join(here, name), join(ours, name))
  return { stock: here, ours }
}

/** Where packages have a `ws` of their own. */
function nested(names) {
  const packages = names.flatMap((name) => (name.startsWith('@') ? readdirSync(join(modules, name)).map((inner) => join(name, inner)) : [name]))
  return packages.map((name) => join(ours, 'node_modules', name, 'node_modules')).filter((folder) => existsSync(join(folder, 'ws', 'package.json')))
}

/** Puts the small package of docs/ws.md in the place of `ws`. */
function replace(folder) {
  const place = join(folder, 'ws')
  rmSync(place, { recursive: true })
  mkdirSync(place)
  const exports = { '.': { import: './index.mjs', require: './index.js' }, './package.json': './package.json' }
  writeFileSync(join(place, 'package.json'), JSON.stringify({ name: 'ws', version: '8.23.0', main: 'index.js', exports }))
  writeFileSync(join(place, 'index.js'), "module.exports = require('heartwire/ws')\n")
  writeFileSync(join(place, 'index.mjs'), "export { default } from 'heartwire/ws'\nexport * from 'heartwire/ws'\n")
}

function link(folder) {
  const place = join(folder, 'heartwire')
  if (!existsSync(place)) symlinkSync(heartwire, place)
}
