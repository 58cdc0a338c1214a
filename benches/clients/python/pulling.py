"""The player of the clients that pull messages: `play` for those on a loop, `play_blocking` for those without. It knows no library."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from common import Batches, Job, blocked, clock, kept

Message = Any  # str or bytes, by the job


async def play(job: Job, send: Callable[[Message], Awaitable[object]], receive: Callable[[], Awaitable[Message]]) -> None:
    """Plays the job on an open connection."""
    payload, stamps, turn = job.payload, job.stamps, job.turn
    batches = Batches(job, lambda _: None)
    count = batches.begin()
    while count:
        length = 0
        if job.mode == "echo":
            for _ in range(count):
                await send(payload)
                length += len(await receive())
                stamps.append(clock())
        elif job.mode == "flood":
            await send("go")
            for _ in range(count):
                length += len(await receive())
        else:
            for number in range(1, count + 1):
                await send(payload)
                if number % turn == 0:
                    await asyncio.sleep(0)
            length = batches.check(await receive())
        count = batches.next(length)


def play_blocking(job: Job, send: Callable[[Message], object], receive: Callable[[], Message]) -> None:
    """Plays without a loop: each message is a turn of its own."""
    payload, stamps = job.payload, job.stamps
    batches = Batches(job, lambda _: None)
    count = batches.begin()
    while count:
        length = 0
        if job.mode == "echo":
            for _ in range(count):
                send(payload)
                length += len(receive())
                stamps.append(clock())
        elif job.mode == "flood":
            send("go")
            for _ in range(count):
                length += len(receive())
        else:
            for _ in range(count):
                send(payload)
            length = batches.check(receive())
        count = batches.next(length)


async def block(receive: Callable[[], Awaitable[Message]]) -> None:
    """Computes when told to; whether the line was kept."""
    try:
        while await receive() == "go":
            blocked()
    except Exception:  # each library has its own for a lost line
        kept(False)
    kept(True)


def block_blocking(receive: Callable[[], Message]) -> None:
    """The same without a loop."""
    try:
        while receive() == "go":
            blocked()
    except Exception:
        kept(False)
    kept(True)
