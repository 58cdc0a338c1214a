// The chat page in headless Chromium, with a Python and a Node bot in the room: the view of a person who opens it and types.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { chromium } from 'playwright-core'

const root = fileURLToPath(new URL('../../', import.meta.url))
const children = []
let browser
let server

/** Starts a program; resolves with the first line that matches. */
async function start(pattern, program, ...args) {
  const child = spawn(program, args, { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] })
  children.push(child)
  for await (const line of createInterface({ input: child.stdout })) {
    const found = pattern.exec(line)
    if (found) {
      child.stdout.resume()
      return { child, found }
    }
  }
  throw new Error(`${program} ended and never printed ${pattern}`)
}

async function startServer(port) {
  const { child, found } = await start(/http:\/\/127\.0\.0\.1:(\d+)\//, process.env.CHAT_SERVER, '--port', port)
  return { child, page: found[0], url: `${found[0].replace('http', 'ws')}ws`, port: found[1] }
}

before(async () => {
  server = await startServer('0')
  await start(/^open/, process.env.PYTHON, 'examples/python/echo_bot.py', server.url)
  await start(/^open/, process.execPath, 'examples/javascript/echo-bot.mjs', server.url)
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  })
})

after(async () => {
  await browser?.close()
  for (const child of children) child.kill('SIGKILL')
})

/** Opens the page as a new person; `said` waits for a line in the log. */
async function visit() {
  const page = await browser.newPage()
  const errors = []
  page.on('pageerror', (error) => errors.push(error.message))
  page.on('console', (message) => message.type() === 'error' && errors.push(message.text()))
  await page.clock.install()
  await page.goto(server.page)
  await page.waitForSelector('#state[data-state=open]')
  const said = (who, text) => page.waitForSelector(`#log li:has(b:text-is("${who}")):has-text("${text}")`)
  const say = async (text) => {
    await page.fill('#text', text)
    await page.click('#send')
  }
  return { page, errors, said, say }
}

test("a person's message gets the bots' answers", async () => {
  const { page, errors, said, say } = await visit()
  for (const bot of ['python-echo', 'node-echo']) await page.waitForSelector(`#people li:text-is("${bot}")`)
  await say('echo hello from a person')
  const me = await page.inputValue('#name')
  await said(me, 'echo hello from a person')
  await said('python-echo', 'hello from a person')
  await said('node-echo', 'hello from a person')
  assert.deepEqual(errors, [])
  if (process.env.SCREENSHOT) await page.screenshot({ path: process.env.SCREENSHOT })
  await page.close()
})

test('two people see each other, and what they say is text, not HTML', async () => {
  const [ann, bob] = [await visit(), await visit()]
  await ann.page.fill('#name', 'ann')
  await ann.page.press('#name', 'Enter')
  await bob.page.waitForSelector('#people li:text-is("ann")')
  await ann.say('<b>bold?</b>')
  await bob.said('ann', '<b>bold?</b>')
  await ann.page.close()
  await bob.page.waitForSelector('#log li:has-text("ann left.")')
  assert.deepEqual([...ann.errors, ...bob.errors], [])
  await bob.page.close()
})

test('the page sends a heartbeat every 5 s, and shows its round trips', async () => {
  const { page } = await visit()
  await page.waitForSelector('#state:has-text("heartbeat answered")')
  for (const count of [2, 3]) {
    await page.clock.runFor(5_000)
    await page.waitForFunction((wanted) => document.querySelectorAll('#chart .beat').length === wanted, count)
  }
  await page.waitForSelector('#latency:has-text(" ms")')
  await page.close()
})

test('the page fits a phone', async () => {
  const { page, say, said } = await visit()
  await page.setViewportSize({ width: 390, height: 844 })
  await say('echo from a phone')
  await said('node-echo', 'from a phone')
  assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), 390)
  if (process.env.SCREENSHOT) await page.screenshot({ path: process.env.SCREENSHOT.replace('.png', '-phone.png') })
  await page.close()
})

test('the page and the bots come back when the server does', async () => {
  const { page, said, say } = await visit()
  server.child.kill('SIGTERM')
  await once(server.child, 'exit')
  await page.waitForSelector('#state[data-state=closed]:has-text("1001")')
  server = await startServer(server.port)
  await page.waitForSelector('#log li:has-text("Connection lost: 1001")')
  await page.waitForSelector('#chart .lost')
  await page.clock.fastForward(10_000)
  await page.waitForSelector('#log li:has-text("Connected again after ")')
  await page.waitForSelector('#state[data-state=open]')
  for (const bot of ['python-echo', 'node-echo']) await page.waitForSelector(`#people li:text-is("${bot}")`)
  await say('echo again')
  await said('python-echo', 'again')
  await said('node-echo', 'again')
  await page.close()
})
