"""aiohttp's WebSocket client, with its C parts; compression only in the scenarios that measure it (by default it has no compression)."""

from __future__ import annotations

from aiohttp import ClientSession, ClientWebSocketResponse, TCPConnector
from common import Job, many
from pulling import block, play

job = Job.read()


async def main() -> None:
    tls = job.tls()
    async with ClientSession(connector=TCPConnector(ssl=tls or True, limit=0)) as session:

        async def connect() -> ClientWebSocketResponse[bool]:
            return await session.ws_connect(job.url, compress=15 if job.deflate else 0, max_msg_size=0)

        if job.mode in ("connect", "idle"):
            await many(job, connect, ClientWebSocketResponse.close)
            return
        async with await connect() as ws:
            if job.mode == "blocked":
                await block(ws.receive_str)
            else:
                send = ws.send_bytes if job.binary and job.mode != "flood" else ws.send_str
                await play(job, send, ws.receive_bytes if job.binary else ws.receive_str)


job.run(main())
