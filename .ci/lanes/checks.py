"""Lanes that prove less than a run on the platform, or something else: macOS is built and linked only, and ThreadSanitizer runs on this machine."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import distribution
from checkout import ROOT, Missing, output

from lanes.common import DRIVERS, HANGS_AFTER, JSON, Outcome, cargo, debian_rust, executables, install_rust, lane_target, read, read_libtest

MACH_O = b"\xcf\xfa\xed\xfe"
STUB = """--- !tapi-tbd
tbd-version: 4
targets: [ x86_64-macos, arm64-macos ]
install-name: '/System/Library/Frameworks/{name}.framework/Versions/A/{name}'
current-version: 1
...
"""


class Mac:
    """Both kinds of macOS: zig links the extension, the addon and a program. Apple's frameworks are stubs; a Mac resolves their symbols."""

    triple = "aarch64-apple-darwin, x86_64-apple-darwin"
    faces: tuple[str, ...] = ("link",)

    def __init__(self, _: str) -> None:
        self.target = lane_target("macos-check")

    def prepare(self) -> None:
        """Installs what is missing."""
        install_rust()
        self.tools = distribution.tools().parent
        self.frameworks = self.target / "frameworks"
        for name in ("Security", "CoreFoundation"):
            stub = self.frameworks / f"{name}.framework" / f"{name}.tbd"
            stub.parent.mkdir(parents=True, exist_ok=True)
            stub.write_text(STUB.format(name=name), encoding="ascii")

    def run(self, _: str, /) -> Iterator[Outcome]:
        """Builds and links."""
        flags = f"-Lframework={self.frameworks} -Clink-arg=-undefined -Clink-arg=dynamic_lookup"
        for triple in self.triple.split(", "):
            path = f"{self.tools}{os.pathsep}{os.environ['PATH']}"
            environment = debian_rust(self.target, RUSTFLAGS=flags, PYO3_CROSS="1", PYO3_CROSS_PYTHON_VERSION="3.11")
            environment["PATH"] = f"{self.tools}{os.pathsep}/usr/bin{os.pathsep}{path}"
            packages = ("-p", "heartwire-python", "--features", "heartwire-python/abi3", "-p", "heartwire-node")
            program = self.tools / "cargo-zigbuild"
            cargo(triple, environment, "build", "--quiet", *packages, program=program)
            cargo(triple, environment, "build", "--quiet", "-p", "heartwire", "--features", "testing", "--example", "bot", program=program)
            folder = self.target / triple / "debug"
            made = [folder / "libheartwire_native.dylib", folder / "libheartwire_node.dylib", folder / "examples" / "bot"]
            failed = {path.name: "is not there, or no Mach-O file" for path in made if not path.exists() or path.read_bytes()[:4] != MACH_O}
            yield Outcome(triple.split("-")[0], "not run", "linked files", len(made), failed)


class Tsan:
    """The core's tests of threads under ThreadSanitizer, with a standard library that is built with it."""

    triple = "x86_64-unknown-linux-gnu"
    faces: tuple[str, ...] = ("rust",)
    tests = ("drivers", "keeper", "bot", "failing", "scenarios")

    def __init__(self, part: str) -> None:
        self.part = part
        self.target = lane_target("tsan")

    def prepare(self) -> None:
        """Installs what is missing."""
        install_rust()
        sysroot = output("rustc", "+stable", "--print", "sysroot") or output("rustc", "--print", "sysroot")
        self.library = Path(sysroot, "lib", "rustlib", self.triple, "lib", "librustc-stable_rt.tsan.a")
        if not self.library.exists():
            raise Missing("missing: ThreadSanitizer's runtime, which a Rust of rustup's brings (rustup toolchain install stable)")

    def run(self, _: str) -> Iterator[Outcome]:
        """The scenarios, the tests of drivers and threads, and the unit tests. A race ends the program with status 66."""
        link = f"-Clink-args=-Wl,--whole-archive,{self.library},--no-whole-archive"
        flags = f"-Zsanitizer=thread -Zexternal-clangrt -Cunsafe-allow-abi-mismatch=sanitizer {link}"
        environment = debian_rust(self.target, RUSTFLAGS=flags)
        chosen = [word for test in self.tests for word in ("--test", test)]
        built = executables(
            cargo(self.triple, environment, "test", "--no-run", *JSON, "-p", "heartwire", "--features", "testing", "--lib", *chosen),
        )
        count, failures = 0, {}
        for driver in DRIVERS:
            done = self.execute(built["scenarios"], "--exact", driver, "--nocapture", SCENARIO=self.part)
            played, failed = read(done.stdout, done.returncode)
            yield Outcome("rust", "ThreadSanitizer", f"scenarios {driver.replace('_', ' ')}", played, {**failed, **races(driver, done)})
        for name, program in built.items():
            if name != "scenarios":
                done = self.execute(program, "--test-threads=4")
                ran, failed = read_libtest(done.stdout, done.returncode)
                count += ran
                failures.update({**failed, **races(name, done)})
        yield Outcome("rust", "ThreadSanitizer", "tests of threads", count, failures)

    def execute(self, *command: str | Path, **more: str) -> subprocess.CompletedProcess[str]:
        """Runs a program that was built with the sanitizer."""
        environment = {**os.environ, "TSAN_OPTIONS": "exitcode=66 halt_on_error=0", **more}
        pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        words = [str(word) for word in command]
        return subprocess.run(words, cwd=ROOT / "core", env=environment, timeout=HANGS_AFTER, text=True, errors="replace", **pipes)  # type: ignore[call-overload,no-any-return]


def races(name: str, done: subprocess.CompletedProcess[str]) -> dict[str, str]:
    """The first report of a race, if there is one."""
    at = done.stdout.find("WARNING: ThreadSanitizer")
    return {} if at < 0 else {f"race in {name}": done.stdout[at : at + 4000]}
