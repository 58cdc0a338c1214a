"""Heartwire: the faces that pull messages, `heartwire.connect` on uvloop and `heartwire.sync.connect`."""

from __future__ import annotations

from typing import Any

import heartwire
import heartwire.sync
from common import Job
from pulling import block, block_blocking, play, play_blocking

job = Job.read()
options: dict[str, Any] = {"tls": {"ca": job.ca}} if job.ca else {}


async def main() -> None:
    async with heartwire.connect(job.url, **options) as ws:
        await (block(ws.recv) if job.mode == "blocked" else play(job, ws.send, ws.recv))


if job.variant == "sync":
    with heartwire.sync.connect(job.url, **options) as ws:
        if job.mode == "blocked":
            block_blocking(ws.recv)
        play_blocking(job, ws.send, ws.recv)
else:
    job.run(main())
