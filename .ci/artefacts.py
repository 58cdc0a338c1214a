"""Checks every artefact in dist/: names, tags, sizes, licences, no trace of the machine. It must not know how they are built."""

from __future__ import annotations

import json
import os
import re
import subprocess
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import weigh

LICENCES = ("LICENSE-MIT", "LICENSE-APACHE")
THIRD_PARTY = "THIRD-PARTY-LICENSES.txt"
LARGEST_WHEEL = 2_500_000  # bytes
OLDEST_GLIBC = 17  # 2.17
# A link of a README that only a checkout can follow.
RELATIVE_LINK = re.compile(r"\]\((?!https?://|#|mailto:)([^)]+)\)")


def check(dist: Path, python: Path) -> list[str]:
    """Every fault of the artefacts that are there, as a line each."""
    faults: list[str] = []
    wheels, sdists = sorted(dist.glob("python/*.whl")), sorted(dist.glob("python/*.tar.gz"))
    if wheels or sdists:
        faults += _command(python, "-m", "twine", "check", "--strict", *wheels, *sdists)
    for wheel in wheels:
        faults += _named(wheel, check_wheel(wheel, python))
    for sdist in sdists:
        faults += _named(sdist, check_sdist(sdist))
    for package in sorted(dist.glob("npm/*.tgz")):
        faults += _named(package, check_npm(package))
    return faults


def check_wheel(wheel: Path, python: Path) -> Iterator[str]:
    """The faults of a wheel."""
    if wheel.stat().st_size > LARGEST_WHEEL:
        yield f"{wheel.stat().st_size} bytes; at most {LARGEST_WHEEL}"
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        yield from _missing(names, (*LICENCES, THIRD_PARTY), "licenses/")
        if not any("/sboms/" in name for name in names):
            yield "has no SBOM"
        metadata = next(archive.read(name).decode() for name in names if name.endswith(".dist-info/METADATA"))
        yield from _metadata(metadata)
        for name in names:
            yield from _traces(name, archive.read(name))
    if "abi3" in wheel.name:
        yield from _command(python, "-m", "abi3audit", "--strict", wheel)
    if "linux" in wheel.name:
        yield from _command(python, "-m", "auditwheel", "show", wheel)


def check_sdist(sdist: Path) -> Iterator[str]:
    """The faults of a source distribution."""
    with tarfile.open(sdist) as archive:
        names = archive.getnames()
        yield from _missing(names, (*LICENCES, THIRD_PARTY), "")
        for part in ("core/src/lib.rs", "core/proto/src/lib.rs", "Cargo.lock", "PKG-INFO"):
            if not any(name.endswith(f"/{part}") for name in names):
                yield f"lacks {part}"
        if built := [name for name in names if "/target/" in name or name.endswith((".so", ".node"))]:
            yield f"holds build outputs: {built[0]}"


def check_npm(package: Path) -> Iterator[str]:
    """The faults of an npm package."""
    with tarfile.open(package) as archive:
        names = archive.getnames()
        file = archive.extractfile("package/package.json")
        assert file is not None
        manifest = json.load(file)
        is_main = manifest["name"] == "heartwire"
        yield from _missing(names, (*LICENCES, "README.md", *(() if is_main else (THIRD_PARTY, "heartwire.node"))), "")
        if "scripts" in manifest:
            yield "has scripts; nothing may run at install time"
        if is_main and any(name.endswith(".node") for name in names):
            yield "holds an addon; the packages of the platforms do"
        for entry in _targets(manifest.get("exports", {})):
            if f"package/{entry.removeprefix('./')}" not in names:
                yield f"exports {entry}, which is not inside"
        for name in names:
            content = archive.extractfile(name)
            if content is not None:
                data = content.read()
                yield from _traces(name, data)
                if name.endswith(".node"):
                    yield from _glibc(data)
                    yield from _fault_server(data)


def _targets(exports: object) -> Iterator[str]:
    if isinstance(exports, str):
        yield exports
    elif isinstance(exports, dict):
        for value in exports.values():
            yield from _targets(value)


def _metadata(metadata: str) -> Iterator[str]:
    head, _, description = metadata.partition("\n\n")
    for field in ("License-Expression", "License-File", "Author", "Project-URL", "Requires-Python", "Description-Content-Type"):
        if not re.search(rf"^{field}(-email)?: ", head, re.MULTILINE):
            yield f"METADATA lacks {field}"
    yield from (f"README has a link that the index cannot follow: {link}" for link in RELATIVE_LINK.findall(description))


def _missing(names: list[str], wanted: tuple[str, ...], folder: str) -> Iterator[str]:
    yield from (f"lacks {name}" for name in wanted if not any(have.endswith(f"/{folder}{name}") for have in names))


def _traces(name: str, content: bytes) -> Iterator[str]:
    """A path of this machine's user inside a file."""
    home = os.fsencode(str(Path.home()))
    if len(home) > 2 and home + b"/" in content:
        yield f"{name} names the folder of the user who built it"


def _glibc(addon: bytes) -> Iterator[str]:
    """The symbols of a glibc that is newer than what we promise. A wheel has auditwheel for that."""
    newest = max((int(minor) for minor in re.findall(rb"GLIBC_2\.(\d+)", addon)), default=0)
    if newest > OLDEST_GLIBC:
        yield f"needs glibc 2.{newest}; at most 2.{OLDEST_GLIBC}"


def _fault_server(addon: bytes) -> Iterator[str]:
    """A fault server that weighs too much in production."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(addon)
        file.flush()
        found = weigh.share(Path(file.name))
    if found is not None and found > weigh.LARGEST_SHARE:
        yield f"{found:.0%} of the code is the fault server's; at most {weigh.LARGEST_SHARE:.0%}"


def _command(*command: str | Path) -> list[str]:
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    return [] if done.returncode == 0 else [f"{Path(command[2]).name} fails: {(done.stdout + done.stderr).strip()}"]


def _named(file: Path, faults: Iterator[str]) -> list[str]:
    return [f"{file.name}: {fault}" for fault in faults]
