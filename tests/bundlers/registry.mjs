// Owns: a registry of npm's on loopback that holds `heartwire` and the packages of its platforms, packed as a release packs them, with the addon of
// this machine. Knows no package manager.
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { copyFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** Packs everything into `folder`, and serves it. @returns {Promise<{ url: string, stop: () => void }>} */
export async function serve(folder) {
  const tarballs = pack(folder)
  const server = createServer((request, response) => {
    const path = decodeURIComponent(new URL(request.url, 'http://x').pathname).slice(1)
    const found = tarballs.get(path.replace(/\/-\/.*$/, ''))
    if (!found) return response.writeHead(404, { 'content-type': 'application/json' }).end('{}')
    if (path.includes('/-/')) return response.end(found.data)
    const { name, version } = found.manifest
    const dist = { tarball: `${url}/${name}/-/${name.replace('/', '-').replace('@', '')}-${version}.tgz`, ...found.sums }
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify({ name, 'dist-tags': { latest: version }, versions: { [version]: { ...found.manifest, dist } } }))
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${server.address().port}`
  return { url, stop: () => server.close() }
}

function pack(folder) {
  const program = `import sys, pathlib; sys.path.insert(0, '.ci'); import distribution
distribution.DIST = pathlib.Path(sys.argv[1]); distribution.npm_main()
import json; print(json.dumps([[t.npm, t.os, t.cpu, t.libc] for t in distribution.TARGETS]))`
  const said = execFileSync(process.env.PYTHON ?? 'python3', ['-c', program, folder], { cwd: root, encoding: 'utf8' })
  const packages = join(folder, 'npm')
  const { version } = JSON.parse(readFileSync(join(packages, 'heartwire/package.json'), 'utf8'))
  for (const [npm, os, cpu, libc] of JSON.parse(said.trim().split('\n').at(-1))) {
    const made = join(packages, npm)
    mkdirSync(made)
    const manifest = { name: `@heartwire/${npm}`, version, os: [os], cpu: [cpu], ...(libc ? { libc: [libc] } : {}), main: 'heartwire.node' }
    writeFileSync(join(made, 'package.json'), JSON.stringify(manifest))
    const addon = join(root, 'bindings-node', `heartwire.${npm}.node`)
    // The addons of other platforms are not there; a manager that installs one of them loads this.
    if (npm === 'linux-x64-gnu') copyFileSync(addon, join(made, 'heartwire.node'))
    else writeFileSync(join(made, 'heartwire.node'), 'for another platform')
    execFileSync('npm', ['pack', '--silent', '--ignore-scripts', '--pack-destination', packages], { cwd: made })
  }
  const tarballs = new Map()
  for (const file of readdirSync(packages).filter((name) => name.endsWith('.tgz'))) {
    const data = readFileSync(join(packages, file))
    const unpacked = execFileSync('tar', ['-xzOf', join(packages, file), 'package/package.json'], { encoding: 'utf8' })
    const manifest = JSON.parse(unpacked)
    const sum = (kind, encoding) => createHash(kind).update(data).digest(encoding)
    tarballs.set(manifest.name, { data, manifest, sums: { integrity: `sha512-${sum('sha512', 'base64')}`, shasum: sum('sha1', 'hex') } })
  }
  return tarballs
}
