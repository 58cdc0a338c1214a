"""What the benches measure: the server, the clients of each language, and our faces in cargo's release profile, apart from the dev builds.

Each is made again only when its sources have changed. It must not know the benches.
"""

from __future__ import annotations

import os
import shutil
from functools import lru_cache
from pathlib import Path

import checkout
from checkout import NODE_PACKAGE, ROOT, TARGET, is_fresh, run, stamp_fresh

BENCHES = ROOT / "benches"
RELEASE = TARGET / "release"
PYTHON = "3.13"  # if it is installed
OLDEST_PYTHON = (3, 12)  # that every peer runs on


def build_server() -> Path:
    """The server that loads the clients."""
    _build("heartwire-bench-server", BENCHES / "server")
    return RELEASE / "bench-server"


def build_rust_clients() -> Path:
    """The folder of the clients in Rust."""
    _build("heartwire-bench-clients", BENCHES / "clients" / "rust")
    return RELEASE


def _build(package: str, folder: Path) -> None:
    checkout.need_rust()
    stamp, inputs = RELEASE / f".{package}", _sources(folder)
    if not is_fresh(stamp, *inputs):
        run("cargo", "build", "--quiet", "--release", "-p", package)
        stamp_fresh(stamp, *inputs)


def python_peers() -> Path:
    """The interpreter of the benches' own environment, with every peer."""
    python = checkout.find_python(PYTHON)
    if python is None:
        version, python = checkout.default_python()
        if tuple(map(int, version.split("."))) < OLDEST_PYTHON:
            raise checkout.Missing(f"missing: Python 3.12 or later for the benches (python{PYTHON} on PATH, or of pyenv)")
    folder, requirements = ROOT / ".venvs" / "bench", BENCHES / "requirements.txt"
    interpreter, stamp = folder / "bin" / "python", folder / ".requirements"
    if not is_fresh(stamp, str(python), requirements) or not interpreter.exists():
        run(python, "-m", "venv", "--clear", folder)
        run(interpreter, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", requirements)
        stamp_fresh(stamp, str(python), requirements)
    return interpreter


def python_face() -> Path:
    """The bench interpreter with our package: a wheel for this version of Python, not the abi3 one."""
    checkout.need_rust()
    interpreter = python_peers()
    stamp, inputs = interpreter.parent.parent / ".heartwire", _sources(ROOT / "bindings-python")
    if not is_fresh(stamp, *inputs):
        wheels, manifest = TARGET / "wheels" / "release", ROOT / "bindings-python" / "Cargo.toml"
        shutil.rmtree(wheels, ignore_errors=True)
        run(interpreter, "-m", "maturin", "build", "--quiet", "--release", "-m", manifest, "-i", interpreter, "--out", wheels)
        run(interpreter, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--force-reinstall", *wheels.glob("*.whl"))
        stamp_fresh(stamp, *inputs)
    return interpreter


def node_peers() -> Path:
    """The benches' node_modules, with every peer and runtime."""
    checkout.npm_install(BENCHES)
    # bufferutil brings compiled parts for the usual platforms: nothing needs a build.
    return BENCHES / "node_modules"


def node_face() -> Path:
    """The benches' node_modules with a copy of our package: a real folder, because a link would lead to the dev build beside the original."""
    checkout.need_rust()
    package = node_peers() / "heartwire"
    stamp, inputs = package / ".stamp", _sources(NODE_PACKAGE)
    if not is_fresh(stamp, *inputs):
        run("cargo", "build", "--quiet", "--release", "-p", "heartwire-node")
        shutil.rmtree(package, ignore_errors=True)
        shutil.copytree(NODE_PACKAGE / "lib", package / "lib")
        shutil.copy(NODE_PACKAGE / "package.json", package)
        name = checkout.output("node", "-p", "`heartwire.${process.platform}-${process.arch}`")
        libc = "-gnu" if os.uname().sysname == "Linux" else ""
        library = "libheartwire_node.dylib" if os.uname().sysname == "Darwin" else "libheartwire_node.so"
        shutil.copy(RELEASE / library, package / f"{name}{libc}.node")
        stamp_fresh(stamp, *inputs)
    return node_peers()


@lru_cache(maxsize=None)
def _sources(folder: Path) -> tuple[Path | str, ...]:
    """The inputs of a build of this folder, for a stamp: the core's files and the folder's."""
    files = [ROOT / "Cargo.toml", ROOT / "Cargo.lock"]
    for crate in (ROOT / "core", ROOT / "core" / "proto"):
        files += [crate / "Cargo.toml", *(crate / "src").rglob("*")]
    files += [
        path for part in ("src", "python", "lib", "Cargo.toml", "package.json", "build.rs") for path in [folder / part, *(folder / part).rglob("*")]
    ]
    return tuple(sorted(path for path in files if path.is_file() and path.suffix not in (".pyc", ".so")))
