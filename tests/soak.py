#!/usr/bin/env python3
"""Bots and a server that fails at random, for MINUTES (default 20): the order of events, what the bots hear, and memory, descriptors and threads
are checked all the time. Prints its seed; SEED=n plays the same faults again. `make soak` runs it."""

from __future__ import annotations

import asyncio
import collections
import gc
import os
import random
import sys
import threading
import time
from typing import Any

from heartwire import WebSocket
from heartwire.testing import FaultServer

MINUTES = float(os.environ.get("MINUTES", "20"))
SEED = int(os.environ.get("SEED", str(random.randrange(1 << 32))))
BOTS = 20
ROUND = 10.0
RECONNECT: Any = {"min_delay": 0.01, "max_delay": 0.3, "min_uptime": 0.5, "max_auth_failures": 1000000}
AFTER = {
    "start": {"open", "error"},
    "reconnecting": {"open", "error"},
    "open": {"message", "error", "close"},
    "message": {"message", "error", "close"},
    "error": {"close"},
    "close": {"reconnecting"},
}
chance = random.Random(SEED)


def connection() -> list[dict[str, Any]]:
    """What the server does with one connection."""
    if chance.random() < 0.2:
        return [
            chance.choice(
                [{"do": "refuse", "status": chance.choice([401, 403, 429, 503])}, {"do": "reset"}, {"do": "end"}, {"do": "raw", "text": "no"}]
            )
        ]
    steps: list[dict[str, Any]] = [{"do": "accept", "coalesce": chance.random() < 0.5}, {"do": "send", "text": "hello"}]
    for _ in range(chance.randrange(4)):
        steps.append(
            chance.choice(
                [
                    {"do": "echo", "count": chance.randrange(1, 30)},
                    {"do": "send", "size": chance.choice([10, 1000, 100000]), "count": chance.randrange(1, 20)},
                    {"do": "send", "text": "split", "split": 1, "fragments": 2},
                    {"do": "ping"},
                    {"do": "stall", "for": chance.random() * 0.8},
                    {"do": "delay", "for": chance.random() * 0.3},
                ]
            )
        )
    steps.append(
        chance.choice(
            [
                {"do": "close", "code": chance.choice([1000, 1001, 1008, 1011, 1012, 4000])},
                {"do": "reset"},
                {"do": "end"},
                {"do": "raw", "hex": chance.choice(["8300", "810180", "88020000", "c10100"])},
                {"do": "echo"},
            ]
        )
    )
    return steps


class Bot:
    """A socket whose events are held to their order."""

    def __init__(self, number: int, url: Any) -> None:
        self.number = number
        self.last = "start"
        self.count: collections.Counter[str] = collections.Counter()
        self.sent = 0
        self.heard = -1
        self.why = ""
        self.faults: list[str] = []
        self.over = threading.Event()
        self.ws = WebSocket(
            url,
            reconnect=RECONNECT,
            send_queue={"max_messages": 16, "overflow": "drop_oldest"},
            ping_interval=0.4,
            ping_timeout=0.4,
            open_timeout=2,
            close_timeout=0.5,
            connect_limit=1000,
            keeper=0.1,
        )
        for kind in ("open", "message", "error", "close", "reconnecting"):
            self.ws.add_event_listener(kind, self.handle)

    def handle(self, event: Any) -> None:
        kind = event.type
        self.count[kind] += 1
        if kind not in AFTER[self.last] and not (self.over.is_set() or self.ws.ready_state in (2, 3)):
            self.faults.append(f"{kind} after {self.last}")
        self.last = kind
        if kind == "message" and isinstance(event.data, str) and event.data.startswith("#"):
            heard = int(event.data[1:])
            if heard <= self.heard:
                self.faults.append(f"{heard} after {self.heard}")
            self.heard = heard
        elif kind == "message" and chance.random() < 0.001:
            time.sleep(0.2)
        elif kind == "close" and not event.will_reconnect:
            self.why = f"{event.code} {event.error!r}"
            self.over.set()

    def send(self) -> None:
        if self.ws.ready_state <= 1 and not self.over.is_set():
            self.ws.send(f"#{self.sent}")
            self.sent += 1


def resources() -> tuple[int, int, int]:
    gc.collect()
    with open("/proc/self/status") as status:
        memory = next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))
    return memory, len(os.listdir("/proc/self/fd")), threading.active_count()


async def main() -> int:
    print(f"SEED={SEED} MINUTES={MINUTES:g}", flush=True)
    server = FaultServer([connection() for _ in range(500)])
    bots = [Bot(number, lambda: server.url) for number in range(BOTS)]
    end = time.monotonic() + MINUTES * 60
    first: tuple[int, int, int] | None = None
    while time.monotonic() < end:
        until = time.monotonic() + ROUND
        while time.monotonic() < until:
            await asyncio.sleep(0.02)
            for bot in bots:
                bot.send()
        # A new server, so that the old one's records do not look like a leak of ours.
        old, server = server, FaultServer({"connections": [connection() for _ in range(500)], "then": "cycle"})
        old.stop()
        now = resources()
        first = first or now
        total = sum((bot.count for bot in bots), collections.Counter[str]())
        print(f"{time.monotonic() - end + MINUTES * 60:6.0f} s  {now[0]} KiB, {now[1]} descriptors, {now[2]} threads  {dict(total)}", flush=True)
        faults = [f"bot {bot.number}: {fault}" for bot in bots for fault in bot.faults]
        faults += [f"bot {bot.number} is over: {bot.why}" for bot in bots if bot.over.is_set()]
        if now[0] > first[0] * 1.5 + 20000 or now[1] > first[1] + 60 or now[2] > first[2] + 5:
            faults.append(f"resources grew: {first}, {now}")
        if faults:
            print("\n".join(faults))
            return 1
    for bot in bots:
        bot.ws.close()
    await asyncio.wait_for(asyncio.gather(*(bot.ws.wait_closed() for bot in bots)), 20)
    print(f"all closed; {sum(bot.sent for bot in bots)} messages sent, {sum(bot.count['open'] for bot in bots)} connections")
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
