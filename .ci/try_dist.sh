#!/bin/sh
# Installs the artefacts of a folder (wheels and npm packages) in a bare system, Debian's or Alpine's, and talks to the fault server with each.
# As root in a container or a bare root: `sh try_dist.sh DIST`. No compiler is installed.
set -eu
dist=$1

if command -v apk >/dev/null; then
  apk add --no-cache python3 py3-pip nodejs npm >/dev/null
elif ! command -v node >/dev/null || ! command -v python3 >/dev/null; then
  apt-get update -qq && apt-get install -qq -y --no-install-recommends python3 python3-venv nodejs npm ca-certificates >/dev/null
fi
if command -v cargo >/dev/null; then echo "there is a compiler here; this proves nothing"; exit 1; fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check --no-index --only-binary :all: --find-links "$dist/python" heartwire
"$work/venv/bin/python" - <<'PYTHON'
import heartwire, heartwire.sync
from heartwire.testing import FaultServer

script = [{"do": "accept"}, {"do": "send", "text": "hello"}, {"do": "expect", "text": "again"}]
with FaultServer(script) as server, heartwire.sync.connect(server.url) as ws:
    assert ws.recv(timeout=10) == "hello"
    ws.send("again")
    server.wait_for({"event": "message", "text": "again"}, 10)
print("python:", heartwire.__version__, "talks")
PYTHON

major=$(node -p 'process.versions.node.split(".")[0]')
if [ "$major" -lt 18 ]; then echo "node: left out, this system has Node $major"; exit 0; fi
mkdir "$work/node" && cd "$work/node"
npm init -y >/dev/null
# Of the platforms' packages npm takes the one that fits by os, cpu and libc; the registry would offer the others, here they are not needed.
arch=$(node -p process.arch)
libc=gnu; command -v apk >/dev/null && libc=musl
npm install --silent --no-audit --no-fund --omit=optional "$dist"/npm/heartwire-[0-9]*.tgz "$dist"/npm/heartwire-linux-"$arch"-"$libc"-*.tgz
cat > bot.cjs <<'NODE'
const { WebSocket } = require('heartwire')
const { FaultServer } = require('heartwire/testing')
const server = new FaultServer([{ do: 'accept' }, { do: 'send', text: 'hello' }, { do: 'expect', text: 'again' }])
const ws = new WebSocket(server.url)
ws.onmessage = () => ws.send('again')
server.waitFor({ event: 'message', text: 'again' }).then(() => {
  console.log('node: talks')
  ws.close()
})
ws.onclose = () => server.stop()
NODE
node bot.cjs
