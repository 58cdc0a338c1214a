// Owns: a test that leaves its socket open, under jest.
require('../case.cjs')(test, require('heartwire').WebSocket)
