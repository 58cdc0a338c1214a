"""websocket-rs: its callback on asyncio and uvloop, and its blocking client."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import websocket_rs
from common import Batches, Job, blocked, clock, fail, kept, many, sender
from pulling import play_blocking
from websocket_rs import WSMessage
from websocket_rs.native_client import NativeClient
from websocket_rs.sync.client import connect as connect_blocking

job = Job.read()
options: dict[str, Any] = {"ssl_context": job.tls(), "compression": job.deflate}
ws: NativeClient


def echo(end: Callable[[], None]) -> tuple[Batches, Callable[[WSMessage], None]]:
    payload, stamps = job.payload, job.stamps
    batches = Batches(job, lambda _: ws.send(payload), end)
    length = 0

    def answer(message: WSMessage) -> None:
        nonlocal length
        length += len(str(message, "utf-8"))  # type: ignore[call-overload]  # its stub does not tell that it is a buffer
        stamps.append(clock())
        if len(stamps) < batches.count:
            ws.send(payload)
        else:
            batches.next(length)
            length = 0

    def answer_bytes(message: WSMessage) -> None:
        nonlocal length
        length += len(bytes(message))
        stamps.append(clock())
        if len(stamps) < batches.count:
            ws.send(payload)
        else:
            batches.next(length)
            length = 0

    return batches, answer_bytes if job.binary else answer


def flood(end: Callable[[], None]) -> tuple[Batches, Callable[[WSMessage], None]]:
    batches = Batches(job, lambda _: ws.send("go"), end)
    came = length = 0

    def take(message: WSMessage) -> None:
        nonlocal came, length
        length += len(str(message, "utf-8"))  # type: ignore[call-overload]  # its stub does not tell that it is a buffer
        came += 1
        if came == batches.count:
            came = 0
            batches.next(length)
            length = 0

    def take_bytes(message: WSMessage) -> None:
        nonlocal came, length
        length += len(bytes(message))
        came += 1
        if came == batches.count:
            came = 0
            batches.next(length)
            length = 0

    return batches, take_bytes if job.binary else take


def send(end: Callable[[], None]) -> tuple[Batches, Callable[[WSMessage], None]]:
    batches = Batches(job, lambda count: sender(job, ws.send, asyncio.get_running_loop())(count), end)
    return batches, lambda message: batches.answered(bytes(message).decode())


PLAYS = {"echo": echo, "flood": flood, "send": send}


async def connect() -> NativeClient:
    return await websocket_rs.connect(job.url, on_message=lambda _: fail("nobody asked"), **options)


async def close(client: NativeClient) -> None:
    client.close()
    while not client.closed:  # noqa: ASYNC110 - there is nothing to await
        await asyncio.sleep(0)


async def watch() -> None:
    """Is told to compute; a lost line shows only in `closed`."""
    client = await websocket_rs.connect(job.url, on_message=lambda message: blocked() if message == b"go" else kept(True), **options)
    while not client.closed:  # noqa: ASYNC110
        await asyncio.sleep(0.1)
    kept(False)


async def main() -> None:
    global ws
    if job.mode in ("connect", "idle"):
        await many(job, connect, close)
    elif job.mode == "blocked":
        await watch()
    else:
        done = asyncio.Event()
        batches, handler = PLAYS[job.mode](done.set)
        ws = await websocket_rs.connect(job.url, on_message=handler, **options)
        batches.begin()
        await done.wait()
        ws.close()


if job.variant == "sync":
    with connect_blocking(job.url) as blocking:
        play_blocking(job, blocking.send, blocking.recv)
else:
    job.run(main())
