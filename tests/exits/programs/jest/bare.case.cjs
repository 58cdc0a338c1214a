// Owns: a second file, for which jest starts processes.
test('nothing', () => {})
