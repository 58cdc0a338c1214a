"""Bots of the soak in Python: `client.py asyncio|run_forever|start NAME URL SECONDS BOTS`. Their log is standard output, in the form of accounts.py.

It owns the behaviour of a bot. It must not know the server's faults, nor judge.
"""

from __future__ import annotations

import asyncio
import collections
import gc
import os
import random
import sys
import threading
import time
import traceback
from typing import Any

import heartwire
from heartwire import WebSocket

HOW, NAME, URL, SECONDS, BOTS = sys.argv[1], sys.argv[2], sys.argv[3], float(sys.argv[4]), int(sys.argv[5])
SETTLE = 60.0  # seconds within which a bot must be through when the faults are over
MEASURE = 10.0  # seconds
TICK = 0.05  # seconds
chance = random.Random(NAME)
lines: collections.deque[str] = collections.deque()


class Bot:
    """A socket, its sent and its received messages."""

    def __init__(self, number: int) -> None:
        self.name = f"{NAME}-{number}"
        self.sent = 0
        self.final: int | None = None
        self.over = threading.Event()
        # Held by the sending thread and by the handlers, so that the lines of the log are in the order of the events.
        self.lock = threading.Lock()
        self.ws: Any = WebSocket(
            f"{URL}/{self.name}",
            reconnect={"min_delay": 0.01, "max_delay": 0.3, "min_uptime": 0.5, "max_auth_failures": 1_000_000},
            send_queue={"max_messages": 16, "ttl": 1, "overflow": "drop_oldest"},
            ping_interval=1,
            ping_timeout=1,
            open_timeout=2,
            close_timeout=0.5,
            connect_limit=1000,
            keeper=0.1,
        )
        for kind in ("open", "message", "error", "close", "reconnecting", "dropped"):
            self.ws.add_event_listener(kind, self.handle)

    def log(self, kind: str, *words: object) -> None:
        lines.append(" ".join(map(str, (kind, self.name, *words))))

    def handle(self, event: Any) -> None:
        with self.lock:
            kind = event.type
            if kind == "dropped":
                for message in event.messages:
                    if message.startswith("u "):
                        self.log("D", message.split(" ", 2)[1])
                return
            if kind == "open":
                self.log("O")
                if self.final is not None:
                    self.finish()
            elif kind == "message":
                self.hear(event.data)
            elif kind in ("error", "reconnecting"):
                self.log("E" if kind == "error" else "N")
            elif kind == "close":
                self.log("C", event.code, int(event.was_clean), int(event.will_reconnect), event.reason or "-")
                if not event.will_reconnect:
                    self.over.set()
        if chance.random() < 0.0005:
            time.sleep(0.3)

    def hear(self, text: str) -> None:
        kind, number, *_ = text.split(" ", 2)
        if kind == "a":
            self.log("A", number)
            if self.final == int(number):
                self.ws.close(1000)
        else:
            self.log("R", number)
            self.ws.send(f"k {number}")

    def send(self, size: int) -> None:
        with self.lock:
            self.say(size)

    def say(self, size: int) -> None:
        before = self.ws.ready_state
        if before > 1:
            return
        self.sent += 1
        self.ws.send(f"u {self.sent} {'y' * size}")
        after = self.ws.ready_state
        self.log("S", self.sent, "?" if before != after else "qo"[before])

    def finish(self) -> None:
        """Sends a last message, and closes after its acknowledgement."""
        self.final = self.sent + 1
        self.say(0)

    def begin_to_finish(self) -> None:
        with self.lock:
            self.finish()

    def tick(self) -> None:
        for _ in range(30 if chance.random() < 0.01 else chance.randrange(2)):
            self.send(chance.choice([0, 10, 300, 20_000]))


def measure() -> None:
    gc.collect()
    with open("/proc/self/status") as status:
        memory = next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))
    lines.append(f"M {memory} {len(os.listdir('/proc/self/fd'))} {threading.active_count()} {len(gc.get_objects())}")


def flush() -> None:
    while lines:
        sys.stdout.write(f"{lines.popleft()}\n")
    sys.stdout.flush()


class Clock:
    """When to measure, and when the faults are over."""

    def __init__(self) -> None:
        self.end = time.monotonic() + SECONDS
        self.next = time.monotonic() + MEASURE

    def tick(self, bots: list[Bot]) -> bool:
        """False when the bots have to finish."""
        now = time.monotonic()
        if now >= self.end:
            return False
        lines.append("T")
        for bot in bots:
            bot.tick()
        if now > self.next:
            self.next = now + MEASURE
            measure()
        flush()
        return True


def settle(bots: list[Bot]) -> None:
    end = time.monotonic() + SETTLE
    while time.monotonic() < end and not all(bot.over.is_set() for bot in bots):
        time.sleep(TICK)
        lines.append("T")
    time.sleep(4 * TICK)  # in which no event may follow the last close
    for bot in bots:
        if not bot.over.is_set():
            bot.log("X", "is not through, readyState", bot.ws.ready_state)
    lines.append("Z")
    flush()


async def on_a_loop() -> None:
    bots = [Bot(number) for number in range(BOTS)]
    clock = Clock()
    while clock.tick(bots):  # noqa: ASYNC110 - it waits for time
        await asyncio.sleep(TICK)
    for bot in bots:
        bot.begin_to_finish()
    await asyncio.get_running_loop().run_in_executor(None, settle, bots)


def on_threads() -> None:
    bots = [Bot(number) for number in range(BOTS)]
    clock = Clock()

    def drive() -> None:
        try:
            while clock.tick(bots):
                time.sleep(TICK)
            for bot in bots:
                bot.begin_to_finish()
            settle(bots)
        except BaseException:
            lines.append(f"X {NAME} {traceback.format_exc()!r}")
            flush()
            os._exit(1)

    thread = threading.Thread(target=drive)
    thread.start()
    if HOW == "start":
        for bot in bots:
            bot.ws.start()
    else:
        heartwire.run_forever(*(bot.ws for bot in bots))
    thread.join()


if __name__ == "__main__":
    if HOW == "asyncio":
        asyncio.run(on_a_loop())
    else:
        on_threads()
