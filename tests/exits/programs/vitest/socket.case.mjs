// Owns: a test that leaves its socket open, under vitest.
import { WebSocket } from 'heartwire'
import { test } from 'vitest'
import playOne from '../case.cjs'

playOne(test, WebSocket)
