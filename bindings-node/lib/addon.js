// @ts-check
// Owns: finding and loading the compiled addon. Knows nothing of what is in it.
'use strict'

const { existsSync } = require('node:fs')
const { join } = require('node:path')

const root = join(__dirname, '..')
const { platform, arch } = process
const libcs = platform === 'linux' ? ['-gnu', '-musl'] : ['']

/** @returns {any} */
function load() {
  const attempts = []
  for (const libc of libcs) {
    const file = join(root, `heartwire.${platform}-${arch}${libc}.node`)
    if (!existsSync(file)) {
      attempts.push(`${file}: no such file`)
      continue
    }
    try {
      return require(file)
    } catch (error) {
      attempts.push(`${file}: ${error instanceof Error ? error.message : error}`)
    }
  }
  throw Object.assign(
    new Error(
      `Heartwire has no compiled addon for ${platform} ${arch} here. In a checkout, build it with "npm run build" in bindings-node ` +
        `(it needs Rust); an installed package should contain it.\nTried:\n  ${attempts.join('\n  ')}`,
    ),
    { code: 'HEARTWIRE_ADDON_MISSING' },
  )
}

module.exports = load()
