"""Finds or installs the needs of this checkout: interpreters, a virtual environment for each Python, node_modules, the built packages.

It installs inside the checkout only. It installs a thing again only when the thing's inputs have changed. It must not know the tests.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from functools import lru_cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
NODE_PACKAGE = ROOT / "bindings-node"
OLDEST_PYTHON = (3, 9)
PYTHONS = ["3.9", "3.10", "3.11", "3.12", "3.13", "3.14"]


class Missing(Exception):
    """Something that only the person at the machine can install, in one line."""


def run(*command: str | Path, cwd: Path = ROOT, **environment: str) -> None:
    """Runs a command that must succeed. Shows the command, because a build may take a minute."""
    print("+", *(str(part).replace(f"{ROOT}/", "") for part in command), flush=True)
    # Windows finds `npm.cmd` only under its whole name.
    program = shutil.which(str(command[0]), path=environment.get("PATH")) or command[0]
    subprocess.run([str(part) for part in (program, *command[1:])], cwd=cwd, check=True, env={**os.environ, **environment})


def output(*command: str | Path) -> str:
    """What a command prints, or nothing if it fails."""
    try:
        done = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=60, cwd=ROOT)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def venv_python(folder: Path) -> Path:
    """The interpreter of a virtual environment."""
    return folder / "Scripts" / "python.exe" if os.name == "nt" else folder / "bin" / "python"


def is_fresh(stamp: Path, *inputs: Path | str) -> bool:
    """Whether the stamp was written for the same inputs. If not, it is taken away until `stamp_fresh`."""
    if stamp.exists() and stamp.read_text() == _digest(inputs):
        return True
    stamp.unlink(missing_ok=True)
    return False


def stamp_fresh(stamp: Path, *inputs: Path | str) -> None:
    """Notes that a product of these inputs was made."""
    stamp.write_text(_digest(inputs))


def _digest(inputs: tuple[Path | str, ...]) -> str:
    digest = hashlib.sha256()
    for part in inputs:
        digest.update(part.read_bytes() if isinstance(part, Path) and part.exists() else str(part).encode())
    return digest.hexdigest()


# Rust


def need_rust() -> None:
    """Rust is there."""
    version = re.match(r"cargo (\d+)\.(\d+)", output("cargo", "--version"))
    if not version or (int(version[1]), int(version[2])) < (1, 90):
        raise Missing("missing: Rust 1.90 or later (cargo on PATH); rustup installs it")


def build_server() -> Path:
    """The chat server, built."""
    need_rust()
    run("cargo", "build", "--quiet", "-p", "heartwire-chat-server")
    return TARGET / "debug" / "chat-server"


# Python


@lru_cache(maxsize=None)
def find_python(version: str) -> Path | None:
    """An interpreter of this version that works: of pyenv, or on PATH."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    found = sorted(pyenv.glob(f"{version}.*/bin/python"))
    on_path = shutil.which(f"python{version}")
    for candidate in [*found[-1:], *([Path(on_path)] if on_path else [])]:
        if output(candidate, "-c", "import sys, venv, ensurepip; print('%d.%d' % sys.version_info[:2])") == version:
            return candidate
    return None


def default_python() -> tuple[str, Path]:
    """The version and path of the interpreter that runs this."""
    if sys.version_info[:2] < OLDEST_PYTHON:
        raise Missing(f"missing: Python 3.9 or later ({sys.executable} is {sys.version.split()[0]}); choose one with `make PYTHON=...`")
    return "%d.%d" % sys.version_info[:2], Path(sys.executable)


def environment(version: str, python: Path, requirements: Path) -> Path:
    """The interpreter of the virtual environment for this version, with the requirements installed."""
    default = version == default_python()[0]
    folder = ROOT / ".venv" if default else ROOT / ".venvs" / version
    interpreter, stamp = venv_python(folder), folder / ".requirements"
    every = sorted(path for path in ROOT.glob("requirements-*.txt") if path.stem != "requirements-docs")  # that is .ci/docs.py's
    inputs: tuple[Path | str, ...] = (str(python), *every)
    if not is_fresh(stamp, *inputs) or not interpreter.exists():
        run(python, "-m", "venv", "--clear", folder)
        run(interpreter, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", requirements)
        stamp_fresh(stamp, *inputs)
    return interpreter


def python_face(version: str | None = None) -> Path:
    """The interpreter of an environment with the package built and installed: for the default version made for it, else the abi3 one."""
    need_rust()
    default, default_path = default_python()
    development = environment(default, default_path, ROOT / "requirements-dev.txt")
    if version in (None, default):
        interpreter, kind, features = development, "native", []
    else:
        python = find_python(str(version))
        if python is None:
            raise Missing(f"missing: Python {version} (python{version} on PATH, or of pyenv)")
        interpreter, kind, features = environment(str(version), python, ROOT / "requirements-test.txt"), "abi3", ["--features", "abi3"]
    wheel = _wheel(development, kind, tuple(features))
    installed = interpreter.parent.parent / ".wheel"
    if not is_fresh(installed, wheel):
        (installed.parent / ".editable").unlink(missing_ok=True)
        run(interpreter, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--force-reinstall", wheel)
        stamp_fresh(installed, wheel)
    return interpreter


def editable_python() -> Path:
    """The interpreter of the default environment, where `import heartwire` finds the sources of this checkout. The wheel gives way to them."""
    need_rust()
    interpreter = environment(*default_python(), ROOT / "requirements-dev.txt")
    if not (interpreter.parent.parent / ".editable").exists():
        develop(interpreter)
    return interpreter


def develop(interpreter: Path) -> None:
    """Builds the native module in cargo's dev profile, beside the Python sources."""
    folder = interpreter.parent.parent
    (folder / ".wheel").unlink(missing_ok=True)
    manifest = ROOT / "bindings-python" / "Cargo.toml"
    run(interpreter, "-m", "maturin", "develop", "--quiet", "--profile", "dev", "-m", manifest, VIRTUAL_ENV=str(folder))
    for module in (ROOT / "bindings-python" / "python" / "heartwire").glob("_native*.so"):
        module.touch()
    (folder / ".editable").touch()


def exit_hosts() -> Path:
    """The interpreter of `python_face()`, with the hosts of bots in the matrix of ways out (tests/exits)."""
    interpreter = python_face()
    requirements = ROOT / "tests" / "exits" / "requirements.txt"
    stamp = interpreter.parent.parent / ".exits"
    if not is_fresh(stamp, requirements):
        run(interpreter, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", requirements)
        stamp_fresh(stamp, requirements)
    return interpreter


def sdk_hosts() -> Path:
    """The interpreter of an environment with the SDKs that run on the surfaces (tests/compat), and the package."""
    default, python = default_python()
    if tuple(map(int, default.split("."))) < (3, 10):
        raise Missing(f"missing: Python 3.10 or later for the SDKs (the tests run on {default})")
    python_face()
    interpreter = ROOT / ".venvs" / "compat" / "bin" / "python"
    stamp, requirements = interpreter.parent.parent / ".requirements", ROOT / "tests" / "compat" / "requirements.txt"
    if not is_fresh(stamp, str(python), requirements) or not interpreter.exists():
        run(python, "-m", "venv", "--clear", interpreter.parent.parent)
        run(interpreter, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", requirements)
        stamp_fresh(stamp, str(python), requirements)
    (wheel,) = (TARGET / "wheels" / "native").glob("*.whl")
    run(interpreter, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--force-reinstall", wheel)
    return interpreter


@lru_cache(maxsize=None)
def _wheel(maturin: Path, kind: str, features: tuple[str, ...]) -> Path:
    """The wheel: built in cargo's dev profile, once a run."""
    folder = TARGET / "wheels" / kind
    shutil.rmtree(folder, ignore_errors=True)
    manifest = ROOT / "bindings-python" / "Cargo.toml"
    run(maturin, "-m", "maturin", "build", "--quiet", "--profile", "dev", "-m", manifest, "-i", maturin, "--out", folder, *features)
    (wheel,) = folder.glob("*.whl")
    return wheel


# Node


def need_node(oldest: int = 18, why: str = "") -> int:
    """Node is there; its major version."""
    version = output("node", "--version").lstrip("v")
    if not version or int(version.split(".")[0]) < oldest:
        raise Missing(f"missing: Node {oldest} or later{why} (node and npm on PATH)")
    return int(version.split(".")[0])


def npm_install(folder: Path) -> None:
    """The folder's node_modules, as its lock file says."""
    need_node()
    lock = folder / "package-lock.json"
    stamp, inputs = folder / "node_modules" / ".stamp", (folder / "package.json", lock)
    if not is_fresh(stamp, *inputs):
        # Not `npm ci`: it fails where a registry does not carry the packages of other platforms, which are optional and never installed.
        command = ["install", "--no-save"] if lock.exists() else ["install", "--no-package-lock"]
        run("npm", *command, "--no-audit", "--no-fund", "--loglevel=error", "--ignore-scripts", cwd=folder)
        stamp.parent.mkdir(exist_ok=True)
        stamp_fresh(stamp, *inputs)


@lru_cache(maxsize=None)
def node_face() -> None:
    """The Node package, built in cargo's dev profile once a run, and found by `import 'heartwire'` from examples/ and tests/."""
    need_rust()
    npm_install(NODE_PACKAGE)
    run("npm", "run", "--silent", "build", "--", "dev", cwd=NODE_PACKAGE)
    npm_install(ROOT)
