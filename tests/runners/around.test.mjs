// Owns: the Close at exit beside other packages that change signals and processes: signal-exit, PM2.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { FaultServer } from 'heartwire/testing'

const here = fileURLToPath(new URL('.', import.meta.url))
const modules = fileURLToPath(new URL('../node_modules/', import.meta.url))
const { NODE_TEST_CONTEXT, ...environment } = process.env

/** Runs a module; `onLine` sees each line that it prints. */
function play(source, onLine) {
  const child = spawn(process.execPath, ['--input-type=module', '-e', source], { cwd: here, env: environment, stdio: ['ignore', 'pipe', 'pipe'] })
  let out = ''
  let err = ''
  child.stdout.setEncoding('utf8').on('data', (text) => {
    out += text
    for (const line of text.split('\n').filter(Boolean)) onLine(line, child)
  })
  child.stderr.setEncoding('utf8').on('data', (text) => {
    err += text
  })
  const late = setTimeout(() => child.kill('SIGKILL'), 60_000)
  return new Promise((resolve) =>
    child.on('close', (code, signal) => {
      clearTimeout(late)
      resolve({ code, signal, out, err })
    }),
  )
}

const onExit = `const { onExit } = await import('signal-exit'); onExit((code, signal) => console.log('onExit', code, signal))`

for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) {
  for (const [name, before, after] of [
    ['loaded before the socket', onExit, ''],
    ['loaded after the socket', '', onExit],
    ['loaded and unloaded', `const { load, unload } = await import('signal-exit'); load(); unload()`, ''],
  ]) {
    test(`signal-exit, ${name}: ${signal}`, async () => {
      const server = new FaultServer([{ do: 'accept' }, { do: 'echo' }])
      const ended = await play(
        `
        import { WebSocket } from 'heartwire'
        ${before}
        const ws = new WebSocket('${server.url}')
        await ws.opened
        ${after}
        console.log('ready')`,
        (line, child) => line === 'ready' && child.kill(signal),
      )
      const words = name.includes('unloaded') ? 'ready\n' : `ready\nonExit null ${signal}\n`
      assert.deepEqual([ended.code, ended.signal, ended.out, ended.err], [null, signal, words, ''])
      await server.waitFor({ event: 'close', code: 1001 })
      server.stop()
    })
  }
}

for (const mode of ['fork', 'cluster']) {
  test(`PM2 in ${mode} mode: stop and restart`, async () => {
    const home = mkdtempSync(join(tmpdir(), 'heartwire-pm2-'))
    const server = new FaultServer([{ do: 'accept' }, { do: 'echo' }])
    const env = { ...environment, PM2_HOME: home, HEARTWIRE_TEST_URL: server.url, PM2_DISCRETE_MODE: 'true' }
    const pm2 = (...args) =>
      new Promise((resolve, reject) => {
        const child = spawn(process.execPath, [`${modules}pm2/bin/pm2`, ...args], { cwd: here, env, stdio: ['ignore', 'pipe', 'pipe'] })
        let words = ''
        for (const stream of [child.stdout, child.stderr]) {
          stream.on('data', (text) => {
            words += text
          })
        }
        child.on('exit', (code) => (code === 0 ? resolve(words) : reject(new Error(`pm2 ${args.join(' ')}: ${code}\n${words}`))))
      })
    try {
      const modeArgs = mode === 'cluster' ? ['-i', '1'] : []
      await pm2('start', 'bot.cjs', '--name', 'bot', '--kill-timeout', '20000', ...modeArgs)
      await server.waitFor({ event: 'open', connection: 0 }, 60_000)
      await pm2('restart', 'bot')
      await server.waitFor({ event: 'close', code: 1001, connection: 0 }, 30_000)
      await server.waitFor({ event: 'open', connection: 1 }, 60_000)
      await pm2('stop', 'bot')
      await server.waitFor({ event: 'close', code: 1001, connection: 1 }, 30_000)
    } finally {
      await pm2('kill').catch(() => {})
      rmSync(home, { recursive: true, force: true })
      server.stop()
    }
  })
}
