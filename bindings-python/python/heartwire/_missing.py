"""The one line that says why the compiled part cannot be loaded, and what to do. Imported only then; knows nothing of the part itself."""

from __future__ import annotations

import platform
import re
import sys
from pathlib import Path

_REINSTALL = "install it here with `pip install --force-reinstall heartwire`; a copied site-packages does not work elsewhere"


def explain(error: ImportError) -> str:
    """Say why `heartwire._native` could not be imported."""
    libc, version = platform.libc_ver()
    here = f"CPython {platform.python_version()} on {sys.platform} {platform.machine()}"
    words = str(error).splitlines()[0]
    if glibc := re.search(r"GLIBC_([\d.]+)'? not found", words):
        have = f"{libc} {version}" if libc else "an older one or another libc"
        return f"heartwire needs glibc {glibc[1]} or later, and this system has {have}: use a newer system image"
    if "musl" in words or "ld-linux" in words or "libc.so" in words:
        return f"heartwire's compiled part is for another libc than this system's ({words}): {_REINSTALL}"
    if isinstance(error, ModuleNotFoundError):
        found = sorted(path.name for path in Path(__file__).parent.glob("_native*") if path.suffix != ".pyi")
        if found:
            return f"heartwire's compiled part is for another Python or system ({', '.join(found)}), and this is {here}: {_REINSTALL}"
        return f"heartwire has no compiled part in {Path(__file__).parent}, where only its sources are: {_REINSTALL}"
    return f"heartwire could not load its compiled part on {here}: {words}"
