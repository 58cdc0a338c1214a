"""The documentation site: `docs.py build` into target/site, `docs.py serve` on a local port, behind `make docs` and `make docs-serve`.

It owns the order of the steps. It must not know the content of the site: mkdocs.yml and .ci/site have it.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import checkout
from checkout import ROOT, Missing

TOOLS = ROOT / ".ci" / "site"
SITE = ROOT / "target" / "site"
OLDEST_PYTHON = (3, 11)  # for mkdocs-material


def mkdocs() -> Path:
    """The program, installed with all that the site needs."""
    if sys.version_info[:2] < OLDEST_PYTHON:
        raise Missing(f"missing: Python 3.11 or later for the site ({sys.executable} is {sys.version.split()[0]})")
    folder, requirements = ROOT / ".venvs" / "docs", ROOT / "requirements-docs.txt"
    interpreter, stamp = folder / "bin" / "python", folder / ".requirements"
    base = str(Path(sys.executable).resolve())  # not that of a virtual environment, which the tests run on
    if not checkout.is_fresh(stamp, base, requirements) or not interpreter.exists():
        checkout.run(base, "-m", "venv", "--clear", folder)
        checkout.run(interpreter, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", requirements)
        checkout.stamp_fresh(stamp, base, requirements)
    return folder / "bin" / "mkdocs"


def node_reference() -> None:
    """The pages that typedoc makes of the .d.ts files."""
    checkout.need_node(20, " for typedoc")
    checkout.npm_install(checkout.NODE_PACKAGE)  # the types of Node
    checkout.npm_install(TOOLS)
    checkout.run("node", TOOLS / "node_modules/typedoc/bin/typedoc", "--options", TOOLS / "typedoc.json", "--logLevel", "Warn", cwd=TOOLS)


def main() -> int:
    command = sys.argv[1:2]
    if command not in (["build"], ["serve"]):
        print(__doc__)
        return 2
    try:
        program = mkdocs()
        node_reference()
        if command == ["build"]:
            checkout.run(program, "build", "--quiet", "--strict", "--site-dir", SITE, NO_MKDOCS_2_WARNING="1")
        else:
            checkout.run(program, "serve", "--dev-addr", "127.0.0.1:8000", NO_MKDOCS_2_WARNING="1")
    except Missing as missing:
        print(missing, file=sys.stderr)
        return 1
    except subprocess.CalledProcessError as failure:
        print(f"failed with status {failure.returncode}: {' '.join(map(str, failure.cmd))}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0
    if command == ["build"]:
        print(f"built: {SITE / 'index.html'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
