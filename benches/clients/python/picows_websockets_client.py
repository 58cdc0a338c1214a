"""The layer of picows that has the interface of `websockets`, and permessage-deflate."""

from __future__ import annotations

from common import Job
from picows.websockets.asyncio.client import connect
from pulling import play

job = Job.read()


async def main() -> None:
    async with connect(job.url, ssl=job.tls(), compression="deflate" if job.deflate else None, proxy=None) as ws:
        await play(job, ws.send, ws.recv)


job.run(main())
