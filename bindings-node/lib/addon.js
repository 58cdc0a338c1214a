// @ts-check
// Owns: finding and loading the compiled addon, the message if it is missing, and the addon's functions for this copy of the package's modules.
// Several copies may share one addon (jest, a bundler beside a require, a cleared require.cache); each has its own sockets. Knows nothing of the
// functions' work.
'use strict'

const { existsSync } = require('node:fs')
const { join } = require('node:path')

const { platform, arch } = process

/**
 * The packages of the platforms. Each name is a literal, so that bundlers and tracers (@vercel/nft) see it.
 * @type {Record<string, () => unknown>}
 */
const PACKAGES = {
  'linux-x64-gnu': () => require('@heartwire/linux-x64-gnu'),
  'linux-x64-musl': () => require('@heartwire/linux-x64-musl'),
  'linux-arm64-gnu': () => require('@heartwire/linux-arm64-gnu'),
  'linux-arm64-musl': () => require('@heartwire/linux-arm64-musl'),
  'darwin-x64': () => require('@heartwire/darwin-x64'),
  'darwin-arm64': () => require('@heartwire/darwin-arm64'),
  'win32-x64': () => require('@heartwire/win32-x64'),
  'win32-arm64': () => require('@heartwire/win32-arm64'),
}

/** The names that this machine may load. On Linux both kinds of libc are tried, because a check of the machine's libc costs more. */
const names = (platform === 'linux' ? ['-gnu', '-musl'] : ['']).map((libc) => `${platform}-${arch}${libc}`)

/** @returns {any} */
function load() {
  /** @type {{ name: string, error: Error }[]} */
  const failures = []
  for (const name of names) {
    // A checkout builds its own addon beside package.json.
    const built = join(__dirname, '..', `heartwire.${name}.node`)
    try {
      if (existsSync(built)) return require(built)
      if (PACKAGES[name] !== undefined) return PACKAGES[name]()
    } catch (error) {
      failures.push({ name, error: /** @type {Error} */ (error) })
    }
  }
  throw Object.assign(new Error(explain(failures)), { code: 'HEARTWIRE_ADDON_MISSING', causes: failures.map(({ error }) => error) })
}

/**
 * One line: the missing package, and what to do.
 * @param {{ name: string, error: Error }[]} failures
 */
function explain(failures) {
  const here = `${platform} ${arch}`
  if (!names.some((name) => name in PACKAGES)) {
    const known = Object.keys(PACKAGES).join(', ')
    return `heartwire has no build for ${here}: there are ${known}. A checkout builds one with "npm install ./bindings-node" (needs Rust).`
  }
  const wanted = platform === 'linux' ? names[isMusl() ? 1 : 0] : names[0]
  const found = failures.find(({ name, error }) => name === wanted && !isMissing(error, name))
  const glibc = found && /GLIBC_([\d.]+)' not found/.exec(found.error.message)
  if (glibc) return `heartwire needs glibc ${glibc[1]} or later, and this system has ${glibcVersion() ?? 'an older one'}: use a newer system image.`
  if (found) return `heartwire could not load @heartwire/${wanted} on ${here}: ${found.error.message.split('\n')[0]}`
  const other = names.find((name) => name !== wanted && failures.some((failure) => failure.name === name && !isMissing(failure.error, name)))
  const mixed = other === undefined ? '' : ` @heartwire/${other} is there, which is for the other libc: node_modules was installed on another system.`
  return (
    `heartwire has no compiled part for ${here}: the package @heartwire/${wanted} is not installed.${mixed} Install it with "npm install ` +
    `@heartwire/${wanted}". It is an optional dependency: --omit=optional and --no-optional leave it out, a lock file from another system can lack it, ` +
    'and a bundler must keep heartwire external.'
  )
}

/** @param {Error} error @param {string} name */
function isMissing(error, name) {
  return /** @type {NodeJS.ErrnoException} */ (error).code === 'MODULE_NOT_FOUND' && error.message.includes(`@heartwire/${name}`)
}

/** @returns {string | undefined} nothing with musl */
function glibcVersion() {
  const report = /** @type {any} */ (process.report?.getReport())
  return report?.header?.glibcVersionRuntime
}

/** Used only for the words of an error: the report takes tens of milliseconds. */
function isMusl() {
  return process.report !== undefined && !glibcVersion()
}

module.exports = load().copy()
