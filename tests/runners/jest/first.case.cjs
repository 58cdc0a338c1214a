// Owns: one of two files with sockets, under jest.
const { cases } = require('../cases.cjs')

cases({
  test,
  expect,
  load() {
    jest.resetModules()
    return require('heartwire')
  },
})
