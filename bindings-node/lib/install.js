// @ts-check
// Owns: `import 'heartwire/install'`: the classes on globalThis where there are none.
'use strict'

require('./globals.js').install(false)
