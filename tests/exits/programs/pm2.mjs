// Owns: the program of plain.mjs as PM2 runs it: `pm2.mjs HOST WAY`. PM2's own status says whether PM2 had come to an end, so this one tells its status.
import { appendFileSync } from 'node:fs'
import process from 'node:process'

if (['return', 'exit', 'exception'].includes(process.argv[3])) process.on('exit', (code) => appendFileSync('said', `\nstatus ${code}\n`))
await import('./plain.mjs')
