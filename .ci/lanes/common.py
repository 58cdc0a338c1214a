"""The shared parts of the lanes: an outcome, installing, Debian's cargo for another platform, reading reports of test runners. Knows no platform."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

from checkout import ROOT, TARGET, Missing

HERE = ROOT / "tests" / "platforms"
SCENARIOS = ROOT / "tests" / "scenarios"
HANGS_AFTER = 30 * 60  # seconds, for one run of a lane's tests
# The standard library is built, too, if no registry has it for the platform.
BUILD_STD = ("-Zbuild-std=std,panic_unwind",)
# Fast to build: each file is compiled once here and run once.
QUICK = ["--config=profile.dev.opt-level=0", "--config=profile.dev.debug=false"]
QUICK += ['--config=profile.dev.package."*".opt-level=0', '--config=profile.dev.package."*".debug=false']
DRIVERS = ("under_the_background_driver", "under_the_host_driver")


@dataclass
class Outcome:
    """The outcome of one run of tests."""

    face: str  # rust, python or node
    runtime: str
    tests: str  # a name for the tests, one word or two
    count: int
    failed: dict[str, str] = field(default_factory=dict)  # the words of each that failed


def install(*packages: str, has: Callable[[], bool], why: str) -> None:
    """Has Debian's packages installed, if this is root's machine."""
    if has():
        return
    if os.geteuid() == 0 and shutil.which("apt-get"):
        quiet = {"stdout": subprocess.DEVNULL, "env": {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}}
        subprocess.run(["apt-get", "update", "-qq"], check=False, **quiet)  # type: ignore[call-overload]
        subprocess.run(["apt-get", "install", "-qq", "-y", "--no-install-recommends", *packages], check=False, **quiet)  # type: ignore[call-overload]
    if not has():
        raise Missing(f"missing: {why} (on Debian: apt-get install {' '.join(packages)})")


def install_rust() -> None:
    """Debian's Rust, with the sources of its standard library."""
    rust = [Path("/usr/bin/cargo"), Path("/usr/lib/rustlib/src/rust/library/std")]
    packages = ("rustc-web", "cargo-web", "rust-web-src")
    install(*packages, has=lambda: all(path.exists() for path in rust), why="Rust with the sources of its library")


def debian_rust(target: Path, **more: str) -> dict[str, str]:
    """The environment in which Debian's cargo builds into a folder of the lane's own."""
    path = more.pop("PATH", os.environ["PATH"])
    return {**os.environ, "PATH": f"/usr/bin:{path}", "CARGO": "/usr/bin/cargo", "RUSTC_BOOTSTRAP": "1", "CARGO_TARGET_DIR": str(target), **more}


def cargo(triple: str, environment: dict[str, str], *arguments: str, program: str | Path = "/usr/bin/cargo", std: tuple[str, ...] = BUILD_STD) -> str:
    """Runs cargo for another platform, and returns its output."""
    command = [str(program), arguments[0], *QUICK, *std, "--target", triple, *arguments[1:]]
    print("+", *command, flush=True)
    done = subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout


def executables(messages: str) -> dict[str, Path]:
    """The programs that cargo has built, by name, from its output (`--message-format=json`)."""
    found: dict[str, Path] = {}
    for line in messages.splitlines():
        message = json.loads(line) if line.startswith("{") else {}
        if message.get("executable"):
            target = message["target"]
            found[target["name"] if "lib" not in target["kind"] else f"{target['name']}-lib"] = Path(message["executable"])
    return found


def executable(messages: str, name: str) -> Path:
    """The program of this name that cargo has built."""
    found = executables(messages)
    if name not in found:
        raise Missing(f"missing: cargo built no test {name}")
    return found[name]


JSON = ("--quiet", "--message-format=json-render-diagnostics")


def read(printed: str, status: int) -> tuple[int, dict[str, str]]:
    """How many scenarios a run of core/tests/scenarios played, and those that failed; a run that says neither is an error."""
    if passed := re.search(r"^(\d+) scenarios passed", printed, re.M):
        return int(passed[1]), {}
    counts = re.search(r"(\d+) of (\d+) scenarios failed:", printed)
    if counts is None:
        raise RuntimeError(f"the run ended with status {status} and no count:\n{printed[-4000:]}")
    failures = re.split(r"^--- ([\w-]+): ", printed[counts.end() :], flags=re.M)
    return int(counts[2]), dict(zip(failures[1::2], failures[2::2], strict=True))


def read_libtest(printed: str, status: int) -> tuple[int, dict[str, str]]:
    """The same of a run of Rust's test harness; ignored tests do not count."""
    result = re.search(r"^test result: \w+\. (\d+) passed; (\d+) failed;", printed, re.M)
    if result is None:
        raise RuntimeError(f"the run ended with status {status} and no result:\n{printed[-4000:]}")
    names = re.findall(r"^    ([\w:]+)$", printed[printed.rfind("\nfailures:") :], re.M) if int(result[2]) else []
    return int(result[1]) + int(result[2]), dict.fromkeys(names, printed[-4000:])


def read_junit(file: Path, printed: str) -> list[tuple[str, str | None]]:
    """Each test in the report of pytest or of Node's runner, with its words if it failed. Skipped ones do not count."""
    if not file.exists():
        raise RuntimeError(f"the run left no report:\n{printed[-4000:]}")
    tests = []
    for case in ElementTree.parse(file).iter("testcase"):
        if case.find("skipped") is None:
            fault = next((part for part in (case.find("failure"), case.find("error")) if part is not None), None)
            words = None if fault is None else f"{fault.get('message', '')}\n{fault.text or ''}"
            tests.append((str(case.get("name")), words))
    return tests


def titles() -> dict[str, str]:
    """The file of each scenario, by its title."""
    return {json.loads(path.read_text(encoding="utf-8"))["name"]: path.stem for path in SCENARIOS.glob("*.json")}


def known(lane: str) -> tuple[dict[str, str], dict[str, str]]:
    """The tests that fail in a lane, and those that may fail, each with the reason."""
    file = HERE / f"{lane}.json"
    lists = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {"fails": {}, "may_fail": {}}
    return lists["fails"], lists["may_fail"]


def again(lane: str, failed: dict[str, str], play: Callable[[str], dict[str, str]]) -> dict[str, str]:
    """Those that fail alone, too: several are played at a time, and an emulated system is slow. Those known to fail need no second chance."""
    fails, _ = known(lane)
    repeated = {name: words for name in failed if name not in fails for found, words in play(name).items() if found == name}
    return {**{name: words for name, words in failed.items() if name in fails}, **repeated}


def pip(*arguments: str | Path) -> None:
    """pip, of the Python at hand."""
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", *map(str, arguments)]
    subprocess.run(command, cwd=ROOT, check=True)


def lane_target(name: str) -> Path:
    """Where a lane builds."""
    return TARGET / name
