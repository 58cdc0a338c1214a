"""The shared part of the Python clients: the job, the clocks, the check of received messages, the result. It knows no library.

A client is started as `python NAME_client.py JOB`, where JOB is JSON as the runner writes it; it prints one line of JSON. Its handlers
are in its own file, without a call more than a bot would need: the measurement is of them.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import ssl
import sys
import time
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

clock = time.perf_counter_ns
BLOCKED_FOR = 6  # seconds
PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass
class Job:
    """What the runner asks for."""

    mode: str
    url: str
    variant: str
    batches: list[int]  # how many messages, connections; the last is measured, those before warm up
    expected: int  # the length of the messages of the last batch, in code points or bytes
    turn: int  # messages sent in one turn of the loop
    seconds: float  # how long idle connections are watched
    ca: str | None
    deflate: bool
    payload: str | bytes  # the message to send
    binary: bool  # whether messages are binary, in both directions
    stamps: list[int] = field(default_factory=list)  # when each round trip ended

    @classmethod
    def read(cls) -> Job:
        job = json.loads(sys.argv[1])
        payload = Path(job.pop("payload")).read_bytes()
        return cls(payload=payload if job["binary"] else payload.decode(), **job)

    def tls(self) -> ssl.SSLContext | None:
        """For the libraries that take an SSLContext."""
        return ssl.create_default_context(cafile=self.ca) if self.ca else None

    def run(self, main: Coroutine[Any, Any, None]) -> None:
        """Runs the program on the loop that the variant names."""
        if self.variant == "uvloop":
            import uvloop

            asyncio.run(main, loop_factory=uvloop.new_event_loop)
        else:
            asyncio.run(main)


class Batches:
    """Goes through the batches of a job, and prints the result of the last one."""

    def __init__(self, job: Job, go: Callable[[int], None], end: Callable[[], None] = lambda: None) -> None:
        self.job, self.go, self.end = job, go, end
        self.counts = list(job.batches)
        self.started = self.cpu = 0

    def begin(self) -> int:
        """Starts the next batch; how many messages it has."""
        self.count = self.counts.pop(0)
        self.job.stamps.clear()
        gc.collect()
        self.started, self.cpu = clock(), time.process_time_ns()
        self.go(self.count)
        return self.count

    def next(self, length: int) -> int:
        """The batch is complete, with this total length: starts the next one."""
        ended, cpu = clock(), time.process_time_ns()
        if self.counts:
            return self.begin()
        job = self.job
        if length != job.expected:
            fail(f"messages of {job.expected} together should have come, not {length}")
        if job.mode == "echo" and len(job.stamps) != self.count:
            fail(f"{self.count} round trips should have been timed, not {len(job.stamps)}")
        starts = [self.started, *job.stamps]
        times = [stamp - before for before, stamp in zip(starts, job.stamps)]
        result(count=self.count, wall=(ended - self.started) / 1e9, cpu=(cpu - self.cpu) / 1e9, times=times)
        self.end()
        return 0

    def check(self, answer: str | bytes) -> int:
        """The server has got all messages, and answers with their number and their total length."""
        count, length = map(int, answer.split())
        if count != self.count:
            fail(f"the server got {count} messages of {self.count}")
        return length

    def answered(self, answer: str | bytes) -> None:
        """Checks the answer as `check` does, and starts the next batch."""
        self.next(self.check(answer))


def sender(job: Job, send: Callable[[Any], object], loop: asyncio.AbstractEventLoop) -> Callable[[int], None]:
    """Sends the given number of messages, `job.turn` of them in a turn of the loop."""
    payload, turn = job.payload, job.turn
    left = 0

    def step() -> None:
        nonlocal left
        for _ in range(min(turn, left)):
            send(payload)
        left -= turn
        if left > 0:
            loop.call_soon(step)

    def go(count: int) -> None:
        nonlocal left
        left = count
        step()

    return go


async def many(job: Job, connect: Callable[[], Awaitable[Any]], close: Callable[[Any], Awaitable[object]]) -> None:
    """Connects many times: one after the other for `connect`, and all stay for `idle`."""
    if job.mode == "connect":
        for count in job.batches:
            times, started, cpu = [], clock(), time.process_time_ns()
            for _ in range(count):
                before = clock()
                connection = await connect()
                times.append(clock() - before)
                await close(connection)
        result(count=count, wall=(clock() - started) / 1e9, cpu=(time.process_time_ns() - cpu) / 1e9, times=times)
    else:
        kept = []
        for count in job.batches:
            before = memory()
            kept += [await connect() for _ in range(count)]
        await asyncio.sleep(0.5)
        gc.collect()
        size = memory() - before
        started, cpu = clock(), time.process_time_ns()
        await asyncio.sleep(job.seconds)
        result(count=count, memory=size / count, cpu=(time.process_time_ns() - cpu) / 1e9, wall=(clock() - started) / 1e9)
        os._exit(0)  # so many closing handshakes would take too long


def memory() -> int:
    """The resident bytes of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE


def result(**figures: Any) -> None:
    """Prints the result; `times` in nanoseconds becomes microseconds at three points."""
    if times := sorted(figures.pop("times", [])):
        figures.update({f"p{point}": times[min(len(times) - 1, len(times) * point // 100)] / 1e3 for point in (10, 50, 99)})
    print(json.dumps(figures), flush=True)


def blocked() -> None:
    """What a handler does that computes."""
    end = time.monotonic() + BLOCKED_FOR
    while time.monotonic() < end:
        pass


def kept(line: bool) -> NoReturn:
    """Whether the line of the blocked client was kept."""
    result(kept=line)
    os._exit(0)


def fail(why: str) -> NoReturn:
    """Ends the process, from wherever it is."""
    print(why, file=sys.stderr, flush=True)
    os._exit(1)
