// Owns: the ways of docs/ws.md to put heartwire/ws in the place of `ws`, each with the real tool: overrides of npm, pnpm and yarn, and bundlers' aliases.
// It installs from npm's registry, and so runs by name alone: `make test SUITE=compat-install`. The recipes are read from the page.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../../..', import.meta.url))
const heartwire = join(root, 'bindings-node')
const page = readFileSync(join(root, 'docs/ws.md'), 'utf8')

/** The file that a recipe of the page shows. */
function shown(name) {
  const after = page.slice(page.indexOf(`\`${name}\``))
  return /^```\w*\n(.*?)^```/ms.exec(after)?.[1] ?? assert.fail(`docs/ws.md does not show ${name}`)
}

/** The JSON that the page's table gives to a tool. */
function recipe(tool) {
  const row = page.split('\n').find((line) => line.startsWith(`| ${tool} |`)) ?? assert.fail(`docs/ws.md has no row of ${tool}`)
  return JSON.parse(`{${/`("\w+": .*?\})`/.exec(row)[1]}}`)
}

/** A program that needs a library which imports ws, and the small package of the page. */
function program(more = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'heartwire-install-'))
  const dependencies = { heartwire: `file:${heartwire}`, 'rpc-websockets': '10.0.1', ws: 'file:./vendor/ws' }
  write(folder, { 'package.json': JSON.stringify({ name: 'program', version: '1.0.0', private: true, dependencies, ...more }) })
  for (const name of ['package.json', 'index.js', 'index.mjs']) write(folder, { [`vendor/ws/${name}`]: shown(`vendor/ws/${name}`) })
  return folder
}

function write(folder, files) {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true })
    writeFileSync(join(folder, name), text)
  }
}

const run = (folder, command, ...args) => execFileSync(command, args, { cwd: folder, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] })

/** Whether the library gets Heartwire's class, by require() and by import. */
function check(folder) {
  const ask = `
    const { createRequire } = require('node:module')
    const { pathToFileURL } = require('node:url')
    const library = require.resolve('rpc-websockets')
    const ours = require('heartwire/ws')
    const path = createRequire(library).resolve('ws')
    import(pathToFileURL(path.replace(/index\\.js$/, 'index.mjs'))).then(({ WebSocket }) => {
      console.log(JSON.stringify([require(path) === ours, WebSocket === ours]))
    })`
  assert.deepEqual(JSON.parse(run(folder, process.execPath, '-e', ask)), [true, true])
}

const managers = {
  npm: (folder) => run(folder, 'npm', 'install', '--ignore-scripts', '--no-audit', '--no-fund'),
  pnpm: (folder) => run(folder, 'npx', '--yes', 'pnpm@9', 'install', '--ignore-scripts', '--no-frozen-lockfile'),
  'yarn 1': (folder) => run(folder, 'npx', '--yes', 'yarn@1', 'install', '--ignore-scripts', '--no-progress'),
}
for (const [tool, install] of Object.entries(managers)) {
  test(`${tool}: a library that imports ws gets heartwire/ws`, { timeout: 300_000 }, (t) => {
    const folder = program(recipe(tool))
    t.after(() => rmSync(folder, { recursive: true }))
    install(folder)
    check(folder)
  })
}

test('pnpm 10: overrides stand in pnpm-workspace.yaml', { timeout: 300_000 }, (t) => {
  const folder = program()
  t.after(() => rmSync(folder, { recursive: true }))
  write(folder, { 'pnpm-workspace.yaml': 'overrides:\n  ws: file:./vendor/ws\n' })
  run(folder, 'npx', '--yes', 'pnpm@10', 'install', '--ignore-scripts', '--no-frozen-lockfile')
  check(folder)
})

const source = `import { createRequire } from 'node:module'
import WebSocket from 'ws'
console.log(WebSocket === createRequire(process.cwd() + '/')('heartwire/ws'))
`
const bundlers = {
  esbuild: [
    'node_modules/.bin/esbuild',
    'app.mjs',
    '--bundle',
    '--platform=node',
    '--outfile=out.cjs',
    '--alias:ws=heartwire/ws',
    '--external:heartwire',
  ],
  webpack: ['node_modules/.bin/webpack', '--config', 'webpack.config.cjs'],
  rollup: ['node_modules/.bin/rollup', '--config', 'rollup.config.mjs'],
  vite: ['node_modules/.bin/vite', 'build', '--ssr', 'app.mjs'],
}
const configurations = {
  'webpack.config.cjs': shown('webpack.config.cjs'),
  'rollup.config.mjs': shown('rollup.config.mjs'),
  'vite.config.mjs': shown('vite.config.mjs'),
}

test('bundlers put heartwire/ws in the place of ws, and leave it outside', { timeout: 600_000 }, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'heartwire-bundle-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const dependencies = {
    esbuild: '*',
    webpack: '*',
    'webpack-cli': '*',
    rollup: '*',
    '@rollup/plugin-alias': '*',
    vite: '*',
    ws: '8.23.0',
    heartwire: `file:${heartwire}`,
  }
  write(folder, { 'package.json': JSON.stringify({ private: true, dependencies }), 'app.mjs': source, ...configurations })
  run(folder, 'npm', 'install', '--no-audit', '--no-fund', '--ignore-scripts')
  for (const [name, [command, ...args]] of Object.entries(bundlers)) {
    await t.test(name, () => {
      for (const out of ['out.cjs', 'dist']) rmSync(join(folder, out), { recursive: true, force: true })
      run(folder, command, ...args)
      const file = name === 'vite' ? 'dist/app.mjs' : 'out.cjs'
      assert.equal(run(folder, process.execPath, file).trim(), 'true')
    })
  }
})
