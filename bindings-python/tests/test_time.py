"""Unusual time: a process that is stopped and continued, a wall clock that jumps.

Without libfaketime the clock's tests are skipped, except where `CI` is set.
"""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from heartwire.testing import FaultServer
from raw_server import BOUND

PROGRAM = """
import sys
from heartwire import WebSocket
ws = WebSocket(sys.argv[1], {options})
ws.onmessage = lambda event: ws.send(event.data)
ws.onclose = lambda event: print(event.code, event.error and event.error.code, flush=True)
{run}
"""
RUNS = {
    "run_forever": "ws.run_forever()",
    "start": "ws.start()",
    "asyncio": "import asyncio\nasyncio.run(ws.wait_closed())",
}


@pytest.mark.parametrize("driver", ["host", "background"])
@pytest.mark.parametrize("run", RUNS)
def test_a_process_that_was_stopped_goes_on_with_its_connection(child: Any, run: str, driver: str) -> None:
    """SIGSTOP for longer than every deadline, and SIGCONT: bytes that arrived meanwhile show that the server is alive."""
    script = [
        {"do": "accept"},
        {"do": "send", "text": "here"},
        {"do": "expect", "text": "here", "within": 60},
        {"do": "delay", "for": 1},
        {"do": "send", "text": "are you back"},
        {"do": "expect", "text": "are you back", "within": 60},
        {"do": "close", "code": 1000},
    ]
    with FaultServer(script) as server:
        options = f"ping_interval=1, ping_timeout=1, driver={driver!r}"
        process = child(PROGRAM.format(run=RUNS[run], options=options), server.url)
        server.wait_for({"event": "message", "text": "here"}, BOUND)
        os.kill(process.process.pid, signal.SIGSTOP)
        time.sleep(2.5)  # time is the subject: longer than ping_interval and ping_timeout together
        os.kill(process.process.pid, signal.SIGCONT)
        assert process.end() == (0, "1000 None\n", "")


@pytest.fixture
def faketime() -> str:
    for path in Path("/usr/lib").glob("*-linux-gnu/faketime/libfaketime.so.1"):
        return str(path)
    assert "CI" not in os.environ, "libfaketime is not installed"
    pytest.skip("libfaketime is not installed")


@pytest.mark.parametrize("driver", ["host", "background"])
@pytest.mark.parametrize("run", RUNS)
def test_a_jump_of_the_wall_clock_ends_nothing_and_one_forward_is_probed(
    child: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, faketime: str, run: str, driver: str
) -> None:
    clock = tmp_path / "clock"
    clock.write_text("+0")
    monkeypatch.setenv("LD_PRELOAD", faketime)
    monkeypatch.setenv("FAKETIME_TIMESTAMP_FILE", str(clock))
    monkeypatch.setenv("FAKETIME_NO_CACHE", "1")
    monkeypatch.setenv("FAKETIME_DONT_FAKE_MONOTONIC", "1")
    expected = [{"do": "expect", "text": text, "within": 60} for text in ("here", "never")]
    with FaultServer([{"do": "accept"}, {"do": "send", "text": "here"}, *expected]) as server:
        # An hour passes for all three, if it is the wall clock that counts.
        options = f"ping_interval=600, idle_timeout=1200, heartbeat={{'message': 'beat', 'interval': 1200}}, driver={driver!r}"
        process = child(PROGRAM.format(run=RUNS[run], options=options), server.url)
        server.wait_for({"event": "message", "text": "here"}, BOUND)
        clock.write_text("+3600")
        server.wait_for({"event": "ping"}, BOUND)
        clock.write_text("-3600")
        time.sleep(2.5)  # time is the subject: the clocks are compared each second
        server.drop_connections()
        assert process.end() == (0, "1006 connection_lost\n", "")
        events = [record["event"] for record in server.records()]
    assert events.count("ping") == 1
    assert events.count("message") == 1
