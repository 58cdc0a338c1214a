"""x86-64 Windows with MinGW's linker, under Wine: the scenarios in Rust, Python and Node, and the ways out of a process. Owns the builds and the
runs there; `wine.py` owns Wine itself."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import checkout
from checkout import NODE_PACKAGE, ROOT

from lanes.common import (
    BUILD_STD,
    DRIVERS,
    HANGS_AFTER,
    JSON,
    QUICK,
    Outcome,
    again,
    cargo,
    debian_rust,
    executable,
    install_rust,
    known,
    lane_target,
    pip,
    read,
    read_junit,
    titles,
)
from lanes.wine import PYTHON, Wine, windows_path

TESTS_PACKAGES = ("pytest", "pytest-timeout", "colorama")


class Windows:
    """The lane."""

    triple = "x86_64-pc-windows-gnu"
    faces: tuple[str, ...] = ("rust", "python", "node", "exits")

    def __init__(self, part: str) -> None:
        self.part = part  # of the scenarios' names
        self.target = lane_target("windows")
        self.wine = Wine(self.target)
        self.name = "windows"

    def prepare(self) -> None:
        """Installs what is missing."""
        install_rust()
        self.runtime = self.wine.prepare()

    def run(self, face: str) -> Iterator[Outcome]:
        """Builds a face and plays its tests."""
        runs: dict[str, Callable[[], Iterator[Outcome]]] = {
            "rust": self.rust,
            "python": self.python,
            "node": self.node,
            "exits": self.exits,
        }
        yield from runs[face]()

    # Rust

    def rust(self) -> Iterator[Outcome]:
        """The scenarios, under both drivers."""
        program = executable(self._cargo("test", "--no-run", *JSON, "-p", "heartwire", "--features", "testing", "--test", "scenarios"), "scenarios")
        for driver in DRIVERS:

            def play(part: str, driver: str = driver) -> tuple[int, dict[str, str]]:
                done = self.wine.run("wine", program, "--exact", driver, "--nocapture", timeout=HANGS_AFTER, SCENARIO=part)
                return read(done.stdout, done.returncode)

            count, failed = play(self.part)
            yield Outcome("rust", self.runtime, f"scenarios {driver.replace('_', ' ')}", count, again(self.name, failed, lambda name: play(name)[1]))

    def _cargo(self, *arguments: str) -> str:
        environment = debian_rust(self.target, LIBNODE_PATH=str(self.wine.libnode()))
        return cargo(self.triple, environment, *arguments)

    # Python

    def python(self) -> Iterator[Outcome]:
        """The scenarios on Proactor and Selector loops, in run_forever() and after start()."""
        self.python_packages()
        tests = ROOT / "bindings-python"

        def play(part: str) -> dict[str, list[tuple[str, str | None]]]:
            report = self.target / "python.xml"
            report.unlink(missing_ok=True)
            arguments = ("-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junitxml={windows_path(report)}", "tests/test_scenarios.py")
            done = self.wine.run(
                "wine", self.wine.python(), *arguments, cwd=tests, timeout=HANGS_AFTER, pipe=True, SCENARIO=part, **self.python_path()
            )
            kinds: dict[str, list[tuple[str, str | None]]] = {}
            for name, words in read_junit(report, done.stdout):
                found = re.match(r"test_scenario\[(\w+)-(\w+)-(.*)\]", name)
                if found:
                    kinds.setdefault(f"{found[1]} {found[2]}", []).append((found[3], words))
            return kinds

        yield from self._scenarios("python", f"{self.runtime}, CPython {PYTHON}", play)

    def python_path(self) -> dict[str, str]:
        """The environment in which Windows' Python finds the package and writes UTF-8."""
        return {"PYTHONPATH": windows_path(self.target / "site"), "PYTHONUTF8": "1", "PYTHONDONTWRITEBYTECODE": "1"}

    def python_packages(self) -> None:
        """The wheel, built and installed beside pytest where Windows' Python finds them."""
        maturin = checkout.environment(*checkout.default_python(), ROOT / "requirements-dev.txt")
        wheels, site = self.target / "wheels", self.target / "site"
        shutil.rmtree(wheels, ignore_errors=True)
        environment = debian_rust(self.target, PYO3_CROSS="1", PYO3_CROSS_PYTHON_VERSION=PYTHON)
        command: list[str | Path] = [maturin, "-m", "maturin", "build", "--quiet", "--profile", "dev", *QUICK, *BUILD_STD, "--target", self.triple]
        command += ["-m", ROOT / "bindings-python" / "Cargo.toml", "--out", wheels, "--features", "abi3-py310", "-i", f"python{PYTHON}"]
        print("+", *command, flush=True)
        subprocess.run(command, cwd=ROOT, env=environment, check=True)
        (wheel,) = wheels.glob("*.whl")
        for_windows = ("--platform", "win_amd64", "--implementation", "cp", "--python-version", PYTHON, "--only-binary", ":all:", "--target", site)
        if not (site / "pytest").exists():
            pip("install", *for_windows, *TESTS_PACKAGES)
        shutil.rmtree(site / "heartwire", ignore_errors=True)
        pip("install", *for_windows, "--upgrade", "--no-deps", wheel)

    # Node

    def node(self) -> Iterator[Outcome]:
        """The scenarios under both drivers."""
        self.node_package()

        def play(part: str) -> dict[str, list[tuple[str, str | None]]]:
            report = self.target / "node.xml"
            report.unlink(missing_ok=True)
            arguments = ("--test-reporter=junit", f"--test-reporter-destination={windows_path(report)}", "test/scenarios.test.mjs")
            done = self.wine.run("wine", self.wine.node(), *arguments, cwd=NODE_PACKAGE, timeout=HANGS_AFTER, SCENARIO=part)
            kinds: dict[str, list[tuple[str, str | None]]] = {}
            known = titles()
            for name, words in read_junit(report, done.stdout):
                found = re.match(r"scenario \((\w+)\): (.*)", name)
                if found:
                    kinds.setdefault(found[1], []).append((known.get(found[2], found[2]), words))
            return kinds

        version = self.wine.node().parents[2].name.replace("node-", "Node ")
        yield from self._scenarios("node", f"{self.runtime}, {version}", play)

    def node_package(self) -> None:
        """Builds the addon into the place where the loader of the checkout looks."""
        self._cargo("build", "--quiet", "-p", "heartwire-node")
        built = self.target / self.triple / "debug" / "heartwire_node.dll"
        addon = NODE_PACKAGE / "heartwire.win32-x64.node"
        # Through a rename: a process that has the old one loaded keeps it.
        shutil.copy(built, addon.with_suffix(".new"))
        addon.with_suffix(".new").replace(addon)

    def _scenarios(self, face: str, runtime: str, play: Callable[[str], dict[str, list[tuple[str, str | None]]]]) -> Iterator[Outcome]:
        """All kinds of hosts that a run has; each scenario that failed is played alone once more, in all of them."""
        kinds = play(self.part)
        fails, _ = known(self.name)
        failed = sorted({name for tests in kinds.values() for name, words in tests if words is not None and name not in fails})
        repeated: dict[tuple[str, str], str | None] = {}
        for name in failed:
            for kind, tests in play(name).items():
                repeated.update({(kind, found): words for found, words in tests})
        for kind, tests in kinds.items():
            still = {name: repeated.get((kind, name), words) for name, words in tests if words is not None}
            yield Outcome(face, runtime, f"scenarios {kind}", len(tests), {name: words for name, words in still.items() if words is not None})

    # The ways out

    def exits(self) -> Iterator[Outcome]:
        """Ctrl+C, Ctrl+Break, a closed window, a logoff, a shutdown, and the ends that a program chooses."""
        sys.path.insert(0, str(ROOT / "tests" / "platforms"))
        import windows_exits

        self.python_packages()
        self.node_package()
        self._cargo("build", "--quiet", "-p", "heartwire", "--features", "testing", "--example", "exits")
        helper = self.target / "event.exe"
        self.wine.compile(ROOT / "tests" / "platforms" / "event.c", helper)
        commands = {
            "rust": [self.target / self.triple / "debug" / "examples" / "exits.exe"],
            "python": [self.wine.python(), ROOT / "tests" / "exits" / "programs" / "plain.py"],
            "node": [self.wine.node(), ROOT / "tests" / "exits" / "programs" / "plain.mjs"],
        }
        for face, command in commands.items():
            count, failed = windows_exits.play(face, command, helper, self.wine, self.python_path())
            yield Outcome(face, self.runtime, "ways out", count, failed)
