"""Many connections that only beat: `idle.py asyncio|run_forever URL COUNT SECONDS INTERVAL`.

Prints their memory and their cost, one line of JSON.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import sys
import threading
import time
from typing import Any

import heartwire
from heartwire import WebSocket

HOW, URL, COUNT, SECONDS, INTERVAL = sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4]), float(sys.argv[5])
opened = answered = 0
everyone = threading.Event()


def on_open(event: Any) -> None:
    global opened
    opened += 1
    if opened == COUNT:
        everyone.set()


def on_message(event: Any) -> None:
    global answered
    answered += 1


def make() -> WebSocket:
    ws = WebSocket(URL, heartbeat={"message": "beat", "interval": INTERVAL}, connect_limit=100, open_timeout=300, compression=False)
    ws.onopen = on_open
    ws.onmessage = on_message
    return ws


def memory() -> int:
    gc.collect()
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def report(before: int, sockets: list[WebSocket]) -> None:
    """Runs beside the loop, when all are open."""
    if not everyone.wait(600):
        raise TimeoutError(f"{opened} of {COUNT} are open")
    held, heard, cpu, start = memory() - before, answered, time.process_time(), time.monotonic()
    time.sleep(SECONDS)  # the figure is their cost in this time
    cpu, passed = time.process_time() - cpu, time.monotonic() - start
    figures = {
        "connections": sum(ws.ready_state == 1 for ws in sockets),
        "bytes_per_connection": held / COUNT,
        "cpu_percent": 100 * cpu / passed,
        "heartbeats": answered - heard,
        "expected": COUNT * passed / INTERVAL,
        "threads": len(os.listdir("/proc/self/task")),
    }
    print(json.dumps(figures), flush=True)
    for ws in sockets:
        ws.terminate()


async def on_a_loop() -> None:
    warm = make()
    warm.close()
    await warm.wait_closed()
    before = memory()
    sockets = [make() for _ in range(COUNT)]
    await asyncio.get_running_loop().run_in_executor(None, report, before, sockets)
    await asyncio.gather(*(ws.wait_closed() for ws in sockets))


def on_threads() -> None:
    warm = make()
    warm.close()
    warm.run_forever()
    before = memory()
    sockets = [make() for _ in range(COUNT)]
    reporting = threading.Thread(target=report, args=(before, sockets))
    reporting.start()
    heartwire.run_forever(*sockets)
    reporting.join()


if __name__ == "__main__":
    if HOW == "asyncio":
        asyncio.run(on_a_loop())
    else:
        on_threads()
