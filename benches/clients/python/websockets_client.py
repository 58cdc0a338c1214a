"""websockets: on asyncio and uvloop, and its blocking client; compression only in scenarios that measure it, as its guide advises for speed."""

from __future__ import annotations

from typing import Any

from common import Job, many
from pulling import block, block_blocking, play, play_blocking
from websockets.asyncio.client import ClientConnection, connect
from websockets.sync.client import connect as connect_blocking

job = Job.read()
options: dict[str, Any] = {"ssl": job.tls(), "compression": "deflate" if job.deflate else None, "proxy": None}


async def open_one() -> ClientConnection:
    return await connect(job.url, **options)


async def main() -> None:
    if job.mode in ("connect", "idle"):
        await many(job, open_one, ClientConnection.close)
        return
    async with connect(job.url, **options) as ws:
        await (block(ws.recv) if job.mode == "blocked" else play(job, ws.send, ws.recv))


if job.variant == "sync":
    with connect_blocking(job.url, **options) as ws:
        if job.mode == "blocked":
            block_blocking(ws.recv)
        play_blocking(job, ws.send, ws.recv)
else:
    job.run(main())
