// Owns: how vitest runs the files here.
export default { test: { include: ['**/*.case.mjs'], watch: false, testTimeout: 120_000, teardownTimeout: 20_000 } }
