// @ts-check
// Owns: `import 'heartwire/install'`: puts the classes on globalThis if it lacks them.
'use strict'

require('./globals.js').install(false)
