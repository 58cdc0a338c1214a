// Owns: a program whose child has the socket: `cluster.mjs WAY`. The primary prints the child's status.
import cluster from 'node:cluster'
import { constants } from 'node:os'
import { fileURLToPath } from 'node:url'

// Ctrl+C is left to the child.
process.on('SIGINT', () => {})
cluster.setupPrimary({ exec: fileURLToPath(new URL('plain.mjs', import.meta.url)), args: ['host', process.argv[2]] })
cluster.fork().on('exit', (code, signal) => console.log('status', signal === null ? code : -constants.signals[signal]))
