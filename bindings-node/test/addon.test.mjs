// Owns: the loader's messages without an addon. Each case is a package in a folder of its own, in a child process.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const lib = fileURLToPath(new URL('../lib', import.meta.url))

/** What `require('heartwire')` says where `packages` (name → source of its main file) are installed, on the given platform. */
function load(t, packages, { platform = 'linux', arch = 'x64', glibc = '2.36' } = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'heartwire-addon-'))
  t.after(() => rmSync(folder, { recursive: true }))
  cpSync(lib, join(folder, 'node_modules/heartwire/lib'), { recursive: true })
  for (const [name, source] of Object.entries(packages)) {
    mkdirSync(join(folder, 'node_modules', name), { recursive: true })
    writeFileSync(join(folder, 'node_modules', name, 'index.js'), source)
  }
  const program = `
    Object.defineProperty(process, 'platform', { value: ${JSON.stringify(platform)} })
    Object.defineProperty(process, 'arch', { value: ${JSON.stringify(arch)} })
    process.report.getReport = () => ({ header: { glibcVersionRuntime: ${JSON.stringify(glibc)} } })
    try { console.log(JSON.stringify({ loaded: require('heartwire/lib/addon.js') })) }
    catch (error) { console.log(JSON.stringify({ code: error.code, message: error.message })) }`
  const { stdout, stderr } = spawnSync(process.execPath, ['-e', program], { cwd: folder, encoding: 'utf8' })
  assert.equal(stderr, '')
  return JSON.parse(stdout)
}

/** The source of a package whose addon gives each evaluation of lib/ its own `functions`. @param {number} functions */
const addon = (functions) => `exports.copy = () => ${functions}`
const broken = (message) => `throw new Error(${JSON.stringify(message)})`

function saysInOneLine({ code, message }, ...patterns) {
  assert.equal(code, 'HEARTWIRE_ADDON_MISSING')
  assert.ok(!message.includes('\n'), message)
  for (const pattern of patterns) assert.match(message, pattern)
}

test('the package of the platform is loaded', (t) => {
  assert.deepEqual(load(t, { '@heartwire/linux-x64-gnu': addon(1) }), { loaded: 1 })
  assert.deepEqual(load(t, { '@heartwire/linux-arm64-musl': addon(2) }, { arch: 'arm64', glibc: null }), { loaded: 2 })
  assert.deepEqual(load(t, { '@heartwire/darwin-arm64': addon(3) }, { platform: 'darwin', arch: 'arm64' }), { loaded: 3 })
})

test('a platform without a build is named, with those that have one', (t) => {
  saysInOneLine(load(t, {}, { platform: 'freebsd' }), /no build for freebsd x64/, /linux-x64-gnu/)
  saysInOneLine(load(t, {}, { arch: 'ia32' }), /no build for linux ia32/)
})

test('a missing optional dependency is named, with what leaves it out', (t) => {
  saysInOneLine(load(t, {}), /@heartwire\/linux-x64-gnu is not installed/, /--omit=optional/, /lock file/)
  saysInOneLine(load(t, {}, { glibc: null }), /@heartwire\/linux-x64-musl is not installed/)
})

test('a package for the other libc is told apart', (t) => {
  const musl = { '@heartwire/linux-x64-musl': broken('libc.musl-x86_64.so.1: cannot open shared object file') }
  saysInOneLine(load(t, musl), /linux-x64-gnu is not installed/, /linux-x64-musl is there, which is for the other libc/)
})

test('a glibc that is too old is named with both versions', (t) => {
  const old = { '@heartwire/linux-x64-gnu': broken("/lib/libc.so.6: version `GLIBC_2.17' not found (required by heartwire.node)") }
  saysInOneLine(load(t, old, { glibc: '2.12' }), /needs glibc 2\.17 or later, and this system has 2\.12/)
})

test('an addon that is there and does not load tells why', (t) => {
  saysInOneLine(load(t, { '@heartwire/linux-x64-gnu': broken('file too short\nmore') }), /could not load @heartwire\/linux-x64-gnu/, /file too short/)
})
