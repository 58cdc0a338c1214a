"""A package whose compiled part cannot be loaded: one line says why. Each case is a copy of the package in a child process."""

from __future__ import annotations

import shutil
import subprocess
import sys
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import pytest

import heartwire
from heartwire import _missing

PACKAGE = Path(heartwire.__file__).parent
#: Makes the system's loader refuse the compiled part with this message. Python's own modules load as ever.
RAISE = """
import importlib.machinery

create = importlib.machinery.ExtensionFileLoader.create_module

def refuse(self, spec):
    if spec.name == "heartwire._native":
        raise ImportError({!r}, name=spec.name)
    return create(self, spec)

importlib.machinery.ExtensionFileLoader.create_module = refuse
"""


def imported(folder: Path, *files: str, says: str = "") -> str:
    """The last line of the traceback of `import heartwire`."""
    shutil.copytree(PACKAGE, folder / "heartwire", ignore=shutil.ignore_patterns("_native*", "__pycache__"))
    for file in files:
        (folder / "heartwire" / file).write_bytes(b"no library")
    code = f"{RAISE.format(says)}\nimport heartwire" if says else "import heartwire"
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 1
    line = done.stderr.rstrip().splitlines()[-1]
    assert line.startswith("ImportError: heartwire")
    return line


def test_sources_alone_are_named_with_their_folder(tmp_path: Path) -> None:
    line = imported(tmp_path)
    assert f"no compiled part in {tmp_path.resolve() / 'heartwire'}" in line
    assert "pip install --force-reinstall heartwire" in line


def test_a_part_for_another_python_is_named(tmp_path: Path) -> None:
    line = imported(tmp_path, "_native.cpython-30-x86_64-linux-gnu.so")
    assert "for another Python or system (_native.cpython-30-x86_64-linux-gnu.so), and this is CPython 3." in line


@pytest.mark.parametrize(
    ("says", "expected"),
    [
        ("/lib/libc.so.6: version `GLIBC_2.17' not found (required by _native.abi3.so)", "needs glibc 2.17 or later, and this system has"),
        ("libc.musl-x86_64.so.1: cannot open shared object file", "for another libc than this system's (libc.musl-x86_64.so.1"),
        ("file too short", "could not load its compiled part on CPython 3."),
    ],
)
def test_a_part_that_does_not_load_tells_why(tmp_path: Path, says: str, expected: str) -> None:
    assert expected in imported(tmp_path, f"_native{EXTENSION_SUFFIXES[-1]}", says=says)


def test_it_is_not_imported_otherwise() -> None:
    code = "import sys, heartwire; print('heartwire._missing' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
    assert "\n" not in _missing.explain(ImportError("a\nb"))
