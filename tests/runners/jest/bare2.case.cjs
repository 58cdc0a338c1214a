// Owns: a file that loads the package and makes no socket, under jest.
test('the package is there', () => {
  expect(typeof require('heartwire')).toBe('function')
})
