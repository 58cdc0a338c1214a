"""gevent and eventlet: the blocking calls let other greenlets run. Each in its own process, which is patched from its start."""

from __future__ import annotations

import importlib.util
from typing import Any

import pytest

from raw_server import CLOSE, PING, RawServer

GEVENT = "from gevent import monkey; monkey.patch_all()\nfrom gevent import spawn, sleep\n"
EVENTLET = "import warnings; warnings.simplefilter('ignore')\nimport eventlet; eventlet.monkey_patch()\nfrom eventlet import spawn, sleep\n"
BEGIN = """
import sys, threading
import heartwire, heartwire.sync
ticks = []
def tick():
    while True:
        ticks.append(1)
        sleep(0.005)
spawn(tick)
"""
# The server answers once the client has reported that the others ran: a call that blocks them never does.
TELL = """
def tell(ws):
    def work():
        while len(ticks) < 20:
            sleep(0.005)
        ws.send("others go on")
    spawn(work)
"""
PROGRAMS = {
    "sync": """
with heartwire.sync.connect(sys.argv[1]) as ws:
    tell(ws)
    print(ws.recv(timeout=30))
""",
    "sync, timeout": """
with heartwire.sync.connect(sys.argv[1]) as ws:
    seen = len(ticks)
    try:
        ws.recv(timeout=0.2)
    except TimeoutError:
        tell(ws)
        print(ws.recv(timeout=30) if len(ticks) > seen + 3 else "stood still")
""",
    "start": """
ws = heartwire.WebSocket(sys.argv[1])
ws.onopen = lambda: tell(ws)
ws.onmessage = lambda event: (print(event.data), ws.close())
ws.start()
ws.join()
""",
    "run_forever": """
ws = heartwire.WebSocket(sys.argv[1], ping_interval=0.05)
ws.onopen = lambda: tell(ws)
ws.onmessage = lambda event: (sleep(0.01), print(event.data), ws.close())
ws.run_forever()
""",
}


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("library", ["gevent", "eventlet"])
def test_other_greenlets_go_on(server: RawServer, child: Any, library: str, program: str) -> None:
    if importlib.util.find_spec(library) is None:
        pytest.skip(f"{library} is not installed for this Python")
    text = (GEVENT if library == "gevent" else EVENTLET) + BEGIN + TELL + PROGRAMS[program]
    process = child("import warnings\nwarnings.simplefilter('ignore')\n" + text, server.url)
    connection = server.connection()
    while (frame := connection.next()) != (1, b"others go on"):
        assert frame is not None
        assert frame[0] == PING
    connection.send("hello")
    while (frame := connection.next()) is not None and frame[0] == PING:
        pass
    assert frame is not None
    assert frame[0] == CLOSE
    status, out, err = process.end()
    assert (status, out) == (0, "hello\n"), err
