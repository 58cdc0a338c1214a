// The samples of this folder under many versions of TypeScript and of Node's types, with and without the DOM's:
//
//     node matrix.mjs [TYPESCRIPT-NODE ...]        such as 5.4-18; without any, all of them, which takes some minutes
//
// The rows that were checked are renewed in matrix.json.
// It owns the list of versions, and installs them from npm into a folder of its own. types.test.mjs runs a short set with what is installed anyway.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const TYPESCRIPTS = ['5.4', '5.5', '5.6', '5.7', '5.8', '5.9', '6.0', 'latest']
const NODES = ['18', '20', '22', '24', 'latest']

const here = fileURLToPath(new URL('.', import.meta.url))
const root = fileURLToPath(new URL('../..', import.meta.url))
const folder = join(root, 'node_modules', '.matrix')
const chosen = process.argv.slice(2)
const pairs = TYPESCRIPTS.flatMap((typescript) => NODES.map((node) => [typescript, node])).filter(
  ([typescript, node]) => chosen.length === 0 || chosen.includes(`${typescript}-${node}`),
)
if (pairs.length === 0) {
  console.error(`none of ${chosen.join(', ')} is there: TypeScript ${TYPESCRIPTS.join(', ')}; Node's types ${NODES.join(', ')}`)
  process.exit(2)
}

function run(command, ...args) {
  const { status, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8', cwd: folder })
  return { isFine: status === 0, words: `${stdout}${stderr}`.trim() }
}

function install() {
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'package.json'), '{ "private": true }')
  const typescripts = new Set(pairs.map(([typescript]) => `typescript-${typescript}@npm:typescript@${typescript}`))
  const nodes = new Set(pairs.map(([, node]) => `node-${node}@npm:@types/node@${node}`))
  const { isFine, words } = run('npm', 'install', '--no-save', '--no-audit', '--no-fund', '--ignore-scripts', ...typescripts, ...nodes)
  if (!isFine) throw new Error(words)
  for (const [, node] of pairs) {
    const types = join(folder, `types-${node}`)
    mkdirSync(types, { recursive: true })
    if (!existsSync(join(types, 'node'))) symlinkSync(join(folder, 'node_modules', `node-${node}`), join(types, 'node'))
  }
}

function check(typescript, node, hasDOM) {
  const config = join(folder, 'tsconfig.json')
  const compilerOptions = {
    ...{ target: 'es2022', lib: ['es2022', 'esnext.disposable', ...(hasDOM ? ['dom'] : [])], module: 'nodenext', moduleResolution: 'nodenext' },
    ...{ strict: true, noEmit: true, skipLibCheck: false, types: ['node'], typeRoots: [join(folder, `types-${node}`)] },
  }
  const files = ['node.mts', 'bad.mts', 'cjs.cts', hasDOM ? 'dom.mts' : 'nodom.mts'].map((name) => join(here, name))
  writeFileSync(config, JSON.stringify({ compilerOptions, files }))
  return run(process.execPath, join(folder, 'node_modules', `typescript-${typescript}`, 'bin', 'tsc'), '-p', config)
}

/** The manifest of what is installed under this name. */
const manifest = (name) => JSON.parse(readFileSync(join(folder, 'node_modules', name, 'package.json'), 'utf8'))

/** Which TypeScript Node's types ask for, if all that is wrong is wrong in them and this one is older. */
function asksFor(words, typescript, node) {
  const isOurs = words.split('\n').some((line) => line.includes('error TS') && !line.includes('node_modules/node-'))
  const [wanted, given] = [manifest(`node-${node}`).typeScriptVersion, manifest(`typescript-${typescript}`).version]
  return !isOurs && given.localeCompare(wanted, undefined, { numeric: true }) < 0 ? wanted : undefined
}

install()
let [passed, failed] = [0, 0]
const result = join(here, 'matrix.json')
const rows = existsSync(result) ? JSON.parse(readFileSync(result, 'utf8')) : {}
for (const [typescript, node] of pairs) {
  for (const hasDOM of [false, true]) {
    const { isFine, words } = check(typescript, node, hasDOM)
    const wanted = isFine ? undefined : asksFor(words, typescript, node)
    const outcome = isFine ? 'ok' : wanted ? `Node's types need TypeScript ${wanted}` : 'FAILED'
    console.log(`${outcome}: TypeScript ${typescript}, Node's types ${node}, ${hasDOM ? 'with' : 'without'} the DOM's`)
    rows[`TypeScript ${typescript}, @types/node ${node}, ${hasDOM ? 'with' : 'without'} DOM`] = {
      ...{ typescript: manifest(`typescript-${typescript}`).version, node: manifest(`node-${node}`).version },
      ...{ date: new Date().toISOString().slice(0, 10), outcome },
    }
    if (isFine) passed++
    else if (!wanted) {
      failed++
      console.log(words)
    }
  }
}
rmSync(join(folder, 'tsconfig.json'))
writeFileSync(result, `${JSON.stringify(rows, null, 2)}\n`)
console.log(`${passed} passed, ${failed} failed`)
process.exit(failed === 0 ? 0 : 1)
