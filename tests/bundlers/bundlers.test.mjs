// Owns: the package under package managers and bundlers, as docs/guides/bundling.md describes it: each installs or bundles a bot that talks with the fault
// server, and runs the bot. Run by `tests/run.py bundlers`; the registry is registry.mjs's.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { chmodSync, copyFileSync, cpSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { serve } from './registry.mjs'

const here = dirname(fileURLToPath(import.meta.url))
const bin = (name) => join(here, 'node_modules/.bin', name)
const work = realpathSync(mkdtempSync(join(tmpdir(), 'heartwire-bundlers-')))
const BOT = readFileSync(join(here, '../platforms/smoke.mjs'), 'utf8')
/** @type {{ url: string, stop: () => void }} */
let registry

before(async () => {
  registry = await serve(join(work, 'dist'))
})
after(() => {
  registry.stop()
  rmSync(work, { recursive: true })
})

/** Runs a program and gives its output. Asynchronously, because the registry is in this process. */
async function run(folder, command, args, env = {}) {
  const clean = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^npm_|^NODE_OPTIONS$/i.test(name)))
  const options = { cwd: folder, env: { ...clean, npm_config_cache: join(work, 'cache'), ...env }, timeout: 240_000 }
  const { stdout, stderr } = await promisify(execFile)(command, args, options)
  return stdout + stderr
}

function project(name, files = {}) {
  const folder = join(work, name)
  mkdirSync(folder)
  const manifest = { name: `try-${name}`, private: true, type: 'module', dependencies: { heartwire: 'latest' } }
  for (const [file, text] of Object.entries({ 'package.json': JSON.stringify(manifest), 'bot.mjs': BOT, ...files }))
    writeFileSync(join(folder, file), text)
  return folder
}

const talks = (said) => assert.match(said, /ok host\nok background\nthrough/)

// Package managers

const MANAGERS = {
  npm: ['npm', ['install', '--no-audit', '--no-fund']],
  pnpm: [bin('pnpm'), ['install', '--no-frozen-lockfile', '--ignore-workspace']],
  'yarn classic': ['node', [join(here, 'node_modules/yarn/bin/yarn.js'), 'install', '--no-progress']],
  bun: [join(here, 'node_modules/@oven/bun-linux-x64/bin/bun'), ['install']],
}

for (const [name, [command, args]] of Object.entries(MANAGERS)) {
  test(`${name} installs what this platform needs, and nothing else`, async () => {
    const folder = project(name.replace(' ', '-'), {
      '.npmrc': `registry=${registry.url}/\n`,
      '.yarnrc': `registry "${registry.url}/"\ncache-folder "${work}/yarn-cache"\n`,
      'bunfig.toml': `[install]\nregistry = "${registry.url}/"\n[install.cache]\ndisable = true\n`,
    })
    await run(folder, command, args, { HOME: work, XDG_CACHE_HOME: join(work, 'xdg'), XDG_DATA_HOME: join(work, 'xdg') })
    talks(await run(folder, 'node', ['bot.mjs']))
  })
}

test('yarn with Plug and Play unplugs the addon', async () => {
  const folder = project('pnp', {
    '.yarnrc.yml': `npmRegistryServer: "${registry.url}"\nunsafeHttpWhitelist: ["127.0.0.1"]\nenableTelemetry: false\nnpmMinimalAgeGate: 0\nglobalFolder: ${work}/berry\nenableGlobalCache: false\n`,
    'yarn.lock': '',
  })
  const yarn = join(here, 'node_modules/@yarnpkg/cli-dist/bin/yarn.js')
  await run(folder, 'node', [yarn, 'install'], { YARN_ENABLE_IMMUTABLE_INSTALLS: '0' })
  talks(await run(folder, 'node', [yarn, 'node', 'bot.mjs']))
})

test('npm without optional dependencies: one line says what is missing', async () => {
  const folder = project('no-optional', { '.npmrc': `registry=${registry.url}/\n` })
  await run(folder, 'npm', ['install', '--no-audit', '--no-fund', '--omit=optional'])
  await assert.rejects(run(folder, 'node', ['bot.mjs']), /@heartwire\/linux-x64-gnu is not installed.*--omit=optional/)
})

// Bundlers: the recipes of the guide

/** A project with the package installed by npm. */
async function installed(name, files) {
  const folder = project(name, { '.npmrc': `registry=${registry.url}/\n`, ...files })
  await run(folder, 'npm', ['install', '--no-audit', '--no-fund'])
  return folder
}

test('esbuild', async () => {
  const folder = await installed('esbuild')
  await run(folder, bin('esbuild'), ['bot.mjs', '--bundle', '--platform=node', '--format=esm', '--packages=external', '--outfile=bot.bundle.mjs'])
  talks(await run(folder, 'node', ['bot.bundle.mjs']))
})

test('webpack', async () => {
  const config = `const external = ({ request }, done) => (/^heartwire/.test(request) ? done(null, \`commonjs \${request}\`) : done())
export default { mode: 'production', target: 'node20', entry: './bot.mjs', output: { path: \`\${process.cwd()}/dist\`, filename: 'bot.cjs' }, externals: [external] }`
  const folder = await installed('webpack', { 'webpack.config.mjs': config })
  const program = `import webpack from ${JSON.stringify(join(here, 'node_modules/webpack/lib/index.js'))}
import config from './webpack.config.mjs'
webpack(config, (error, stats) => { if (error || stats.hasErrors()) { console.error(error ?? stats.toString()); process.exit(1) } })`
  writeFileSync(join(folder, 'build.mjs'), program)
  await run(folder, 'node', ['build.mjs'])
  talks(await run(folder, 'node', ['dist/bot.cjs']))
})

test('rollup', async () => {
  const config = "export default { input: 'bot.mjs', external: [/^heartwire/, /^node:/], output: { file: 'bot.bundle.mjs', format: 'es' } }"
  const folder = await installed('rollup', { 'rollup.config.mjs': config })
  await run(folder, bin('rollup'), ['-c', 'rollup.config.mjs'])
  talks(await run(folder, 'node', ['bot.bundle.mjs']))
})

test('vite, for a server', async () => {
  const folder = await installed('vite')
  await run(folder, bin('vite'), ['build', '--ssr', 'bot.mjs', '--outDir', 'dist', '--logLevel', 'error'])
  talks(await run(folder, 'node', ['dist/bot.js']))
})

test('@vercel/nft, with which Next.js and Vercel trace, takes the addon along', async () => {
  const { nodeFileTrace } = await import('@vercel/nft')
  const folder = await installed('nft')
  const { fileList } = await nodeFileTrace([join(folder, 'bot.mjs')], { base: folder })
  assert.ok(
    [...fileList].some((file) => file.endsWith('@heartwire/linux-x64-gnu/heartwire.node')),
    [...fileList].join('\n'),
  )
  const traced = join(work, 'traced')
  for (const file of fileList) cpSync(join(folder, file), join(traced, file), { recursive: true })
  talks(await run(traced, 'node', ['bot.mjs']))
})

test('a single executable of Node, with node_modules beside it', async () => {
  const main = `const { createRequire } = require('node:module')
const { pathToFileURL } = require('node:url')
const beside = createRequire(process.execPath)
const { WebSocket } = beside('heartwire')
const { FaultServer } = beside('heartwire/testing')
const server = new FaultServer([{ do: 'accept' }, { do: 'send', text: 'hello' }])
const ws = new WebSocket(server.url)
ws.onmessage = () => ws.close()
ws.onclose = ({ code }) => { server.stop(); console.log('closed', code, typeof pathToFileURL) }`
  const config = JSON.stringify({ main: 'main.cjs', output: 'sea.blob', disableExperimentalSEAWarning: true })
  const folder = await installed('sea', { 'main.cjs': main, 'sea.json': config })
  await run(folder, 'node', ['--experimental-sea-config', 'sea.json'])
  copyFileSync(process.execPath, join(folder, 'bot'))
  chmodSync(join(folder, 'bot'), 0o755)
  const fuse = 'NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2'
  await run(folder, bin('postject'), ['bot', 'NODE_SEA_BLOB', 'sea.blob', '--sentinel-fuse', fuse])
  assert.match(await run(folder, join(folder, 'bot'), []), /closed 1005 function/)
})
