"""The rows of JavaScript: Node by itself and under its runners, Bun and Deno. The programs are in `programs/`."""

from __future__ import annotations

import re
import shutil
import subprocess
from functools import lru_cache
from pathlib import Path
from typing import Any

from rows import Cell, End, Row

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = Path(__file__).resolve().parent / "programs"
MODULES = ROOT / "tests" / "node_modules"

PLAIN = str(PROGRAMS / "plain.mjs")
JEST = (str(MODULES / "jest/bin/jest.js"), "--projects", str(PROGRAMS / "jest"), "--forceExit")
VITEST = (str(MODULES / "vitest/vitest.mjs"), "run", "--root", str(PROGRAMS / "vitest"))
PM2 = (str(MODULES / "pm2/bin/pm2-runtime"), "start", "--no-autorestart", str(PROGRAMS / "pm2.mjs"), "--", "host")

NOT_ONE = "process 1 has no socket"


@lru_cache(maxsize=None)
def _node_of(oldest: int) -> str | None:
    """Give the Node on PATH, or one of the suites' own if that one is too old."""
    own = shutil.which("node")
    version = subprocess.run([own, "--version"], capture_output=True, text=True, check=False).stdout if own else ""
    if (found := re.match(r"v(\d+)\.", version)) and int(found[1]) >= oldest:
        return own
    newer = MODULES / "node-22/bin/node"
    return str(newer) if newer.exists() else None


def _row(name: str, command: tuple[str, ...], ends: dict[str, Cell], **more: Any) -> Row:
    """Give a row of a program of Node's: that, its script and its arguments. vitest needs Node 22, jest and the package less."""
    oldest = 22 if "vitest" in name else 20

    def missing() -> str | None:
        if _node_of(oldest) is None:
            return f"missing: Node {oldest} or later"
        return _package_missing() or (None if Path(command[0]).exists() else f"missing: {command[0]} (npm install in tests)")

    return Row(name, (_node_of(oldest) or "node", *command), ends, missing=missing, **more)


def _other(name: str, program: str, *arguments: str) -> Row:
    """Give the row of another runtime."""
    path = MODULES / program

    def missing() -> str | None:
        return _package_missing() or (None if path.exists() else f"missing: {name} (its npm package is for Linux on x64 only)")

    return Row(name, (str(path), *arguments, PLAIN, "host"), missing=missing)


def _package_missing() -> str | None:
    built = any((ROOT / "bindings-node").glob("heartwire.*.node")) and (ROOT / "node_modules/heartwire").exists()
    return None if built else "missing: the Node package (make node)"


#: A process above the one with the socket: it ends with status 1 when that one has gone.
_ABOVE: dict[str, Cell] = dict.fromkeys(("TERM", "HUP"), End(1001, 1))
#: vitest ends by INT and TERM itself, and throws where a test calls `process.exit()`.
_VITEST: dict[str, Cell] = {"exit": "vitest does not let a test exit", "INT": End(1001, 130), "TERM": End(1001, 143)}
#: vitest kills it half a second after SIGTERM.
_KILLED: dict[str, Cell] = dict.fromkeys(("TERM", "HUP"), "vitest kills its process")
#: PM2, here like process 1 of a container, ends the program by SIGINT, and then ends by itself.
_PM2: dict[str, Cell] = dict.fromkeys(("INT", "TERM", "PID 1"), End(1001, 0))

ROWS: list[Row] = [
    _row("Node, host", (PLAIN, "host"), {}),
    _row("Node, background", (PLAIN, "background"), {}),
    _row("Node, worker", (PLAIN, "worker"), {}),
    _row("Node, cluster", (str(PROGRAMS / "cluster.mjs"),), {"PID 1": NOT_ONE}, to_child=True),
    _row("jest, in one process", (*JEST, "-i"), {}, is_told=False),
    _row(
        "jest, two processes",
        (*JEST, "-w", "2"),
        {**_ABOVE, "exit": "jest plays the file again", "PID 1": NOT_ONE},
        is_told=False,
        to_child=True,
    ),
    _row("vitest, a process", VITEST, {**_VITEST, **_KILLED, "PID 1": NOT_ONE}, is_told=False),
    _row("vitest, a thread", (*VITEST, "--pool", "threads"), _VITEST, is_told=False),
    _row("PM2", PM2, _PM2, env={"PM2_HOME": ".pm2"}),
    _other("Bun", "@oven/bun-linux-x64/bin/bun"),
    _other("Deno", "@deno/linux-x64-glibc/deno", "run", "-A"),
]
