// Owns: how jest runs the programs here: as they are, in its own module registry and realm.
module.exports = { testEnvironment: 'node', transform: {}, testMatch: ['**/*.case.cjs'], watchman: false, cache: false, testTimeout: 120_000 }
