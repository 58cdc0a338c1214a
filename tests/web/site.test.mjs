// The documentation site in headless Chromium, opened as files: it sends no requests to the network, fits a phone, and can be searched.

import assert from 'node:assert/strict'
import { readdirSync, statSync } from 'node:fs'
import { join, relative } from 'node:path'
import { after, before, test } from 'node:test'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { chromium } from 'playwright-core'

const site = process.env.SITE ?? fileURLToPath(new URL('../../target/site/', import.meta.url))

/** Every page, by its path. */
function pages(folder = site) {
  return readdirSync(folder).flatMap((name) => {
    const path = join(folder, name)
    if (statSync(path).isDirectory()) return pages(path)
    return name.endsWith('.html') && name !== '404.html' ? [path] : []
  })
}

let browser
before(async () => {
  browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args: ['--no-sandbox', '--disable-gpu'] })
})
after(() => browser?.close())

for (const [width, colorScheme] of [
  [1280, 'light'],
  [390, 'dark'],
]) {
  test(`every page at ${width} px, ${colorScheme}`, { timeout: 500_000 }, async () => {
    const context = await browser.newContext({ viewport: { width, height: 844 }, colorScheme })
    const page = await context.newPage()
    const faults = []
    page.on('pageerror', (error) => faults.push(error.message))
    page.on('request', (request) => {
      if (/^(https?|wss?):/.test(request.url())) faults.push(`asks for ${request.url()}`)
    })
    for (const path of pages()) {
      await page.goto(pathToFileURL(path).href, { waitUntil: 'domcontentloaded' })
      const seen = await page.evaluate(() => ({
        wide: document.documentElement.scrollWidth - innerWidth,
        title: document.querySelector('h1')?.textContent ?? '',
        back: getComputedStyle(document.body).backgroundColor,
      }))
      const name = relative(site, path)
      if (seen.wide > 0) faults.push(`${name} is ${seen.wide} px too wide`)
      if (seen.title === '') faults.push(`${name} has no title`)
      if ((seen.back === 'rgb(255, 255, 255)') !== (colorScheme === 'light')) faults.push(`${name} is ${seen.back}`)
    }
    await context.close()
    assert.deepEqual(faults, [])
  })
}

test('the search finds an option', async () => {
  const page = await browser.newPage()
  await page.goto(pathToFileURL(join(site, 'index.html')).href)
  await page.fill('.md-search__input', 'max_retry_after')
  const found = page.locator('.md-search-result__link', { hasText: 'max_retry_after' }).first()
  await found.waitFor({ timeout: 30_000 })
  await page.close()
})
