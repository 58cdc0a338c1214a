// Owns: the program of copies.test.mjs, for its own process: several copies of the package's JavaScript over one addon, in the main thread or in a
// worker.
// `copies.cjs HOW PLACE ACT URL ROOT...`
'use strict'

const fs = require('node:fs')
const path = require('node:path')
const vm = require('node:vm')
const { Worker, isMainThread } = require('node:worker_threads')

const [how, place, act, url, ...roots] = process.argv.slice(2)

/** Each makes a copy. */
const loads = {
  /** The scripts are evaluated again, over the addon that is loaded already. */
  scripts() {
    for (const key of Object.keys(require.cache)) if (key.endsWith('.js')) delete require.cache[key]
    return require(path.join(roots[0], 'lib'))
  },
  /** The addon is loaded again, too. */
  everything() {
    for (const key of Object.keys(require.cache)) delete require.cache[key]
    return require(path.join(roots[0], 'lib'))
  },
  /** Each in its own realm with its own `process`, which gets no exit event: as in jest. */
  realms() {
    const global = vm.createContext({})
    for (const name of Object.getOwnPropertyNames(globalThis)) {
      // Node 25 warns where its storage is read and has no file.
      if (!(name in global) && !/^(local|session)Storage$/.test(name)) global[name] = globalThis[name]
    }
    global.process = Object.assign(Object.create(Object.getPrototypeOf(process)), process, { _events: {}, nextTick: () => {} })
    const modules = new Map()
    const load = (/** @type {string} */ file) => {
      const module = modules.get(file) ?? { exports: {} }
      if (modules.has(file)) return module.exports
      modules.set(file, module)
      const source = `(function (exports, require, module, __filename, __dirname) {${fs.readFileSync(file, 'utf8')}\n})`
      const find = (/** @type {string} */ name) => (name.startsWith('./') ? load(path.join(path.dirname(file), name)) : require(name))
      new vm.Script(source, { filename: file }).runInContext(global).call(module, module.exports, find, module, file, path.dirname(file))
      return module.exports
    }
    return load(path.join(roots[0], 'lib', 'index.js'))
  },
  /** Two versions side by side. */
  installations() {
    const root = roots.shift() ?? ''
    roots.push(root)
    return require(path.join(root, 'lib'))
  },
}

const load = Reflect.get(loads, how)
const COPIES = 4

/** @param {any} ws */
const open = (ws) => new Promise((resolve) => ws.addEventListener('open', resolve, { once: true }))
/** @param {any} ws */
const closed = (ws) => new Promise((resolve) => ws.addEventListener('close', resolve, { once: true }))

/** A socket of each of several copies, all open at once. */
async function sockets() {
  const all = Array.from({ length: COPIES }, () => new (load().WebSocket)(url))
  await Promise.all(all.map(open))
  return all
}

const acts = {
  load() {
    for (let count = 0; count < COPIES; count++) load()
  },
  /** One after the other, as a runner's files in one process. */
  async inTurn() {
    for (let count = 0; count < COPIES; count++) {
      const ws = new (load().WebSocket)(url)
      await open(ws)
      ws.close()
      await closed(ws)
    }
  },
  /** At the same time: each gets its own events, once. */
  async atOnce() {
    const all = await sockets()
    const seen = all.map(() => /** @type {string[]} */ ([]))
    const heard = all.map(
      (ws, index) => new Promise((resolve) => ws.addEventListener('message', (/** @type {any} */ event) => resolve(seen[index].push(event.data)))),
    )
    for (const [index, ws] of all.entries()) ws.send(`${index}`)
    await Promise.all(heard)
    for (const ws of all) ws.close(1000)
    await Promise.all(all.map(closed))
    console.log(seen.map((words) => words.join()).join(' '))
  },
  /** Collected copies leave nothing behind. */
  async collect() {
    /** @type {WeakRef<any>[]} */
    const refs = []
    for (let count = 0; count < 8; count++) {
      await (async () => {
        const { WebSocket } = load()
        refs.push(new WeakRef(WebSocket))
        if (count % 2 === 0) return
        const ws = new WebSocket(url)
        await open(ws)
        ws.close()
        await closed(ws)
      })()
    }
    for (const key of Object.keys(require.cache)) delete require.cache[key]
    module.children.length = 0
    // The last ones may still be on a stack.
    for (let round = 0; round < 500 && refs.filter((ref) => ref.deref()).length > 2; round++) {
      await new Promise((resolve) => setTimeout(resolve, 10))
      Reflect.get(globalThis, 'gc')()
    }
    console.log('left', refs.filter((ref) => ref.deref()).length <= 2 ? 'none' : refs.filter((ref) => ref.deref()).length)
  },
  async exit() {
    await sockets()
    process.exit(7)
  },
  async signal() {
    await sockets()
    process.kill(process.pid, 'SIGTERM')
  },
  async throws() {
    const [ws] = await sockets()
    ws.onmessage = () => {
      throw new Error('boom')
    }
    ws.send('go')
  },
}

if (place === 'worker' && isMainThread) {
  const worker = new Worker(__filename, { argv: process.argv.slice(2) })
  worker.on('exit', (code) => {
    process.exitCode = code
  })
} else void Reflect.get(acts, act)()
