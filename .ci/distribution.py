"""Builds the artefacts of a release into dist/ and checks them: `distribution.py [--list] [PART ...]`, behind `make dist`.

It owns the list of targets and the steps for each kind of artefact. It must not know the registries: .github/workflows/release.yml publishes.
Without names it builds every part that this machine can build, and gives the reason for each other part in one line.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import artefacts
import checkout
from checkout import ROOT, Missing, output, run

DIST = ROOT / "dist"
PYTHON_PACKAGE = ROOT / "bindings-python"
LICENCES = ("LICENSE-MIT", "LICENSE-APACHE")
THIRD_PARTY = "THIRD-PARTY-LICENSES.txt"
REPOSITORY = "https://github.com/heartwire/heartwire"


@dataclass(frozen=True)
class Target:
    """A platform, with its names in Rust, PyPI and npm."""

    triple: str
    wheel: str  # the value of maturin's --compatibility
    npm: str
    os: str
    cpu: str
    libc: str | None = None
    library: str = "libheartwire_node.so"


TARGETS = [
    Target("x86_64-unknown-linux-gnu", "manylinux_2_17", "linux-x64-gnu", "linux", "x64", "glibc"),
    Target("aarch64-unknown-linux-gnu", "manylinux_2_17", "linux-arm64-gnu", "linux", "arm64", "glibc"),
    Target("x86_64-unknown-linux-musl", "musllinux_1_2", "linux-x64-musl", "linux", "x64", "musl"),
    Target("aarch64-unknown-linux-musl", "musllinux_1_2", "linux-arm64-musl", "linux", "arm64", "musl"),
    Target("x86_64-apple-darwin", "pypi", "darwin-x64", "darwin", "x64", library="libheartwire_node.dylib"),
    Target("aarch64-apple-darwin", "pypi", "darwin-arm64", "darwin", "arm64", library="libheartwire_node.dylib"),
    Target("x86_64-pc-windows-msvc", "pypi", "win32-x64", "win32", "x64", library="heartwire_node.dll"),
    Target("aarch64-pc-windows-msvc", "pypi", "win32-arm64", "win32", "arm64", library="heartwire_node.dll"),
]


# The compilers


def host() -> str:
    """The triple of this machine."""
    found = re.search(r"^host: (.*)$", output("rustc", "-vV"), re.MULTILINE)
    if found is None:
        raise Missing("missing: Rust 1.90 or later (cargo on PATH); rustup installs it")
    return found[1]


def cargo_home() -> Path:
    """The folder that holds the sources of the crates."""
    return Path(os.environ.get("CARGO_HOME", Path.home() / ".cargo"))


@lru_cache(maxsize=None)
def toolchain(target: Target) -> dict[str, str]:
    """The environment in which cargo builds for the target: rustup's standard library where it is, else Debian's sources of it."""
    if "apple" in target.triple and "apple" not in host():
        raise Missing(f"left out: {target.triple} needs Apple's SDK; the release workflow builds it on macOS")
    if "msvc" in target.triple and "windows" not in host():
        raise Missing(f"left out: {target.triple} needs Microsoft's linker; the release workflow builds it on Windows (here: make windows)")
    libraries = output("rustc", "--print", "target-libdir", "--target", target.triple)
    # The paths of this machine stay out of the messages of panics.
    flags = [f"--remap-path-prefix={ROOT}=heartwire", f"--remap-path-prefix={cargo_home()}=cargo"]
    if "musl" in target.triple:  # the shared one: an addon and an extension module are loaded into a process that has it
        flags.append("-Ctarget-feature=-crt-static")
    if libraries and any(Path(libraries).glob("libstd-*")):
        return {"RUSTFLAGS": " ".join(flags)}
    if Path("/usr/bin/rustc").exists() and Path("/usr/lib/rustlib/src/rust/library/std").exists():
        return {
            "PATH": f"/usr/bin:{os.environ['PATH']}",
            "CARGO": "/usr/bin/cargo",
            "RUSTC_BOOTSTRAP": "1",
            "CARGO_UNSTABLE_BUILD_STD": "std,panic_unwind",
            "CARGO_TARGET_DIR": str(checkout.TARGET / "build-std"),
            "RUSTFLAGS": " ".join(flags),
        }
    ways = f"rustup target add {target.triple}; on Debian: rustc-web, cargo-web, rust-web-src"
    raise Missing(f"left out: {target.triple} needs its standard library ({ways})")


def build(target: Target, *command: str | Path, **more: str) -> None:
    """Runs a command in the target's toolchain, with the programs of `tools()` on PATH."""
    environment = {**toolchain(target), **more}
    search = os.pathsep.join([str(tools().parent), environment.get("PATH", os.environ["PATH"])])
    run(*command, cwd=ROOT, **{**environment, "PATH": search})


@lru_cache(maxsize=None)
def tools() -> Path:
    """The interpreter of an environment with the tools that build and check artefacts."""
    _, python = checkout.default_python()
    folder, requirements = ROOT / ".venvs" / "dist", ROOT / "requirements-dist.txt"
    interpreter, stamp = checkout.venv_python(folder), folder / ".requirements"
    if not checkout.is_fresh(stamp, str(python), requirements) or not interpreter.exists():
        run(python, "-m", "venv", "--clear", folder)
        run(interpreter, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", requirements)
        checkout.stamp_fresh(stamp, str(python), requirements)
    return interpreter


def third_party() -> Path:
    """The licence texts of the crates inside a binary, made by cargo-about."""
    made = DIST / THIRD_PARTY
    if not made.exists():
        if not output("cargo", "about", "--version"):
            raise Missing("missing: cargo-about (cargo install --locked cargo-about --features cli)")
        DIST.mkdir(exist_ok=True)
        manifest = PYTHON_PACKAGE / "Cargo.toml"
        run("cargo", "about", "generate", "--fail", "-m", manifest, "-c", ROOT / "about.toml", "-o", made, ROOT / "about.hbs")
    return made


# Python


def wheel(target: Target) -> None:
    """The abi3 wheel of a target. For this machine's own target, also a wheel for each of its Pythons."""
    own = [find for find in map(checkout.find_python, checkout.PYTHONS) if find] if target.triple == host() else []
    with bundled_licences(PYTHON_PACKAGE):
        _maturin(target, "--features", "abi3-py310" if target.os == "win32" else "abi3", "-i", tools())
        for interpreter in own:
            _maturin(target, "-i", interpreter)


def _maturin(target: Target, *arguments: str | Path) -> None:
    zig = ("--zig",) if "linux" in target.triple else ()
    cross = {} if target.triple == host() else {"PYO3_CROSS": "1", "PYO3_CROSS_PYTHON_VERSION": "3.11"}
    command = (tools(), "-m", "maturin", "build", "--quiet", "--release", *zig, "--target", target.triple, "--compatibility", target.wheel)
    build(target, *command, "-m", PYTHON_PACKAGE / "Cargo.toml", "--out", DIST / "python", *arguments, **cross)


def sdist() -> None:
    """The source distribution: it holds the core, and builds with Rust alone."""
    with bundled_licences(PYTHON_PACKAGE):
        run(tools(), "-m", "maturin", "sdist", "-m", PYTHON_PACKAGE / "Cargo.toml", "--out", DIST / "python")


class bundled_licences:
    """Puts the licence texts beside a package's manifest while its artefact is made. The repository has them once, on top."""

    def __init__(self, folder: Path) -> None:
        self.sources = [*(ROOT / name for name in LICENCES), third_party()]
        self.copies = [folder / source.name for source in self.sources]

    def __enter__(self) -> None:
        for source, copy in zip(self.sources, self.copies):
            shutil.copy(source, copy)

    def __exit__(self, *_: object) -> None:
        for copy in self.copies:
            copy.unlink(missing_ok=True)


# npm


def npm_manifest() -> dict[str, object]:
    manifest: dict[str, object] = json.loads((checkout.NODE_PACKAGE / "package.json").read_text(encoding="utf-8"))
    return manifest


def npm_main() -> None:
    """The package `heartwire`: JavaScript and types. Its optional dependencies bring the addon."""
    manifest = npm_manifest()
    version = str(manifest["version"])
    # Nothing runs at install time, and files of a checkout alone are not named.
    for key in ("scripts", "devDependencies"):
        manifest.pop(key, None)
    manifest["files"] = [entry for entry in _strings(manifest["files"]) if not entry.endswith(".node")] + [*LICENCES]
    manifest["optionalDependencies"] = {f"@heartwire/{target.npm}": version for target in TARGETS}
    manifest["publishConfig"] = {"access": "public", "provenance": True}
    folder = DIST / "npm" / "heartwire"
    _fresh(folder)
    for entry in _strings(manifest["files"]):
        for source in checkout.NODE_PACKAGE.glob(entry):
            (shutil.copytree if source.is_dir() else shutil.copy)(source, folder / source.name)
    _npm_pack(folder, manifest, (checkout.NODE_PACKAGE / "README.md").read_text(encoding="utf-8"), LICENCES)


def npm_target(target: Target) -> None:
    """The package of one platform: the addon, with the licences of its parts."""
    if "linux" in target.triple:
        glibc = ".2.17" if target.triple.endswith("gnu") else ""
        command: tuple[str | Path, ...] = (tools().parent / "cargo-zigbuild", "zigbuild", "--target", f"{target.triple}{glibc}")
    else:
        command = ("cargo", "build", "--target", target.triple)
    build(target, *command, "--quiet", "--release", "-p", "heartwire-node")
    target_folder = Path(toolchain(target).get("CARGO_TARGET_DIR", checkout.TARGET))
    source = npm_manifest()
    folder = DIST / "npm" / target.npm
    _fresh(folder)
    shutil.copy(target_folder / target.triple / "release" / target.library, folder / "heartwire.node")
    shutil.copy(third_party(), folder)
    name = f"@heartwire/{target.npm}"
    manifest = {
        "name": name,
        "version": source["version"],
        "description": f"The compiled part of heartwire for {target.npm}",
        **{key: source[key] for key in ("license", "repository", "engines")},
        "os": [target.os],
        "cpu": [target.cpu],
        **({"libc": [target.libc]} if target.libc else {}),
        "main": "heartwire.node",
        "files": ["heartwire.node", *LICENCES, THIRD_PARTY],
        "publishConfig": {"access": "public", "provenance": True},
    }
    _npm_pack(folder, manifest, f"# {name}\n\nThe compiled part of [heartwire]({REPOSITORY}) for {target.npm}. Install `heartwire`.\n", LICENCES)


def _fresh(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)


def _strings(value: object) -> list[str]:
    assert isinstance(value, list), value
    return [str(entry) for entry in value]


def _npm_pack(folder: Path, manifest: dict[str, object], readme: str, licences: tuple[str, ...]) -> None:
    (folder / "package.json").write_text(f"{json.dumps(manifest, indent=2)}\n", encoding="utf-8")
    (folder / "README.md").write_text(readme, encoding="utf-8")
    for licence in licences:
        shutil.copy(ROOT / licence, folder)
    run("npm", "pack", "--silent", "--ignore-scripts", "--pack-destination", DIST / "npm", cwd=folder)


# Rust


def crates() -> None:
    """The crates, as cargo would publish them."""
    packages = ("-p", "heartwire-proto", "-p", "heartwire")
    run("cargo", "package", "--quiet", "--no-verify", "--allow-dirty", *packages)
    folder = DIST / "crates"
    _fresh(folder)
    for crate in (checkout.TARGET / "package").glob("heartwire*.crate"):
        shutil.copy(crate, folder)


def parts() -> dict[str, Callable[[], None]]:
    """Every part that a caller may name, in the order of building."""

    def bound(function: Callable[[Target], None], target: Target) -> Callable[[], None]:
        return lambda: function(target)

    return {
        "sdist": sdist,
        **{f"wheel:{target.triple}": bound(wheel, target) for target in TARGETS},
        "npm": npm_main,
        **{f"npm:{target.triple}": bound(npm_target, target) for target in TARGETS},
        "crates": crates,
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--list", action="store_true", help="list the parts")
    parser.add_argument("--check", action="store_true", help="only check what dist/ holds")
    parser.add_argument("part", nargs="*", help="a part, or `wheel:` or `npm:` for all of a kind; without one: all")
    arguments = parser.parse_args()
    everything = parts()
    if arguments.list:
        print("\n".join(everything))
        return 0
    chosen = [
        name
        for name in everything
        if not arguments.part or any(name == part or (part.endswith(":") and name.startswith(part)) for part in arguments.part)
    ]
    if not chosen:
        print(f"no such part: {' '.join(arguments.part)}; there are {', '.join(everything)}", file=sys.stderr)
        return 2
    status = 0
    for name in [] if arguments.check else chosen:
        try:
            everything[name]()
        except Missing as missing:
            print(f"{name}: {missing}", file=sys.stderr)
            status |= bool(arguments.part)
        except subprocess.CalledProcessError as failure:
            print(f"{name}: failed with status {failure.returncode}", file=sys.stderr)
            status = 1
    faults = artefacts.check(DIST, tools())
    print("\n".join(faults) or "every artefact in dist/ is as it has to be")
    return 1 if faults else status


if __name__ == "__main__":
    sys.exit(main())
