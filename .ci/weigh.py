"""Prints the fault server's share of a compiled module: `weigh.py FILE`, for a library or addon with symbols. It must not know how one is built.

The fault server is for tests, and every wheel and addon contains it. So it must stay small (LARGEST_SHARE, which artefacts.py checks).
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

LARGEST_SHARE = 0.15
# Functions of the fault server, and of crates and parts of crates that nothing else uses.
ONLY_ITS = re.compile(r"heartwire::testing|\brcgen\b|\byasna\b|\btime::|\btokio_tungstenite\b|\brustls::server|\btokio_rustls\b|\bfutures_util\b")


def share(module: Path) -> float | None:
    """The part of the code, from 0 to 1; None without symbols, or without `nm`."""
    if shutil.which("nm") is None:
        return None
    printed = subprocess.run(["nm", "--demangle", "--print-size", "--defined-only", module], capture_output=True, text=True).stdout
    sizes = [(int(size, 16), name) for size, name in re.findall(r"^\w+ (\w+) [tTwW] (.*)$", printed, re.M)]
    whole = sum(size for size, _ in sizes)
    return sum(size for size, name in sizes if ONLY_ITS.search(name)) / whole if whole else None


def main() -> int:
    if len(sys.argv) != 2:
        print("weigh.py FILE")
        return 2
    found = share(Path(sys.argv[1]))
    print("no symbols" if found is None else f"{100 * found:.1f} % of the code is the fault server's")
    return 0


if __name__ == "__main__":
    sys.exit(main())
