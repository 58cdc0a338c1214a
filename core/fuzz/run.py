"""Runs the fuzz targets by libFuzzer, built with the stable compiler: `python core/fuzz/run.py [TARGET ...] [--seconds 20] [--seed N] [--keep]`.

Each target starts from the inputs in corpus/TARGET and looks for new ones in a folder of its own under target/. --keep adds to the corpus what
reaches code that nothing in it reached, and drops what is reached without it. An input that breaks a rule is left in artifacts/; give it to a
test, and to the corpus once it is mended.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
CORPUS = HERE / "corpus"
TARGETS = sorted(path.stem for path in (HERE / "targets").glob("*.rs"))
# What `cargo fuzz` passes, less the sanitizer of memory, which needs a nightly compiler and has little to find in safe code.
COVERAGE = ["-Cpasses=sancov-module", *(f"-Cllvm-args=-sanitizer-coverage-{flag}" for flag in ("level=4", "inline-8bit-counters", "pc-table"))]
COVERAGE += ["-Cllvm-args=-sanitizer-coverage-trace-compares", "-Clink-dead-code", "--cfg=fuzzing"]
LONGEST, KEPT = 4096, 1024  # bytes of an input that is tried, and of one that the corpus keeps
TRIPLE = "-unknown-linux-gnu"


def build() -> Path:
    """Builds all targets. Where the programs are."""
    triple = os.uname().machine + TRIPLE
    # A target of its own, so that build scripts and macros are built without the flags.
    command = ["cargo", "build", "--release", "--quiet", "--bins", "--target", triple, "--manifest-path", str(HERE / "Cargo.toml")]
    target = Path(os.environ.get("CARGO_TARGET_DIR", HERE.parent.parent / "target")) / "fuzz"
    environment = {**os.environ, "RUSTFLAGS": " ".join(COVERAGE), "CARGO_TARGET_DIR": str(target)}
    subprocess.run(command, check=True, env=environment)
    return target / triple / "release"


def fuzz(program: Path, found: Path, seconds: int, seed: int) -> bool:
    """Fuzzes one target. Whether all rules held."""
    name = program.name
    found.mkdir(parents=True, exist_ok=True)
    artifacts = HERE / "artifacts" / name
    artifacts.mkdir(parents=True, exist_ok=True)
    command = [str(program), f"-max_total_time={seconds}", f"-seed={seed}", f"-max_len={LONGEST}", "-timeout=10", "-rss_limit_mb=1024"]
    command += [f"-artifact_prefix={artifacts}/", "-print_final_stats=1", str(found), str(CORPUS / name)]
    words = HERE / "words" / f"{name}.dict"
    if words.exists():
        command.insert(1, f"-dict={words}")
    settings = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True, "errors": "replace", "timeout": seconds + 120}
    done = subprocess.run(command, env={**os.environ, "RUST_BACKTRACE": "0"}, **settings)
    runs = re.search(r"number_of_executed_units: (\d+)", done.stdout)
    coverage = re.findall(r"cov: (\d+)", done.stdout)
    print(f"{name}: {runs[1] if runs else 'no'} runs in {seconds} s, {coverage[-1] if coverage else 0} edges, seed {seed}", flush=True)
    if done.returncode != 0:
        print(done.stdout[-4000:])
        print(f"{name}: FAILED with status {done.returncode}; the input is in {artifacts}")
    return done.returncode == 0


def keep(program: Path, found: Path) -> None:
    """Makes the corpus the fewest inputs that reach what it and the inputs found reach, beside those that have a name."""
    old, new = CORPUS / program.name, found.with_suffix(".merged")
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir()
    command = [str(program), "-set_cover_merge=1", "-use_counters=0", f"-max_len={KEPT}", str(new), str(old), str(found)]
    subprocess.run(command, check=True, capture_output=True)
    for path in old.iterdir():
        if re.fullmatch("[0-9a-f]{12}", path.name):
            path.unlink()
    named = [path.read_bytes() for path in old.iterdir()]
    for path in new.iterdir():
        if path.read_bytes() not in named:
            shutil.copy(path, old / path.name[:12])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("target", nargs="*", choices=[[], *TARGETS], help="which; all by default")
    parser.add_argument("--seconds", type=int, default=20, help="for each target")
    parser.add_argument("--seed", type=int, default=int(time.time()) % 1_000_000 + 1, help="of the mutations")
    parser.add_argument("--keep", action="store_true", help="add what is new to the corpus")
    arguments = parser.parse_args()
    programs = build()
    failed = 0
    targets = arguments.target or TARGETS
    for name in targets:
        found = programs.parent / "found" / name
        failed += not fuzz(programs / name, found, arguments.seconds, arguments.seed)
        if arguments.keep:
            keep(programs / name, found)
    print(f"{len(targets) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
