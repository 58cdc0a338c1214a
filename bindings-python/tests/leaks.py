"""Opens, uses and closes sockets again and again, and prints the resources left after each round. It judges nothing: see test_leaks.py.

`leaks.py asyncio|run_forever|start URL ROUNDS CONNECTIONS MESSAGES [LEAK]`, of an echo server; CONNECTIONS and MESSAGES a round. URL may be
several, with commas; without MESSAGES each must fail, twice again, and give up.
"""

from __future__ import annotations

import asyncio
import collections
import ctypes
import gc
import itertools
import json
import os
import sys
import threading
import time
import tracemalloc
import weakref
from collections.abc import Iterator
from typing import Any

from heartwire import WebSocket

HOW, URLS, LEAK = sys.argv[1], itertools.cycle(sys.argv[2].split(",")), sys.argv[6:]
ROUNDS, CONNECTIONS, MESSAGES = map(int, sys.argv[3:6])
EACH = -(-MESSAGES // CONNECTIONS)
TEXT = "x" * 200
FAILING: dict[str, Any] = {"open_timeout": 0.05, "reconnect": {"min_delay": 0.001, "max_delay": 0.002, "max_retries": 2}}
FAREWELL = 2.0
"""Seconds after which the descriptor of an ended connection is closed: its last bytes have one to leave, and the peer to hang up."""
kept: list[Any] = []
"""The objects that a leak of ours would hold: LEAK asks for one of a kind, to show that the measure finds it."""
malloc = ctypes.CDLL(None).malloc
malloc.restype, malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]


class Cycle:
    """One socket, from its opening to its end."""

    def __init__(self) -> None:
        self.seen = 0
        self.good = False
        self.attempts = 0
        # On a busy machine the keeper would report that the loop was late.
        ws = WebSocket(next(URLS), keeper=60.0, **({} if EACH else FAILING))
        ws.onopen = self.opened
        ws.onmessage = self.heard
        ws.onclose = self.closed
        ws.onerror = lambda _: None  # an unheard error would be told on stderr
        self.ws = ws
        if "sockets" in LEAK:
            kept.append(ws)
        if "descriptors" in LEAK:
            kept.append(os.open(os.devnull, os.O_RDONLY))
        if "threads" in LEAK:
            threading.Thread(target=threading.Event().wait, daemon=True).start()
        if "memory" in LEAK:
            ctypes.memset(malloc(100_000), 1, 100_000)

    def opened(self, event: Any) -> None:
        for _ in range(EACH):
            event.target.send(TEXT)

    def heard(self, event: Any) -> None:
        if "messages" in LEAK:
            kept.append(event.data)
        self.seen += 1
        if self.seen == EACH:
            event.target.close(1000)

    def closed(self, event: Any) -> None:
        self.attempts += 1
        if EACH:
            self.good = event.was_clean and self.seen == EACH
        else:
            self.good = event.code == 1006 and self.attempts == 3 and not event.will_reconnect


fewest = 0


def settling() -> Iterator[None]:
    """Goes on until as few descriptors and threads are left as ever, or those of connections that have ended cannot be among them."""
    global fewest
    give_up = time.monotonic() + FAREWELL
    while (left := held()) > fewest and time.monotonic() < give_up:
        yield
    fewest = left if fewest == 0 else min(left, fewest)


def held() -> int:
    return len(os.listdir("/proc/self/fd")) + len(os.listdir("/proc/self/task"))


def sample(gone: list[weakref.ref[WebSocket]]) -> dict[str, Any]:
    gc.collect()
    kinds = collections.Counter(type(each).__name__ for each in gc.get_objects())
    with open("/proc/self/statm") as statm:
        _, resident, of_files, *_ = map(int, statm.read().split())
    return {
        "sockets": sum(ref() is not None for ref in gone),
        "objects": sum(kinds.values()),
        "kinds": dict(kinds),
        "traced": tracemalloc.get_traced_memory()[0],
        # Without the pages of files, because the kernel maps varying parts of them.
        "own": (resident - of_files) * os.sysconf("SC_PAGE_SIZE"),
        "descriptors": len(os.listdir("/proc/self/fd")),
        "threads": len(os.listdir("/proc/self/task")),
    }


async def on_a_loop() -> None:
    async def once() -> weakref.ref[WebSocket]:
        cycle = Cycle()
        await cycle.ws.wait_closed()
        assert cycle.good
        return weakref.ref(cycle.ws)

    for _ in range(ROUNDS):
        gone = [await once() for _ in range(CONNECTIONS)]
        for _ in settling():
            await asyncio.sleep(0.01)  # no event reports it
        print(json.dumps(sample(gone)), flush=True)


def on_threads() -> None:
    def once() -> weakref.ref[WebSocket]:
        cycle = Cycle()
        if HOW == "start":
            cycle.ws.start()
            cycle.ws.join()
        else:
            cycle.ws.run_forever()
        assert cycle.good
        return weakref.ref(cycle.ws)

    for _ in range(ROUNDS):
        gone = [once() for _ in range(CONNECTIONS)]
        for _ in settling():
            time.sleep(0.01)  # no event reports it
        print(json.dumps(sample(gone)), flush=True)


if __name__ == "__main__":
    tracemalloc.start()
    if HOW == "asyncio":
        asyncio.run(on_a_loop())
    else:
        on_threads()
