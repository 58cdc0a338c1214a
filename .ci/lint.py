"""Every formatter and linter of this checkout, none of which changes a file: `lint.py [NAME ...]`, behind `make lint`.

It owns the list of checks. It must not know how tools are installed: see checkout.py.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time

import checkout
import release
from checkout import NODE_PACKAGE, ROOT, Missing

TESTS = ROOT / "tests"
PYTHON_PACKAGE = ROOT / "bindings-python"
# Programs for other clients, as their users write them.
UNTYPED = "conformance|compat/python|tests/peers"


def checks() -> dict[str, list[tuple[object, ...]]]:
    """The commands of each check."""
    python = checkout.python_face()
    checkout.node_face()
    checkout.npm_install(TESTS)
    biome, tsc = TESTS / "node_modules/.bin/biome", TESTS / "node_modules/.bin/tsc"
    return {
        "rustfmt": [("cargo", "fmt", "--all", "--check")],
        "clippy": [("cargo", "clippy", "--quiet", "--workspace", "--all-targets", "--features", "heartwire/testing", "--", "-D", "warnings")],
        "rustdoc": [("cargo", "doc", "--quiet", "--no-deps", "-p", "heartwire", "-p", "heartwire-proto")],
        "typos": [(python.parent / "typos", "--format", "brief")],
        "prose": [(python, ROOT / ".ci" / "prose.py"), (python, ROOT / ".ci" / "wrap.py")],
        "ruff": [(python, "-m", "ruff", "check", "--quiet", "."), (python, "-m", "ruff", "format", "--quiet", "--check", ".")],
        "mypy": [
            (python, "-m", "mypy", "--config-file", PYTHON_PACKAGE / "pyproject.toml"),
            (python, "-m", "mypy", "--strict", "--exclude", UNTYPED, ".ci", "tests", "examples/demo.py", "benches/manners.py"),
            (python, "-m", "mypy", "--strict", "--explicit-package-bases", "benches/run.py", "benches/harness"),
            (
                python,
                "-m",
                "mypy",
                "--strict",
                "--python-executable",
                release.python_peers(),
                "--python-version",
                "3.12",
                "benches/clients/python",
                "benches/charts.py",
            ),
            *((python, "-m", "mypy", bot) for bot in sorted((ROOT / "examples/python").glob("*.py"))),
        ],
        "stubtest": [(python, "-m", "mypy.stubtest", "heartwire._native", "--mypy-config-file", PYTHON_PACKAGE / "pyproject.toml")],
        "biome": [(biome, "ci", "--error-on-warnings", ".")],
        "tsc": [("npm", "--prefix", NODE_PACKAGE, "run", "--silent", "lint"), (tsc, "-p", ROOT / "examples/typescript")],
    }


def main() -> int:
    try:
        everything = checks()
    except Missing as missing:
        print(missing)
        return 1
    except subprocess.CalledProcessError as failure:
        print(f"failed with status {failure.returncode}: {' '.join(map(str, failure.cmd))}")
        return 1
    failed = []
    for name, commands in everything.items():
        if sys.argv[1:] and name not in sys.argv[1:]:
            continue
        start = time.monotonic()
        for command in commands:
            cwd = PYTHON_PACKAGE if PYTHON_PACKAGE / "pyproject.toml" in command else ROOT
            environment = {**os.environ, "RUSTDOCFLAGS": "-D warnings", "MYPYPATH": ".ci:benches:benches/clients/python:bindings-python/python"}
            if subprocess.run([str(part) for part in command], cwd=cwd, env=environment).returncode != 0:
                failed.append(name)
        print(f"{'FAILED' if name in failed else 'ok':<7} {name} ({time.monotonic() - start:.0f} s)", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
