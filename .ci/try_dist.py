"""Installs the artefacts of a folder with pip and npm, in new folders, and runs a bot: `try_dist.py DIST`, with no Rust on PATH.

It owns the installing; the bots are tests/platforms/smoke.*. It needs only the standard library; .ci/try_dist.sh prepares bare systems for it.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

SMOKE = Path(__file__).resolve().parent.parent / "tests" / "platforms"
SYSTEMS = {"Linux": "linux", "Darwin": "darwin", "Windows": "win32"}
CPUS = {"x86_64": "x64", "AMD64": "x64", "aarch64": "arm64", "arm64": "arm64", "ARM64": "arm64"}


def run(*command: str | Path, cwd: Path) -> None:
    """Runs a command that must succeed."""
    program = shutil.which(str(command[0])) or str(command[0])
    subprocess.run([program, *map(str, command[1:])], cwd=cwd, check=True)


def try_python(dist: Path, folder: Path) -> None:
    """The wheel that fits, in an environment of its own."""
    run(sys.executable, "-m", "venv", folder / "venv", cwd=folder)
    python = folder / "venv" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    offline = ("--no-index", "--only-binary", ":all:", "--find-links", dist / "python")
    run(python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *offline, "heartwire", cwd=folder)
    shutil.copy(SMOKE / "smoke.py", folder)
    run(python, "smoke.py", cwd=folder)


def libc() -> str:
    """As npm's packages are called."""
    if platform.system() != "Linux":
        return ""
    return "-gnu" if platform.libc_ver()[0] == "glibc" else "-musl"


def try_node(dist: Path, folder: Path) -> None:
    """The package and the one of this platform. The registry would offer the others; here they are not needed."""
    version = subprocess.run([shutil.which("node") or "node", "--version"], capture_output=True, text=True, check=True).stdout.strip()
    if int(version.lstrip("v").split(".")[0]) < 18:
        print(f"node: left out, this system has Node {version}")
        return
    (folder / "package.json").write_text("{}", encoding="utf-8")
    name = f"heartwire-{SYSTEMS[platform.system()]}-{CPUS[platform.machine()]}{libc()}"
    packages = [*(dist / "npm").glob("heartwire-[0-9]*.tgz"), *(dist / "npm").glob(f"{name}-[0-9]*.tgz")]
    if len(packages) != 2:
        raise SystemExit(f"{dist / 'npm'} has not the packages heartwire and {name}")
    run("npm", "install", "--silent", "--no-audit", "--no-fund", "--omit=optional", *packages, cwd=folder)
    shutil.copy(SMOKE / "smoke.mjs", folder)
    run("node", "smoke.mjs", cwd=folder)


def main() -> int:
    if len(sys.argv) != 2:
        print("try_dist.py DIST")
        return 2
    if shutil.which("cargo") and not os.environ.get("GITHUB_ACTIONS"):  # GitHub's images have one
        print("there is a Rust compiler here; this proves nothing")
        return 1
    dist = Path(sys.argv[1]).resolve()
    for face, attempt in (("python", try_python), ("node", try_node)):
        with tempfile.TemporaryDirectory() as folder:
            print(f"{face}:", flush=True)
            attempt(dist, Path(folder))
    return 0


if __name__ == "__main__":
    sys.exit(main())
