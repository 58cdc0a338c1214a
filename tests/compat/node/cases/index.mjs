// Owns: the list of the cases. Each has a client side, `start`, which runs in a child, and a server side, `serve` and `push`.
import { bots } from './bots.mjs'
import { classes } from './classes.mjs'

export const cases = { ...bots, ...classes }
