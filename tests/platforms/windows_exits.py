"""The ways out of a process on Windows, played under Wine with the programs of tests/exits: the server has to get Close 1001, and the process to end.

Owns the ways and what follows each; the lane builds the programs (.ci/lanes/windows.py). `event.c` says how an event is sent.
"""

from __future__ import annotations

import os
import pty
import queue
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "bindings-python" / "tests"))
from raw_server import RawServer  # type: ignore[import-not-found]  # noqa: E402 - the server of the Python tests

BOUND = 90.0  # seconds; Wine is slow to start a program
LANES = 2  # cells that are played beside each other
HOSTS = {
    "rust": ("stream", "handler", "tokio"),
    "python": ("asyncio", "connect", "sync", "run_forever", "start"),
    "node": ("host", "background"),
}
EVENTS = {"ctrl-c": 0, "ctrl-break": 1, "close": 2, "logoff": 5, "shutdown": 6}
OWN = {"return": 0, "exit": 3, "exception": 1}
TYPED = "ctrl-c typed"
ENDS_OTHERWISE: dict[tuple[str, str], Any] = {
    # ExitProcess asks nobody: documented.
    **{("rust " + host, "exit"): (None, 3) for host in HOSTS["rust"]},
    **{("rust " + host, "exception"): (1001, 101) for host in HOSTS["rust"]},
    # `sys.exit()` in a handler ends the thread of start() alone.
    ("python start", "exit"): (1001, 0),
    # The block of `with` says how it was left.
    **{(f"python {host}", "return"): (1000, 0) for host in ("connect", "sync")},
    **{(f"python {host}", "exception"): (1011, 1) for host in ("connect", "sync")},
}
NOT_THERE = {("python run_forever", "exception"): "the program raises in a handler of SIGALRM, which Windows has not"}


def play(face: str, command: Sequence[str | Path], event: Path, wine: Any, environment: dict[str, str]) -> tuple[int, dict[str, str]]:
    """All cells of a face: how many, and the words of those that ended otherwise than they should. Prints how long each goodbye took."""
    ways = [*OWN, *EVENTS, TYPED]
    cells = [(host, way) for host in HOSTS[face] for way in ways if (f"{face} {host}", way) not in NOT_THERE]

    def one(cell: tuple[str, str]) -> tuple[str, str, float | None]:
        host, way = cell
        try:
            return (f"{face} {host}, {way}", *_cell(f"{face} {host}", way, [*command, host, way], event, wine, environment))
        except (queue.Empty, subprocess.TimeoutExpired, AssertionError, OSError) as fault:
            return f"{face} {host}, {way}", f"{type(fault).__name__} {fault}", None

    failed: dict[str, str] = {}
    took: dict[str, float] = {}
    with ThreadPoolExecutor(LANES) as lanes:
        for name, words, seconds in lanes.map(one, cells):
            if words:
                failed[name] = words
            if seconds is not None:
                took[name] = seconds
    if took:
        order = sorted(took, key=lambda name: took[name], reverse=True)
        slowest = ", ".join(f"{took[name]:.3f} s ({name})" for name in order[:3])
        print(
            f"{face}: from an event to Close 1001, of {len(took)} the slowest: {slowest}; the middle one {took[order[len(order) // 2]]:.3f} s",
            flush=True,
        )
    return len(cells), failed


def _cell(name: str, way: str, command: Sequence[str | Path], event: Path, wine: Any, more: dict[str, str]) -> tuple[str, float | None]:
    """Plays one: what was wrong, if anything, and the time from the event to the Close frame."""
    with RawServer() as server, tempfile.TemporaryDirectory() as folder, (Path(folder) / "said").open("wb+") as said:
        environment = wine.environment(**more, EXITS_URL=server.url, EXITS_WAY=way)
        words = ["wine", *map(str, command)]
        keyboard = None
        if way == TYPED:
            keyboard, terminal = pty.openpty()
            process = subprocess.Popen(words, env=environment, stdin=terminal, stdout=terminal, stderr=terminal, preexec_fn=_own_terminal)
            os.close(terminal)
        else:
            is_python = name.startswith("python")  # it needs pipes under Wine, and Node must have none
            way_in, out = (subprocess.PIPE, subprocess.PIPE) if is_python else (subprocess.DEVNULL, said.fileno())
            process = subprocess.Popen(words, env=environment, stdin=way_in, stdout=out, stderr=subprocess.STDOUT)
        try:
            connection = server.connections.get(timeout=BOUND)
            ready, pid = str(connection.next_data(BOUND)).split()
            assert ready == "ready", ready
            sent_at = None
            if way in OWN:
                connection.send("go")
            elif keyboard is not None:
                sent_at = time.time()
                os.write(keyboard, b"\x03")
            else:
                done = wine.run("wine", event, pid, str(EVENTS[way]), timeout=BOUND)
                assert done.returncode == 0, done.stdout
                sent_at = int(done.stdout.split()[-1]) / 1e6
            # The time of the frame is taken by the thread that reads it.
            code = connection.expect_close(BOUND)
            seconds = None if sent_at is None else connection.closed_at - sent_at
            status = process.wait(BOUND)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
            if keyboard is not None:
                os.close(keyboard)
        # An event's status is the system's own, which Wine does not give as Windows does.
        expected = ENDS_OTHERWISE.get((name, way), (1001, OWN.get(way, status)))
        if (code, status) == expected:
            return "", seconds
        said.seek(0)
        printed = (said.read() if process.stdout is None else process.stdout.read()).decode(errors="replace")
        return f"close {code}, status {status}, not {expected}; it said:\n{printed[-2000:]}", seconds


def _own_terminal() -> None:
    """The child's terminal is its own: what is typed there comes to it."""
    import fcntl
    import termios

    os.setsid()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
