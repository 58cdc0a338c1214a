"""A bot in each of Python's faces, under both drivers, against the fault server: `ok NAME` for each that talked, and `through`.

For systems on which the tests themselves do not run: it needs nothing but the package.
"""

from __future__ import annotations

import asyncio
from typing import Any

import heartwire
import heartwire.sync
from heartwire.testing import FaultServer

SCRIPT = [{"do": "accept"}, {"do": "send", "text": "hello"}, {"do": "expect", "text": "again"}, {"do": "send", "text": "x" * 300_000}]
BOUND = 60


def talk(server: FaultServer, driver: Any) -> heartwire.WebSocket:
    """Make a socket that answers the first message, and closes upon the second."""
    ws = heartwire.WebSocket(server.url, driver=driver)
    ws.onmessage = lambda event: ws.send("again") if event.data == "hello" else ws.close(4000)
    return ws


def run_forever(server: FaultServer, driver: Any) -> None:
    """On the main thread."""
    talk(server, driver).run_forever()


def start(server: FaultServer, driver: Any) -> None:
    """On a thread of its own."""
    ws = talk(server, driver).start()
    assert ws.join(BOUND)


def blocking(server: FaultServer, driver: Any) -> None:
    """Without events."""
    with heartwire.sync.connect(server.url, driver=driver) as ws:
        assert ws.recv(timeout=BOUND) == "hello"
        ws.send("again")
        assert len(ws.recv(timeout=BOUND)) == 300_000
        ws.close(4000)


def loop(server: FaultServer, driver: Any) -> None:
    """On asyncio's loop."""

    async def main() -> None:
        async with heartwire.connect(server.url, driver=driver) as ws:
            assert await ws.recv() == "hello"
            await ws.send("again")
            assert len(await ws.recv()) == 300_000
            await ws.close(4000)

    asyncio.run(main())


for face in (run_forever, start, blocking, loop):
    for kind in ("host", "background"):
        with FaultServer(SCRIPT) as fault_server:
            face(fault_server, kind)
            fault_server.wait_for({"event": "close", "code": 4000}, BOUND)
        print("ok", face.__name__, kind, flush=True)
print("through")
