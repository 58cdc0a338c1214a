// Owns: the shared parts of the tests: bounded waits, child processes. Knows no single test.
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('..', import.meta.url))

/** A promise that rejects after `ms`, so that no test hangs. */
export function within(promise, what, ms = 60_000) {
  let timer
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: nothing in ${ms} ms`)), ms)
  })
  return Promise.race([promise, late]).finally(() => clearTimeout(timer))
}

/** The next event of a type. */
export function next(target, type, ms) {
  return within(new Promise((resolve) => target.addEventListener(type, resolve, { once: true })), `the event ${type}`, ms)
}

/** Everything that happens on a socket, as `[type, readyState]`, until it closes for good. */
export function history(ws, types = ['open', 'message', 'error', 'close']) {
  const seen = []
  for (const type of types) ws.addEventListener(type, (event) => seen.push([type, ws.readyState, event]))
  return seen
}

/** Runs a module in a child process of this Node. Gives `{code, signal, out, err}`; `onLine` gets its output, line by line. */
export function child(source, { args = [], nodeArgs = [], ...how } = {}) {
  return run([...nodeArgs, '--input-type=module', '-e', source, '--', ...args], how)
}

/** Runs this Node with arguments, as `child` does. */
export function run(args, { onLine, ms = 60_000, env } = {}) {
  const process_ = spawn(process.execPath, args, {
    cwd: root,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let out = ''
  let err = ''
  process_.stdout.setEncoding('utf8').on('data', (text) => {
    out += text
    for (const line of text.split('\n').filter(Boolean)) onLine?.(line, process_)
  })
  process_.stderr.setEncoding('utf8').on('data', (text) => {
    err += text
  })
  const ended = new Promise((resolve) => process_.on('close', (code, signal) => resolve({ code, signal, out, err })))
  return within(ended, 'the end of the child process', ms).finally(() => process_.kill('SIGKILL'))
}
