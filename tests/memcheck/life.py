"""A short life of the Python face for valgrind (`.ci/sanitize.py python`): every way to run, big and small messages, both kinds, heartbeats of a
function, a queue, reconnection, a fork. It checks only that all messages arrived; the subject is the memory."""

from __future__ import annotations

import asyncio
import os
import sys
from typing import Any

import heartwire
from heartwire import WebSocket
from heartwire.testing import FaultServer

STEPS: list[dict[str, Any]] = [
    {"do": "accept"},
    {"do": "send", "text": "hello", "count": 5},
    {"do": "send", "size": 70_000, "count": 2},
    {"do": "ping"},
    {"do": "echo", "count": 20},
    {"do": "close", "code": 1012},
]


async def on_a_loop(url: str) -> None:
    heard = 0
    async with heartwire.connect(url) as ws:
        for size in range(0, 3000, 300):
            await ws.send("x" * size)
            await ws.send(b"y" * size)
        try:
            async for _ in ws:
                heard += 1
        except heartwire.ConnectionClosed:
            pass
    assert heard == 27, heard


def on_threads(url: str, how: str) -> None:
    heard: list[int] = []
    ws = WebSocket(
        url,
        reconnect={"min_delay": 0.01, "max_delay": 0.05, "max_retries": 1, "min_uptime": 100},
        heartbeat={"message": lambda: "beat", "interval": 0.2},
        send_queue=True,
    )

    def greet(event: Any) -> None:
        for size in range(0, 1000, 100):
            ws.send("\u00e9" * size)
            ws.send(bytearray(size))

    ws.onopen = greet
    ws.onmessage = lambda event: heard.append(len(event.data))
    ws.onerror = lambda event: None
    if how == "run_forever":
        ws.run_forever()
    else:
        ws.start()
        ws.join()
    assert len(heard) == 54, heard


if __name__ == "__main__":
    with FaultServer({"connections": [STEPS], "then": "cycle"}) as server:
        asyncio.run(on_a_loop(server.url))
        asyncio.run(on_a_loop(server.url))
        on_threads(server.url, "run_forever")
        on_threads(server.url, "start")
        child = os.fork()
        if child == 0:
            on_threads(server.url, "run_forever")
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        # Open when the interpreter ends.
        WebSocket(server.url).start(daemon=True)
    print("through")
    sys.stdout.flush()
