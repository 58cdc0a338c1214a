"""Runs the fuzz targets by libFuzzer, built with the stable compiler: `python core/fuzz/run.py [TARGET ...] [--seconds 20] [--seed N] [--keep]`.

Each target starts from the inputs in corpus/TARGET and looks for new ones in a folder of its own under target/. --keep adds to the corpus what
reaches code that nothing in it reached, and drops what is reached without it. An input that breaks a rule is left in artifacts/; give it to a
test, and to the corpus once it is mended. --cpu counts the seconds that the target computes, for a machine that does other things as well.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).resolve().parent
CORPUS = HERE / "corpus"
TARGETS = sorted(path.stem for path in (HERE / "targets").glob("*.rs"))
# What `cargo fuzz` passes, less the sanitizer of memory, which needs a nightly compiler and has little to find in safe code.
COVERAGE = ["-Cpasses=sancov-module", *(f"-Cllvm-args=-sanitizer-coverage-{flag}" for flag in ("level=4", "inline-8bit-counters", "pc-table"))]
COVERAGE += ["-Cllvm-args=-sanitizer-coverage-trace-compares", "-Clink-dead-code", "--cfg=fuzzing"]
TIMEOUT = 10  # seconds that an input may take
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


def fuzz(program: Path, found: Path, seconds: int, seed: int, cpu: bool) -> bool:
    """Fuzzes one target. Whether all rules held."""
    name = program.name
    found.mkdir(parents=True, exist_ok=True)
    artifacts = HERE / "artifacts" / name
    artifacts.mkdir(parents=True, exist_ok=True)
    # Where others compute, an input takes as long as they let it wait.
    bounds = [f"-timeout={60 * TIMEOUT}", f"-report_slow_units={60 * TIMEOUT}"] if cpu else [f"-max_total_time={seconds}", f"-timeout={TIMEOUT}"]
    command = [str(program), *bounds, f"-seed={seed}", f"-max_len={LONGEST}", "-rss_limit_mb=1024"]
    command += [f"-artifact_prefix={artifacts}/", "-print_final_stats=1", str(found), str(CORPUS / name)]
    words = HERE / "words" / f"{name}.dict"
    if words.exists():
        command.insert(1, f"-dict={words}")
    with tempfile.TemporaryFile("w+", errors="replace") as output:
        process = subprocess.Popen(command, env={**os.environ, "RUST_BACKTRACE": "0"}, stdout=output, stderr=subprocess.STDOUT)
        try:
            spent = computes(process, seconds) if cpu else seconds
            status = process.wait(None if cpu else seconds + 120)
        finally:
            process.kill()
        output.seek(0)
        said = output.read()
    runs = re.search(r"number_of_executed_units: (\d+)", said)
    coverage = re.findall(r"cov: (\d+)", said)
    measure = "s of CPU" if cpu else "s"
    print(f"{name}: {runs[1] if runs else 'no'} runs in {spent:.0f} {measure}, {coverage[-1] if coverage else 0} edges, seed {seed}", flush=True)
    if status != 0:
        print(said[-4000:])
        print(f"{name}: FAILED with status {status}; the input is in {artifacts}")
    return status == 0


def computes(process: subprocess.Popen[bytes], seconds: int) -> float:
    """Waits until the process has computed for so long, or has ended by itself; libFuzzer ends at SIGUSR1. The seconds that it computed."""
    spent = 0.0
    while process.poll() is None:
        user, system = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[11:13]
        spent = (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")
        if spent >= seconds:
            process.send_signal(signal.SIGUSR1)
            break
        time.sleep(1)
    return spent


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
    parser.add_argument("--cpu", action="store_true", help="count the seconds that the target computes, not those of the clock")
    parser.add_argument("--seed", type=int, default=int(time.time()) % 1_000_000 + 1, help="of the mutations")
    parser.add_argument("--keep", action="store_true", help="add what is new to the corpus")
    arguments = parser.parse_args()
    programs = build()

    def play(name: str) -> bool:
        found = programs.parent / "found" / name
        held = fuzz(programs / name, found, arguments.seconds, arguments.seed, arguments.cpu)
        if arguments.keep:
            keep(programs / name, found)
        return held

    targets = arguments.target or TARGETS
    with ThreadPoolExecutor(os.cpu_count()) as cores:
        failed = list(cores.map(play, targets)).count(False)
    print(f"{len(targets) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
