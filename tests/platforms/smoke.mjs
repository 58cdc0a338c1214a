// A bot under both drivers against the fault server: `ok NAME` for each that talked, and `through`. For systems on which the tests themselves do not
// run: it needs nothing but the package.
import assert from 'node:assert/strict'
import { WebSocket } from 'heartwire'
import { FaultServer } from 'heartwire/testing'

const script = [{ do: 'accept' }, { do: 'send', text: 'hello' }, { do: 'expect', text: 'again' }, { do: 'send', text: 'x'.repeat(300_000) }]

for (const driver of ['host', 'background']) {
  const server = new FaultServer(script)
  const ws = new WebSocket(server.url, { driver })
  ws.onmessage = ({ data }) => (data === 'hello' ? ws.send('again') : ws.close(4000))
  const closed = await new Promise((resolve) => {
    ws.onclose = resolve
  })
  assert.equal(closed.code, 4000)
  await server.waitFor({ event: 'close', code: 4000 }, 60_000)
  server.stop()
  console.log('ok', driver)
}
console.log('through')
