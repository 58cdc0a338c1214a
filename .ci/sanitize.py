"""Looks for faults of memory: `sanitize.py [address|thread|leak|python|node ...] [--test NAME]`, behind `make sanitize`.

`address`, `thread` and `leak` run the core's tests, with the inputs of its fuzz targets, under a sanitizer. They need a nightly compiler that brings
the sanitizer's runtime. The standard library is the prebuilt one, so the sanitizer does not see inside it.
`thread` would need a library built with it: it reports the unseen synchronisation as a race.

`python` and `node` run a short life of a face (tests/memcheck) under valgrind: a sanitizer would need its own build of those processes.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from checkout import ROOT, TARGET, node_face, npm_install, python_face

TRIPLE = os.uname().machine + "-unknown-linux-gnu"
RUNTIMES = {"address": "asan", "thread": "tsan", "leak": "lsan"}
LIVES = {"python": "life.py", "node": "life.mjs"}
# libfaketime and the sanitizer's allocator call each other before the program begins.
SKIPPED = "a_jump_of_the_wall_clock_ends_nothing_and_one_forward_is_probed"
NEAR = 4  # a fault is ours if one of the nearest so many calls is: valgrind also reports Python's own small integers


def missing(sanitizer: str) -> str | None:
    """The missing tool, if any."""
    if sanitizer in LIVES:
        return None if shutil.which("valgrind") else "valgrind (apt-get install valgrind)"
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
        "LSAN_OPTIONS": f"suppressions={ROOT / '.ci' / 'leaks.txt'}:print_suppressions=0",
    }
    crates = ["-p", "heartwire", "-p", "heartwire-proto"]
    command = ["cargo", "+nightly", "test", "--no-fail-fast", *crates, "--target", TRIPLE, *tests, "--", "--skip", SKIPPED]
    print("+", *command, flush=True)
    return subprocess.run(command, cwd=ROOT, env=environment).returncode == 0


def live(face: str) -> bool:
    """Runs a face under valgrind. Whether no fault is ours."""
    program = [python_face()] if face == "python" else ["node"]
    if face == "node":
        node_face()
        npm_install(ROOT / "tests")
    command = ["valgrind", "--error-limit=no", "--num-callers=20", "--smc-check=all-non-file", *program, ROOT / "tests" / "memcheck" / LIVES[face]]
    words = [str(word) for word in command]
    print("+", *words, flush=True)
    done = subprocess.run(words, capture_output=True, text=True, env={**os.environ, "PYTHONMALLOC": "malloc"})
    # The lines of one fault, up to an empty one.
    faults = re.split(r"^==\d+== *$", done.stderr, flags=re.M)
    ours = [fault for fault in faults if re.search(r"^==\d+==  +at ", fault, re.M) and any("heartwire" in call for call in calls(fault)[:NEAR])]
    print("".join(ours) + done.stdout + (done.stderr if done.returncode else "") + f"{face}: {len(ours)} faults")
    return done.returncode == 0 and "through" in done.stdout and not ours


def calls(fault: str) -> list[str]:
    return re.findall(r"^==\d+==  +(?:at|by) (.*)", fault, re.M)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sanitizer", nargs="*", choices=[[], *RUNTIMES, *LIVES], help="address, which finds leaks as well, by default")
    parser.add_argument("--test", action="append", help="one of the files in core/tests or core/proto/tests; all, and the unit tests, by default")
    arguments = parser.parse_args()
    tests = [word for test in arguments.test or [] for word in ("--test", test)] or ["--lib", "--tests"]
    sanitizers = arguments.sanitizer or ["address"]
    for sanitizer in sanitizers:
        if lack := missing(sanitizer):
            print(f"missing: {lack}")
            return 1
    failed = [sanitizer for sanitizer in sanitizers if not (live(sanitizer) if sanitizer in LIVES else run(sanitizer, tests))]
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
