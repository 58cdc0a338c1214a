// Owns: a user's test that leaves its socket open, under any runner. Knows no runner: `test` is an argument.
'use strict'

/** @param {any} test @param {any} WebSocket */
module.exports = (test, WebSocket) => {
  test('a socket', async () => {
    const ws = new WebSocket(process.env.EXITS_URL)
    ws.onopen = () => ws.send(`ready ${process.pid}`)
    await new Promise((resolve) => {
      ws.onmessage = () => {
        if (process.env.EXITS_WAY === 'exit') process.exit(3)
        resolve(undefined)
      }
    })
    if (process.env.EXITS_WAY === 'exception') throw new Error('as the test wants it')
  })
}
