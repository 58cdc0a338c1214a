"""The rows of Python: its programs are in `programs/`."""

from __future__ import annotations

import importlib.util
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from rows import Cell, End, Row

PROGRAMS = Path(__file__).resolve().parent / "programs"

RUNS_ON = "returns when the socket is closed"
NOT_ONE = "process 1 has no socket"
#: Python ends a child of multiprocessing by itself, so Ctrl+C is an exception in it like any other.
CHILD: dict[str, Cell] = {"INT": End(1001, 1), "PID 1": NOT_ONE}


def _needs(*modules: str) -> Callable[[], str | None]:
    def missing() -> str | None:
        absent = [module for module in modules if importlib.util.find_spec(module) is None]
        return f"missing: {', '.join(absent)} (tests/exits/requirements.txt)" if absent else None

    return missing


def _plain(name: str, host: str, ends: dict[str, Cell] | None = None, *needs: str) -> Row:
    return Row(name, (sys.executable, str(PROGRAMS / "plain.py"), host), ends or {}, missing=_needs(*needs))


def _child(name: str, method: str, *needs: str) -> Row:
    command = (sys.executable, str(PROGRAMS / "children.py"), method)
    return Row(name, command, CHILD, to_child=True, missing=_needs(*needs))


#: A server of the web ends by signals: it handles INT and TERM itself, lets the application shut down, and raises the signal again.
_WEB: dict[str, Cell] = dict.fromkeys(("return", "exit", "exception"), "a server ends by signals")


def _web(name: str, command: Sequence[str], ends: dict[str, Cell], connections: int = 1) -> Row:
    environment = {"PYTHONPATH": str(PROGRAMS)}
    command = (sys.executable, "-m", *command)
    return Row(name, command, {**_WEB, **ends}, environment, is_told=False, connections=connections, missing=_needs(command[2]))


#: The shutdown leaves the block, which is an ordinary close.
BLOCK: dict[str, Cell] = {"INT": End(1000, 0), "TERM": End(1000, -signal.SIGTERM), "PID 1": End(1000, 128 + signal.SIGTERM)}
#: A process without sockets ends its workers, and then by itself.
MASTER: dict[str, Cell] = {**{way: End(1001, 0) for way in ("INT", "TERM", "PID 1")}, "HUP": "restarts its workers"}
UVICORN = ("uvicorn", "--port", "0", "--lifespan", "on")
HYPERCORN = ("hypercorn", "--bind", "127.0.0.1:0", "--workers", "2", "web:bare")
GUNICORN = ("gunicorn", "-w", "2", "-b", "127.0.0.1:0", "-c", str(PROGRAMS / "web.py"), "web:wsgi")
KERNEL = Row(
    "Jupyter",
    (sys.executable, str(PROGRAMS / "kernel.py")),
    # A kernel reports `exit()` and exceptions in the notebook, and ends with 0.
    {"PID 1": NOT_ONE, "INT": "interrupts the cell alone", "exit": End(1001, 0), "exception": End(1001, 0)},
    to_child=True,
    missing=_needs("ipykernel", "jupyter_client"),
)

ROWS: list[Row] = [
    _plain("Python, asyncio", "asyncio"),
    _plain("Python, uvloop", "uvloop", None, "uvloop"),
    _plain("Python, `run_forever`", "run_forever", {"return": RUNS_ON}),
    _plain("Python, `start`", "start", {"exit": End(1001, 0)}),
    _plain("Python, `connect`", "connect", {"return": End(1000, 0), "exception": End(1011, 1)}),
    _plain("Python, `sync`", "sync", {"return": End(1000, 0), "exception": End(1011, 1)}),
    _plain("Python, own thread, `run_forever`", "thread", {"exit": "ends the thread alone"}),
    _plain("Python, own thread, `connect`", "thread-loop"),
    _child("multiprocessing, fork", "fork"),
    _child("multiprocessing, spawn", "spawn"),
    _child("multiprocessing, forkserver", "forkserver"),
    _web("uvicorn, socket from startup on", (*UVICORN, "web:bare"), {"INT": End(1001, 0)}),
    _web("uvicorn, block around the application", (*UVICORN, "web:block"), BLOCK),
    _web("uvicorn, two workers", (*UVICORN, "--workers", "2", "web:bare"), MASTER, connections=2),
    _web("Hypercorn, two workers", HYPERCORN, MASTER, connections=2),
    _web("gunicorn, two workers", GUNICORN, MASTER, connections=2),
    KERNEL,
    _child("Celery's pool (billiard)", "billiard", "billiard"),
]
