"""The core's tests, with the inputs of its fuzz targets, under a sanitizer: `sanitize.py [address|thread|leak ...] [--test NAME]`, `make sanitize`.

It needs a nightly compiler that brings the sanitizer's runtime, and nothing else of it: the standard library is the one that comes built. What only
that library does is not seen therefore. `thread` would need one that is built with it, for what it does not see it takes for a race.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

from checkout import ROOT, TARGET

TRIPLE = os.uname().machine + "-unknown-linux-gnu"
RUNTIMES = {"address": "asan", "thread": "tsan", "leak": "lsan"}


def missing(sanitizer: str) -> str | None:
    """What is not there, if anything."""
    asked = subprocess.run(["rustc", "+nightly", "--print", "sysroot"], capture_output=True, text=True)
    if asked.returncode != 0:
        return "a nightly compiler (rustup toolchain install nightly)"
    runtime = Path(asked.stdout.strip(), "lib", "rustlib", TRIPLE, "lib", f"librustc-nightly_rt.{RUNTIMES[sanitizer]}.a")
    return None if runtime.exists() else f"{runtime.name} in the nightly compiler (its sanitizer's runtime)"


def run(sanitizer: str, tests: list[str]) -> bool:
    environment = {
        **os.environ,
        "RUSTFLAGS": f"-Zsanitizer={sanitizer} -Cunsafe-allow-abi-mismatch=sanitizer",
        # A target of its own, so that build scripts and macros are built without the flags.
        "CARGO_TARGET_DIR": str(TARGET / "sanitize" / sanitizer),
    }
    command = ["cargo", "+nightly", "test", "-p", "heartwire", "--target", TRIPLE, *tests]
    print("+", *command, flush=True)
    return subprocess.run(command, cwd=ROOT, env=environment).returncode == 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sanitizer", nargs="*", choices=[[], *RUNTIMES], help="address, which finds leaks as well, by default")
    parser.add_argument("--test", action="append", help="one of the files in core/tests; all, and the unit tests, by default")
    arguments = parser.parse_args()
    tests = [word for test in arguments.test or [] for word in ("--test", test)] or ["--lib", "--tests"]
    sanitizers = arguments.sanitizer or ["address"]
    for sanitizer in sanitizers:
        if lack := missing(sanitizer):
            print(f"missing: {lack}")
            return 1
    failed = [sanitizer for sanitizer in sanitizers if not run(sanitizer, tests)]
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
