// Owns: building the addon with cargo and putting it beside package.json, where the loader looks: `node scripts/build.mjs [dev|release|...]`.
import { spawnSync } from 'node:child_process'
import { copyFileSync, readFileSync, renameSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const workspace = join(root, '..')
const profile = process.argv[2] ?? process.env.HEARTWIRE_PROFILE ?? 'release'

function run(command, args, options) {
  const { status, error, stdout } = spawnSync(command, args, { cwd: workspace, encoding: 'utf8', ...options })
  if (error?.code === 'ENOENT') throw new Error(`${command} was not found: install Rust (rustup.rs or your system's packages)`)
  if (status !== 0) process.exit(status ?? 1)
  return stdout
}

/** `-gnu` or `-musl` on Linux, as the loader has it. */
function libc() {
  if (process.platform !== 'linux') return ''
  const host = /^host: (.*)$/m.exec(run('rustc', ['-vV'], { stdio: ['ignore', 'pipe', 'inherit'] }))?.[1] ?? ''
  return host.endsWith('musl') ? '-musl' : '-gnu'
}

run('cargo', ['build', '--package', 'heartwire-node', '--profile', profile], { stdio: 'inherit' })

const { target_directory: target } = JSON.parse(
  run('cargo', ['metadata', '--no-deps', '--format-version', '1'], { stdio: ['ignore', 'pipe', 'inherit'] }),
)
const library = { darwin: 'libheartwire_node.dylib', win32: 'heartwire_node.dll' }[process.platform] ?? 'libheartwire_node.so'
const built = join(target, profile === 'dev' ? 'debug' : profile, library)
const addon = join(root, `heartwire.${process.platform}-${process.arch}${libc()}.node`)
// Through a rename, so that a process that has the old one loaded keeps it.
copyFileSync(built, `${addon}.new`)
renameSync(`${addon}.new`, addon)

const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
console.log(`heartwire ${version}: ${profile} addon for ${process.platform} ${process.arch}`)
