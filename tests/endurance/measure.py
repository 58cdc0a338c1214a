#!/usr/bin/env python3
"""Endurance of each face: `measure.py [leaks] [idle] [--small]`, behind `make endurance`. The tables of docs/reliability.md are its output.

leaks: 10,000 connections one after the other and 1,000,000 messages, and the resources that they leave. idle: 10,000 connections at once that only
beat, their memory and their cost. The server has its own process. It owns the sizes, the tables and the bounds, and ends with 1 if one is broken.
The programs that it runs do the measuring.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
PYTHON = [sys.executable]
NODE = ["node", "--expose-gc", "--max-semi-space-size=1"]
# Whichever was built last: `make endurance` builds a release, the tests do not.
BUILT = [path for profile in ("release", "debug") if (path := TARGET / profile / "examples" / "endurance").exists()]
RUST = max(BUILT, key=lambda path: path.stat().st_mtime, default=Path("endurance"))
# Freed memory goes back at once. The memory that glibc keeps for later varies by 300 KiB a round: it would hide a leak, or look like one.
FRUGAL = {"MALLOC_ARENA_MAX": "1", "MALLOC_TRIM_THRESHOLD_": "0", "MALLOC_MMAP_THRESHOLD_": "65536"}
LEAKS = {
    "Python, asyncio": [*PYTHON, ROOT / "bindings-python/tests/leaks.py", "asyncio"],
    "Python, run_forever": [*PYTHON, ROOT / "bindings-python/tests/leaks.py", "run_forever"],
    "Python, start": [*PYTHON, ROOT / "bindings-python/tests/leaks.py", "start"],
    "Node": [*NODE, ROOT / "bindings-node/test/leaks.mjs"],
    "Rust": [RUST, "leaks"],
}
IDLE = {
    "Python, asyncio": [*PYTHON, HERE / "idle.py", "asyncio"],
    "Python, run_forever": [*PYTHON, HERE / "idle.py", "run_forever"],
    "Node": [*NODE, HERE / "idle.mjs"],
    "Rust": [RUST, "idle"],
}


@contextmanager
def server(*arguments: str) -> Iterator[str]:
    line = [sys.executable, str(HERE / "peer.py"), *arguments]
    process = subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield f"ws://127.0.0.1:{int(process.stdout.readline())}/"
    finally:
        process.kill()
        process.wait()


def lines(program: list[Any], *arguments: object, **environment: str) -> list[dict[str, Any]]:
    """What a program prints, a JSON object a line."""
    line = [str(word) for word in (*program, *arguments)]
    done = subprocess.run(line, stdout=subprocess.PIPE, text=True, check=True, env={**os.environ, **environment})
    return [json.loads(line) for line in done.stdout.splitlines()]


def leaks(rounds: int, connections: int, messages: int) -> tuple[list[str], list[str]]:
    """The memory left after the first rounds and after the last one, and the faults: growth that is too much."""
    faults = []
    rows = [
        f"{rounds * connections:,} connections one after the other, {rounds * messages:,} messages in {rounds} rounds; after the third and the last:",
        "",
        "| face | sockets | objects | heap, KiB | own memory, KiB | descriptors | threads | least growth of both in a round, KiB |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for face, program in LEAKS.items():
        with server("deflate") as url:
            samples = lines(program, url, rounds, connections, messages, **FRUGAL)[2:]
        first, last = samples[0], samples[-1]
        heap = "traced" if "traced" in last else "heap"
        objects = "objects: Object" if "objects: Object" in last else "objects"
        least = least_growth(samples)
        faults += [f"{face}: {fault}" for fault in leaking(samples, connections)]
        cells = [
            f"{first['sockets']}, {last['sockets']}" if "sockets" in last else "",
            f"{first[objects]:,}, {last[objects]:,}" if objects in last else "",
            f"{first[heap] >> 10:,}, {last[heap] >> 10:,}",
            f"{first['own'] >> 10:,}, {last['own'] >> 10:,}",
            f"{first['descriptors']}, {last['descriptors']}",
            f"{first['threads']}, {last['threads']}",
            f"{max(0, least[heap]) / 1024:.1f}, {max(0, least['own']) / 1024:.1f}",
        ]
        rows.append(f"| {face} | {' | '.join(cells)} |")
        print(rows[-1], file=sys.stderr, flush=True)
    return rows, faults


def least_growth(samples: list[dict[str, Any]]) -> dict[str, int]:
    """A leak adds in every round: so this is the growth of each figure in its quietest round."""
    figures = [figure for figure, value in samples[-1].items() if isinstance(value, int)]
    return {figure: min(after[figure] - before[figure] for before, after in zip(samples, samples[1:])) for figure in figures}


def leaking(samples: list[dict[str, Any]], connections: int) -> list[str]:
    """The figures that grew by more than the noise of the measure: memory has a little, counts have none."""
    least = least_growth(samples)
    bounds = {"traced": 16 << 10, "heap": 16 << 10, "own": max(60, connections) << 10}
    faults = [f"every round left {grown} of {figure}" for figure, grown in least.items() if grown > bounds.get(figure, 0)]
    if samples[-1].get("sockets", 0) > 1:  # one may be that of the last event
        faults.append(f"{samples[-1]['sockets']} sockets of the last round are still there")
    return faults


def idle(count: int, seconds: int, interval: int) -> tuple[list[str], list[str]]:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < count + 200:  # the server's process has as many of its own
        count = hard - 200
        print(f"only {count} connections: ulimit -Hn is {hard}", file=sys.stderr)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    faults: list[str] = []
    rows = [
        f"{count:,} idle connections in one process, each with a heartbeat every {interval} s that is answered, and pings; over {seconds} s:",
        "",
        "| face | open | KiB per connection | CPU, % of a core | heartbeats answered, of those due | threads |",
        "|---|---|---|---|---|---|",
    ]
    for face, program in IDLE.items():
        with server() as url:
            (got,) = lines(program, url, count, seconds, interval)
        faults += [f"{face}: {fault}" for fault in costly(got, count)]
        rows.append(
            f"| {face} | {got['connections']:,} | {got['bytes_per_connection'] / 1024:.1f} | {got['cpu_percent']:.1f} "
            f"| {got['heartbeats']:,} of {got['expected']:,.0f} | {got['threads']} |"
        )
        print(rows[-1], file=sys.stderr, flush=True)
    return rows, faults


def costly(got: dict[str, Any], count: int) -> list[str]:
    """Losses, and figures above twice their value when these bounds were set. Few connections share the cost of the whole process."""
    bounds = {
        "connections that are not open": (count - got["connections"], 0),
        "% of the heartbeats not answered": (round(100 - 100 * got["heartbeats"] / got["expected"]), 5 if count > 1000 else 50),
        "KiB per connection": (round(got["bytes_per_connection"]) >> 10, 20 if count > 1000 else 200),
        "threads": (got["threads"], 30),
    }
    return [f"{value} {what}" for what, (value, most) in bounds.items() if value > most]


def main() -> int:
    small = "--small" in sys.argv
    wanted = [word for word in sys.argv[1:] if word != "--small"] or ["leaks", "idle"]
    faults: list[str] = []
    if "leaks" in wanted:
        rows, faults = leaks(*((6, 20, 400) if small else (20, 500, 50_000)))
        print("\n".join(rows), end="\n\n", flush=True)
    if "idle" in wanted:
        rows, costs = idle(*((100, 5, 1) if small else (10_000, 60, 20)))
        print("\n".join(rows), flush=True)
        faults += costs
    print("\n".join(faults), file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
