"""Plays a cell of the matrix: starts the program, leaves as the way says, and tells the close codes that the server saw and the exit status."""

from __future__ import annotations

import os
import queue
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from rows import WAYS, End, Row

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "bindings-python" / "tests"))
from raw_server import RawServer  # type: ignore[import-not-found]  # noqa: E402 - the server of the Python tests

BOUND = float(os.environ.get("EXITS_BOUND", "90"))  # seconds: a hang lasts longer, also on a busy machine
NAMESPACE = ("unshare", "-pf", "--mount-proc", "--kill-child")


class Unlike(Exception):
    """The cell has no single end: it hung, or its connections ended differently."""


def namespaces_missing() -> str | None:
    """Say why no process can be number 1 here, or None."""
    if shutil.which("unshare") is None:
        return "missing: unshare (util-linux)"
    tried = subprocess.run([*NAMESPACE, "true"], capture_output=True, check=False)
    return None if tried.returncode == 0 else "no PID namespace can be made here (needs root)"


@contextmanager
def program(row: Row, way: str, url: str) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    """Run it as the leader of a session, as a shell would, and end all its processes."""
    command = [*(NAMESPACE if way == "PID 1" else ()), *row.command, *((way,) if row.is_told else ())]
    environment = {key: value for key, value in os.environ.items() if not key.lower().endswith("_proxy")}
    with tempfile.TemporaryDirectory() as folder:
        said = Path(folder) / "said"
        # Appended to, for a child may write there, too.
        with said.open("ab") as out:
            process = subprocess.Popen(
                command,
                cwd=folder,
                env={**environment, **row.env, "EXITS_URL": url, "EXITS_WAY": way},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=_default_signals,
            )
            try:
                yield process, said
            finally:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def _default_signals() -> None:
    # The program inherits the signals that nohup or a shell's background job ignores.
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)


def play(row: Row, way: str) -> End:
    """Play a cell once. Raises Unlike with the program's output if it hangs or its connections end differently."""
    with RawServer() as server, program(row, way, server.url) as (process, said):
        try:
            connections = [server.connection(BOUND) for _ in range(row.connections)]
            ready = [str(connection.next_data(BOUND)).split() for connection in connections]
            number = WAYS[way]
            if number is None:
                connections[0].send("go")
            elif way == "INT":
                os.killpg(process.pid, number)
            else:
                os.kill(_target(row, way, process, int(ready[0][1])), number)
            codes = {connection.expect_close(BOUND) for connection in connections}
            status = process.wait(BOUND)
        except (queue.Empty, subprocess.TimeoutExpired) as late:
            state = f"status {process.returncode}" if process.poll() is not None else "it runs on"
            raise Unlike(f"{type(late).__name__}, {state}; it said:\n{_tail(said)}") from late
        except AssertionError as failure:
            raise Unlike(f"{failure}; it said:\n{_tail(said)}") from failure
        if len(codes) != 1:
            raise Unlike(f"its connections ended with {codes}; it said:\n{_tail(said)}")
        # A program whose child has the socket prints the child's status.
        told = re.findall(r"^status (-?\d+)$", said.read_text(errors="replace"), re.MULTILINE)
        return End(codes.pop(), int(told[-1]) if told else status)


def explain(row: Row, way: str, end: End) -> str:
    """Say how a cell ended otherwise than it should."""
    return f"{row.name}, {way}: {end}, not {row.end(way)}"


def _target(row: Row, way: str, process: subprocess.Popen[bytes], child: int) -> int:
    if way == "PID 1":
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        return int(children[0])
    return child if row.to_child else process.pid


def _tail(said: Path) -> str:
    return "\n".join(said.read_text(errors="replace").splitlines()[-30:])
