"""Builds for other platforms and runs their tests on this machine: `platforms.py LANE [--scenario PART] [--write]`, behind `make windows`.

It owns the lanes: what each needs, how it is built and run, and which scenarios are known to fail there (tests/platforms/<lane>.json, with reasons).
A scenario that fails and is not listed is a failure; so is one that is listed among those that fail, and passes. `--write` puts the outcome of a
whole lane into tests/platforms/results.json. It must not know what the tests test.

Exit status: 0 passed, 1 failed, 2 something is missing, which one line says.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from checkout import ROOT, TARGET, Missing, output

HERE = ROOT / "tests" / "platforms"
HANGS_AFTER = 15 * 60  # seconds, for one run of a lane's tests
# The standard library is built, too: no registry has it for another platform.
BUILD_STD = ("-Zbuild-std=std,panic_unwind",)
# Fast to build: each file is compiled once here and run once.
QUICK = ["--config=profile.dev.opt-level=0", "--config=profile.dev.debug=false"]
QUICK += ['--config=profile.dev.package."*".opt-level=0', '--config=profile.dev.package."*".debug=false']
DRIVERS = ("under_the_background_driver", "under_the_host_driver")


def install(*packages: str, has: Callable[[], bool], why: str) -> None:
    """What Debian's packages bring is there; root has them installed."""
    if has():
        return
    if os.geteuid() == 0 and shutil.which("apt-get"):
        quiet = {"stdout": subprocess.DEVNULL, "env": {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}}
        subprocess.run(["apt-get", "update", "-qq"], check=False, **quiet)  # type: ignore[call-overload]
        subprocess.run(["apt-get", "install", "-qq", "-y", "--no-install-recommends", *packages], check=False, **quiet)  # type: ignore[call-overload]
    if not has():
        raise Missing(f"missing: {why} (on Debian: apt-get install {' '.join(packages)})")


def cargo(triple: str, target: Path, *arguments: str, **more: str) -> str:
    """Runs Debian's cargo for another platform; what it printed."""
    environment = {**os.environ, "PATH": f"/usr/bin:{os.environ['PATH']}", "RUSTC_BOOTSTRAP": "1", "CARGO_TARGET_DIR": str(target), **more}
    command = ["/usr/bin/cargo", arguments[0], *QUICK, *BUILD_STD, "--target", triple, *arguments[1:]]
    print("+", *command, flush=True)
    done = subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout


def executable(messages: str, name: str) -> Path:
    """The test of this name among what cargo has built."""
    for line in messages.splitlines():
        message = json.loads(line) if line.startswith("{") else {}
        if message.get("executable") and message["target"]["name"] == name:
            return Path(message["executable"])
    raise Missing(f"missing: cargo built no test {name}")


class Windows:
    """x86-64 Windows with MinGW's linker, under Wine."""

    triple = "x86_64-pc-windows-gnu"
    target = TARGET / "windows"
    prefix = target / "prefix"

    def prepare(self) -> str:
        """Installs what is missing, and makes a Wine of our own; gives the runtime's name."""
        rust = [Path("/usr/bin/cargo"), Path("/usr/lib/rustlib/src/rust/library/std")]
        packages = ("rustc-web", "cargo-web", "rust-web-src")
        install(*packages, has=lambda: all(path.exists() for path in rust), why="Rust with the sources of its library")
        linker = f"{self.triple.split('-')[0]}-w64-mingw32-gcc"
        install("gcc-mingw-w64-x86-64-win32", has=lambda: shutil.which(linker) is not None, why="MinGW")
        install("wine", "wine64", has=lambda: shutil.which("wine") is not None, why="Wine")
        chance = self.prefix / "drive_c/windows/system32/bcryptprimitives.dll"
        if not chance.exists():
            self.wine("wineboot", "-u", timeout=HANGS_AFTER)
            subprocess.run([linker, "-shared", "-o", chance, HERE / "bcryptprimitives.c", "-ladvapi32"], check=True)
            self.wine("wine", "reg", "add", r"HKCU\Software\Wine", "/v", "Version", "/d", "win10", "/f", timeout=HANGS_AFTER)
        return output("wine", "--version").split()[0]

    def wine(self, *command: str | Path, timeout: float, **more: str) -> subprocess.CompletedProcess[str]:
        """Runs a program of Wine's, without a display."""
        environment = {**os.environ, "WINEPREFIX": str(self.prefix), "WINEDEBUG": "-all", **more}
        environment.pop("DISPLAY", None)
        words = [str(word) for word in command]
        pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        return subprocess.run(words, cwd=ROOT, env=environment, timeout=timeout, text=True, errors="replace", **pipes)  # type: ignore[call-overload,no-any-return]

    def scenarios(self, part: str) -> dict[str, tuple[int, dict[str, str]]]:
        """Plays the scenarios through the Rust face; for each driver how many were played, and the words of those that failed."""
        built = cargo(
            self.triple,
            self.target,
            *("test", "--no-run", "--quiet", "--message-format=json-render-diagnostics", "-p", "heartwire", "--features", "testing"),
            *("--test", "scenarios"),
        )
        program = executable(built, "scenarios")
        outcomes = {}
        for driver in DRIVERS:
            done = self.wine("wine", program, "--exact", driver, "--nocapture", timeout=HANGS_AFTER, SCENARIO=part)
            count, failed = read(done.stdout, done.returncode)
            # Eight are played at a time, and Wine is slow: what failed has a second chance, alone.
            again = {}
            for name in failed:
                done = self.wine("wine", program, "--exact", driver, "--nocapture", timeout=HANGS_AFTER, SCENARIO=name)
                again.update(read(done.stdout, done.returncode)[1])
            outcomes[driver] = (count, {name: again[name] for name in failed if name in again})
        return outcomes


def read(printed: str, status: int) -> tuple[int, dict[str, str]]:
    """How many scenarios a run of tests/scenarios played, and those that failed; a run that says neither is an error."""
    if passed := re.search(r"^(\d+) scenarios passed", printed, re.M):
        return int(passed[1]), {}
    counts = re.search(r"(\d+) of (\d+) scenarios failed:", printed)
    if counts is None:
        raise RuntimeError(f"the run ended with status {status} and no count:\n{printed[-4000:]}")
    failures = re.split(r"^--- ([\w-]+): ", printed[counts.end() :], flags=re.M)
    return int(counts[2]), dict(zip(failures[1::2], failures[2::2], strict=True))


def judge(lane: str, outcomes: dict[str, tuple[int, dict[str, str]]], is_whole: bool) -> list[str]:
    """The outcomes that differ from the lane's list."""
    lists: dict[str, dict[str, str]] = json.loads((HERE / f"{lane}.json").read_text(encoding="utf-8"))
    known = {**lists["fails"], **lists["may_fail"]}
    wrong = []
    for driver, (_, failed) in outcomes.items():
        wrong += [f"{driver}: {name}: {words}" for name, words in failed.items() if name not in known]
    if is_whole:
        passed = set(lists["fails"]) - {name for _, failed in outcomes.values() for name in failed}
        wrong += [f"{name} passes: take it from tests/platforms/{lane}.json" for name in sorted(passed)]
    return wrong


def write(triple: str, runtime: str, outcomes: dict[str, tuple[int, dict[str, str]]]) -> None:
    """Puts a lane's outcome into the results, in the place of its last one."""
    file = HERE / "results.json"
    results = json.loads(file.read_text(encoding="utf-8")) if file.exists() else []
    results = [result for result in results if (result["target"], result["runtime"]) != (triple, runtime)]
    played = sum(count for count, _ in outcomes.values())
    failed = sum(len(failures) for _, failures in outcomes.values())
    commit = output("git", "rev-parse", "--short", "HEAD")
    day = time.strftime("%Y-%m-%d", time.gmtime())
    counts = {"passed": played - failed, "known_to_fail": failed}
    results.append({"target": triple, "runtime": runtime, "face": "rust", **counts, "date": day, "commit": commit})
    file.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("lane", choices=["windows"])
    parser.add_argument("--scenario", default="", metavar="PART", help="only those with this in their name")
    parser.add_argument("--write", action="store_true", help="put the outcome of the whole lane into tests/platforms/results.json")
    arguments = parser.parse_args()
    lane = Windows()
    try:
        runtime = lane.prepare()
        outcomes = lane.scenarios(arguments.scenario)
    except Missing as missing:
        print(missing)
        return 2
    except subprocess.CalledProcessError as failure:
        print(f"failed with status {failure.returncode}: {' '.join(map(str, failure.cmd))}")
        return 1
    for driver, (count, failed) in outcomes.items():
        print(f"{arguments.lane}, {runtime}, {driver}: {count - len(failed)} of {count} scenarios passed {' '.join(sorted(failed))}")
    wrong = judge(arguments.lane, outcomes, not arguments.scenario)
    print(*wrong, sep="\n")
    if arguments.write and not arguments.scenario and not wrong:
        write(lane.triple, runtime, outcomes)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
