// @ts-check
// Owns: `import 'heartwire/install/force'`: the classes on globalThis in place of those that are there.
'use strict'

require('./globals.js').install(true)
