#!/bin/sh
# Installs Python and Node in a bare system, Debian's or Alpine's, and runs try_dist.py: it installs the artefacts of a folder there and runs a bot with each.
# As root in a container or a bare root: `sh try_dist.sh DIST`. No compiler is installed.
set -eu
if command -v apk >/dev/null; then
  apk add --no-cache python3 py3-pip nodejs npm >/dev/null
elif ! command -v node >/dev/null || ! command -v python3 >/dev/null; then
  apt-get update -qq && apt-get install -qq -y --no-install-recommends python3 python3-venv nodejs npm ca-certificates >/dev/null
fi
exec python3 "$(dirname "$0")/try_dist.py" "$1"
