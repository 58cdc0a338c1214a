"""The shared parts of the tests: a raw server whose every byte the test decides, and child processes."""

from __future__ import annotations

import os
import pathlib
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from loops import LOOPS, Run
from raw_server import BOUND, RawServer

HERE = pathlib.Path(__file__).parent

for name in list(os.environ):
    if name.lower().endswith("_proxy"):
        del os.environ[name]


# Child processes inherit the signals that nohup or a shell's background job ignores.
for number in (signal.SIGINT, signal.SIGTERM, *([signal.SIGHUP] if sys.platform != "win32" else [])):
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, signal.SIG_DFL)


@pytest.fixture
def server() -> Iterator[RawServer]:
    with RawServer() as server:
        yield server


@pytest.fixture
def quick_switches() -> Iterator[None]:
    """Makes the interpreter switch threads as often as it can, so that every step that is not atomic is interrupted."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


@pytest.fixture(params=LOOPS)
def run(request: pytest.FixtureRequest) -> Run:
    return LOOPS[request.param]


class Child:
    """A Python process whose standard output is read line by line."""

    def __init__(self, code: str, *args: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-X", "faulthandler", "-W", "error", "-c", code, *args],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=HERE,
        )

    def line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def end(self, timeout: float = BOUND) -> tuple[int, str, str]:
        """Its status and its output, without the warnings that a thread was late: on a busy machine it is."""
        out, err = self.process.communicate(timeout=timeout)
        err = "".join(line for line in err.splitlines(keepends=True) if "kept events waiting for" not in line)
        return self.process.returncode, out, err


@pytest.fixture
def child() -> Iterator[object]:
    children: list[Child] = []

    def make(code: str, *args: str) -> Child:
        children.append(Child(code, *args))
        return children[-1]

    yield make
    for made in children:
        if made.process.poll() is None:
            made.process.kill()
        made.process.communicate()
