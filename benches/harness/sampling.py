"""Taking one sample: a fresh process of a client against the server. It must not know the use of the figures."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness import samples
from harness.candidates import Candidate
from harness.scenarios import Scenario

HANGS_AFTER = 120  # seconds


class Broken(Exception):
    """A client that did not do its job: its figures mean nothing."""


@dataclass(frozen=True)
class Server:
    """The server, with its ports and its samples."""

    ports: dict[str, int]
    folder: Path

    @classmethod
    @contextlib.contextmanager
    def run(cls, program: Path) -> Iterator[Server]:
        """Runs the server on the last of several cores, the same in every sample; a client may run on any."""
        with tempfile.TemporaryDirectory(prefix="heartwire-bench-") as folder:
            command = [str(program), folder]
            process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, preexec_fn=_on_last_core)
            assert process.stdin
            assert process.stdout
            try:
                yield cls(json.loads(process.stdout.readline()), Path(folder))
            finally:
                process.stdin.close()
                process.wait()

    def job(self, scenario: Scenario, candidate: Candidate, batches: list[int], seconds: float) -> str:
        """The job for the client."""
        scheme = "wss" if scenario.tls else "ws"
        path = f"{scenario.path}&batches={','.join(map(str, batches))}"
        unit = "bytes" if scenario.mode == "send" else candidate.unit
        return json.dumps(
            {
                "mode": scenario.mode,
                "url": f"{scheme}://127.0.0.1:{self.ports[scheme]}{path}",
                "variant": candidate.variant,
                "batches": batches,
                "expected": samples.length(scenario.sample, batches[-1], unit),
                "turn": scenario.turn,
                "seconds": seconds,
                "ca": str(self.folder / "authority.pem") if scenario.tls else None,
                "deflate": scenario.deflate,
                "payload": str(self.folder / scenario.sample),
                "binary": scenario.binary,
            }
        )

    def sample(self, scenario: Scenario, candidate: Candidate, paths: dict[str, Path], count: int, seconds: float) -> dict[str, Any]:
        """One sample of so many messages or connections, after a fifth of that to warm up."""
        samples.write(scenario.sample, self.folder)
        warm = max(1, count // 5)
        if scenario.mode == "idle":
            warm = 20
        job = self.job(scenario, candidate, [warm, count], seconds)
        # The runtimes with a built-in client take an authority only so.
        authority = {name: str(self.folder / "authority.pem") for name in ("NODE_EXTRA_CA_CERTS", "DENO_CERT") if scenario.tls}
        # In a round trip one side waits while the other works. On two cores the sleep of a core would decide the figure, not the client.
        return _result([*candidate.command(paths), job], authority, _on_last_core if scenario.mode == "echo" else _many_files)


def _many_files() -> None:
    """Thousands of connections are thousands of files."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _on_last_core() -> None:
    """Allows many files, and puts the process on the last of several cores."""
    _many_files()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


def _result(command: list[str], environment: dict[str, str] | None = None, prepare: Callable[[], None] = _many_files) -> dict[str, Any]:
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=HANGS_AFTER,
            stdin=subprocess.DEVNULL,
            env={**os.environ, "NODE_NO_WARNINGS": "1", **(environment or {})},
            preexec_fn=prepare,
        )
    except subprocess.TimeoutExpired as expired:
        raise Broken(f"not done after {HANGS_AFTER} s") from expired
    if done.returncode != 0 or not done.stdout.strip():
        raise Broken(f"status {done.returncode}: {(done.stderr or done.stdout).strip()[-400:]}")
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def import_cost(interpreter: Path, module: str) -> dict[str, Any]:
    """The cost of an import over the bare interpreter: CPU and wall time."""
    bare, loaded = (_run_code(interpreter, code) for code in ("pass", f"import {module}"))
    return {"count": 1, "cpu": loaded["cpu"] - bare["cpu"], "wall": loaded["wall"] - bare["wall"]}


def _run_code(interpreter: Path, code: str) -> dict[str, Any]:
    measure = (
        "import json, os, subprocess, sys, time\n"
        "start = time.perf_counter()\n"
        "process = subprocess.Popen(sys.argv[1:])\n"
        "_, status, usage = os.wait4(process.pid, 0)\n"
        "print(json.dumps({'cpu': usage.ru_utime + usage.ru_stime, 'wall': time.perf_counter() - start}))\n"
        "sys.exit(os.waitstatus_to_exitcode(status))\n"
    )
    return _result([sys.executable, "-c", measure, str(interpreter), "-c", code])
