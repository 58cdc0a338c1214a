// One page of the Web Platform Tests in Node, with Heartwire's class as the platform's: `page.mjs URL SECONDS`.
// It owns the stand-in for a window; it runs the page's scripts in order and prints the subtests' results as one line of JSON.
import process from 'node:process'
import { runInThisContext } from 'node:vm'

const [url, seconds] = process.argv.slice(2)
const hidden = { writable: true, enumerable: false, configurable: true }
const statuses = ['PASS', 'FAIL', 'TIMEOUT', 'NOTRUN', 'PRECONDITION_FAILED']
const faults = []

// In Node our events are also instances of Node's classes, which stand between them and Event. Here, ours are the platform's.
for (const name of ['CloseEvent', 'MessageEvent']) Reflect.deleteProperty(globalThis, name)
const { CloseEvent, MessageEvent, WebSocket } = await import('heartwire')
for (const [name, value] of Object.entries({ WebSocket, CloseEvent, MessageEvent })) Object.defineProperty(globalThis, name, { value, ...hidden })
const ofNode = fetch
const Window = Object.getPrototypeOf(globalThis).constructor
const window = { self: globalThis, window: globalThis, Window, location: new URL(url), fetch: (address, init) => ofNode(new URL(address, url), init) }
for (const [name, value] of Object.entries(window)) Object.defineProperty(globalThis, name, { value, ...hidden })

/** Reports and ends; the first report is the one that suite.py reads. */
function report(tests, fault) {
  process.stdout.write(`${JSON.stringify({ tests, fault })}\n`, () => process.exit(0))
}

function watch() {
  globalThis.add_completion_callback((tests, harness) => {
    const results = tests.map(({ name, status, message }) => ({ name, status: statuses[status], message }))
    report(results, harness.status === 0 ? null : (harness.message ?? `the harness ended with status ${harness.status}`))
  })
}

process.on('uncaughtException', (error) => {
  faults.push(error)
  const event = Object.assign(new Event('error', { cancelable: true }), { message: `${error?.message ?? error}`, error })
  globalThis.onerror?.(event.message, url, 0, 0, error)
})
setTimeout(() => {
  globalThis.timeout?.()
  setTimeout(() => report([], `nothing after ${seconds} s${faults.length > 0 ? `: ${faults[0]?.stack}` : ''}`), 1000)
}, 1000 * Number(seconds))

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

run().catch((error) => report([], error.stack))
