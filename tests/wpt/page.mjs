// One page of the Web Platform Tests in Node, with Heartwire's class as the platform's: `page.mjs URL SECONDS [worker]`.
// It owns the stand-in for a window; it runs the page's scripts in order and prints the subtests' results as one line of JSON. With `worker` all of
// that happens on a worker thread.
import process from 'node:process'
import { runInThisContext } from 'node:vm'
import { isMainThread, parentPort, Worker } from 'node:worker_threads'

const [url, seconds, where] = process.argv.slice(2)
const hidden = { writable: true, enumerable: false, configurable: true }
const statuses = ['PASS', 'FAIL', 'TIMEOUT', 'NOTRUN', 'PRECONDITION_FAILED']
const faults = []

function prepare() {
  const ofNode = fetch
  const Window = Object.getPrototypeOf(globalThis).constructor
  const window = {
    self: globalThis,
    window: globalThis,
    Window,
    location: new URL(url),
    fetch: (address, init) => ofNode(new URL(address, url), init),
  }
  for (const [name, value] of Object.entries(window)) Object.defineProperty(globalThis, name, { value, ...hidden })
  process.on('uncaughtException', (error) => {
    faults.push(error)
    const event = Object.assign(new Event('error', { cancelable: true }), { message: `${error?.message ?? error}`, error })
    globalThis.onerror?.(event.message, url, 0, 0, error)
  })
  setTimeout(() => {
    globalThis.timeout?.()
    setTimeout(() => report([], `nothing after ${seconds} s${faults.length > 0 ? `: ${faults[0]?.stack}` : ''}`), 1000)
  }, 1000 * Number(seconds))
}

/** Reports and ends; the first report is the one that suite.py reads. */
function report(tests, fault) {
  const line = `${JSON.stringify({ tests, fault })}\n`
  if (isMainThread) process.stdout.write(line, () => process.exit(0))
  else parentPort.postMessage(line)
}

function watch() {
  globalThis.add_completion_callback((tests, harness) => {
    const results = tests.map(({ name, status, message }) => ({ name, status: statuses[status], message }))
    report(results, harness.status === 0 ? null : (harness.message ?? `the harness ended with status ${harness.status}`))
  })
}

async function text(address) {
  const response = await fetch(address)
  if (!response.ok) throw new Error(`${address}: status ${response.status}`)
  const bytes = Buffer.from(await response.arrayBuffer())
  const charset = /<meta charset="?([^">\s]+)/.exec(bytes.toString('latin1'))?.[1]
  return new TextDecoder(charset ?? 'utf-8').decode(bytes)
}

async function run() {
  const html = await text(url)
  for (const [, attributes, inline] of html.matchAll(/<script([^>]*)>([\s\S]*?)<\/script>/g)) {
    const source = /src="?([^"\s>]+)"?/.exec(attributes)?.[1]
    const address = source && new URL(source, url)
    if (address?.pathname === '/resources/testharnessreport.js') continue
    runInThisContext(address ? await text(address) : inline, { filename: `${address ?? url}` })
    if (address?.pathname === '/resources/testharness.js') watch()
  }
}

if (isMainThread && where === 'worker') {
  const worker = new Worker(new URL(import.meta.url), { argv: process.argv.slice(2) })
  worker.once('message', (line) => process.stdout.write(line, () => process.exit(0)))
  worker.once('error', (error) => process.stdout.write(`${JSON.stringify({ tests: [], fault: error.stack })}\n`, () => process.exit(0)))
} else {
  // As for a user: Node's own MessageEvent and all other globals stay.
  await import('heartwire/install/force')
  prepare()
  run().catch((error) => report([], error.stack))
}
