// Owns: a user's tests of sockets, for any runner. Knows no runner: `test` and `expect` are arguments.
'use strict'

const URL = process.env.HEARTWIRE_TEST_URL

/** @param {any} ws @param {string} type */
const next = (ws, type) => new Promise((resolve) => ws.addEventListener(type, resolve, { once: true }))

/**
 * @param {{ test: any, expect: any, load: () => any }} runner `load` evaluates the package again, if the runner can
 */
function cases({ test, expect, load }) {
  test('a socket has its events, once', async () => {
    const { WebSocket } = load()
    const ws = new WebSocket(URL)
    /** @type {string[]} */
    const seen = []
    for (const type of ['open', 'message', 'close']) ws.addEventListener(type, () => seen.push(type))
    await next(ws, 'open')
    ws.send('hello')
    const { data } = /** @type {any} */ (await next(ws, 'message'))
    expect(data).toBe('hello')
    ws.close(1000)
    await next(ws, 'close')
    expect(seen.join()).toBe('open,message,close')
  })

  test('two copies at once do not know each other', async () => {
    const all = [load(), load()].map(({ WebSocket }) => new WebSocket(URL))
    await Promise.all(all.map((ws) => next(ws, 'open')))
    const heard = Promise.all(all.map((ws) => next(ws, 'message')))
    for (const [index, ws] of all.entries()) ws.send(`${index}`)
    expect((await heard).map((/** @type {any} */ event) => event.data).join()).toBe('0,1')
    for (const ws of all) ws.close(1000)
    await Promise.all(all.map((ws) => next(ws, 'close')))
  })
}

module.exports = { URL, cases, next }
