"""Heartwire: the event API on asyncio, on uvloop and with `run_forever()`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import heartwire
from common import Batches, Job, blocked, clock, fail, kept, many, sender
from heartwire import MessageEvent, WebSocket

job = Job.read()
options: dict[str, Any] = {"tls": {"ca": job.ca}} if job.ca else {}


def echo(ws: WebSocket, end: Callable[[], None]) -> None:
    payload, stamps = job.payload, job.stamps
    batches = Batches(job, lambda _: ws.send(payload), end)
    left = length = 0

    @ws.on("open")
    def begin(_: object) -> None:
        nonlocal left
        left = batches.begin()

    def answer(event: MessageEvent) -> None:
        nonlocal left, length
        length += len(event.data)
        stamps.append(clock())
        left -= 1
        if left:
            ws.send(payload)
        else:
            left, length = batches.next(length), 0

    ws.onmessage = answer


def flood(ws: WebSocket, end: Callable[[], None]) -> None:
    batches = Batches(job, lambda _: ws.send("go"), end)
    left = length = 0

    @ws.on("open")
    def begin(_: object) -> None:
        nonlocal left
        left = batches.begin()

    def take(event: MessageEvent) -> None:
        nonlocal left, length
        length += len(event.data)
        left -= 1
        if not left:
            left, length = batches.next(length), 0

    ws.onmessage = take


def send(ws: WebSocket, end: Callable[[], None]) -> None:
    batches = Batches(job, sender(job, ws.send, asyncio.get_running_loop()), end)
    ws.onopen = lambda _: batches.begin()
    ws.onmessage = lambda event: batches.answered(event.data)


def block(ws: WebSocket, _: Callable[[], None]) -> None:
    ws.onmessage = lambda event: blocked() if event.data == "go" else kept(True)
    ws.onclose = lambda _: kept(False)


PLAYS = {"echo": echo, "flood": flood, "send": send, "blocked": block}


def play(end: Callable[[], None]) -> WebSocket:
    ws = WebSocket(job.url, **options)
    ws.onclose = lambda event: fail(f"closed with {event.code}: {event.error}")
    PLAYS[job.mode](ws, end)
    return ws


async def connect() -> WebSocket:
    opened = asyncio.get_running_loop().create_future()
    ws = WebSocket(job.url, **options)
    ws.onopen = opened.set_result
    ws.onmessage = lambda event: fail("nobody asked")
    await opened
    ws.onopen = None
    return ws


async def close(ws: WebSocket) -> None:
    ws.close()
    await ws.wait_closed()


async def main() -> None:
    if job.mode in ("connect", "idle"):
        await many(job, connect, close)
        return
    done = asyncio.Event()
    ws = play(done.set)
    await done.wait()
    ws.onclose = None
    await close(ws)


if job.variant == "run_forever":
    socket: list[WebSocket] = []

    def end() -> None:
        socket[0].onclose = None
        socket[0].close()

    socket.append(play(end))
    heartwire.run_forever(*socket)
else:
    job.run(main())
