// Lets a browser open a page and report its title: `devtools.mjs URL PAGE`.

import process from 'node:process'
import { WebSocket } from 'heartwire'

const [url, page] = process.argv.slice(2)
const ws = new WebSocket(url)
const answers = new Map()
const loaded = new Promise((resolve) => answers.set('Page.loadEventFired', resolve))
let calls = 0

ws.onmessage = (event) => {
  const { id, method, result } = event.json()
  answers.get(id ?? method)?.(result)
}

function call(method, params, session) {
  ws.sendJSON({ id: ++calls, method, params, ...session })
  return new Promise((resolve) => answers.set(calls, resolve))
}

async function evaluate(expression) {
  return (await call('Runtime.evaluate', { expression }, session)).result.value
}

await ws.opened
const { targetId } = await call('Target.createTarget', { url: 'about:blank' })
const session = await call('Target.attachToTarget', { targetId, flatten: true })
await call('Page.enable', {}, session)
await call('Page.navigate', { url: page }, session)
await loaded
const title = await evaluate('document.title')
const large = (await evaluate(`'${'x'.repeat(2 ** 20)}'.toUpperCase()`)).length
await call('Target.closeTarget', { targetId })
ws.close()
await ws.closed
console.log(JSON.stringify({ title, large }))
