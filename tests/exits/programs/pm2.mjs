// Owns: the program of plain.mjs as PM2 runs it: `pm2.mjs HOST WAY`. PM2's own status is that of PM2, so this program records its status.
import { appendFileSync } from 'node:fs'
import process from 'node:process'

if (['return', 'exit', 'exception'].includes(process.argv[3])) process.on('exit', (code) => appendFileSync('said', `\nstatus ${code}\n`))
await import('./plain.mjs')
