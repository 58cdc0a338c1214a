// Owns: one of two files with sockets, under vitest.
import { createRequire } from 'node:module'
import heartwire from 'heartwire'
import { expect, test } from 'vitest'

const require = createRequire(import.meta.url)
const { cases } = require('../cases.cjs')

/** One copy of vitest's, one beside it: as a bundler beside a require has it. */
let count = 0

cases({ test, expect, load: () => (count++ % 2 === 0 ? heartwire : anew()) })

function anew() {
  for (const key of Object.keys(require.cache)) if (/bindings-node.lib/.test(key)) delete require.cache[key]
  return require('heartwire')
}
