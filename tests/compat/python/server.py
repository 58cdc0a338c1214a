"""The server that the SDKs talk to, on aiohttp: it speaks the protocol of each (`protocols.py`), and obeys the suite.

It owns the connections and their records. It must not know the SDKs.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import Any

import aiohttp
from aiohttp import web

BOUND = 40.0  # seconds, for every wait; some SDKs wait long before they connect again


class Connection:
    """One connection as the server sees it."""

    def __init__(self, ws: web.WebSocketResponse, request: web.Request) -> None:
        self.ws = ws
        self.request = request
        #: What the bot said, in words of the protocol.
        self.said: asyncio.Queue[str] = asyncio.Queue()
        self.ended = asyncio.Event()
        #: The code of the bot's Close, or 1006 without one.
        self.code = 1006
        self.ready = asyncio.Event()
        self.heard_at = time.monotonic()

    def drop(self) -> None:
        """Ends TCP without a word."""
        transport = self.request.transport
        if transport is not None:
            transport.abort()


class Server:
    """A server for one run of a program."""

    def __init__(self, protocol: Any) -> None:
        self.protocol = protocol
        self.refuses = False
        self.refused = asyncio.Event()
        #: Pings each second, and drops a client that is silent for so many.
        self.patience: float | None = None
        self.connections: asyncio.Queue[Connection] = asyncio.Queue()
        self._open: set[Connection] = set()
        self.url = ""

    async def __aenter__(self) -> Server:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1, handler_cancellation=True)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        for connection in list(self._open):
            connection.drop()
        await self._runner.cleanup()

    async def _watch(self, connection: Connection) -> None:
        """Drops a connection that is silent, if that is wished for."""
        while self.patience is not None:
            with contextlib.suppress(ConnectionError):  # it ends just now
                await connection.ws.ping(b"there?")
            await asyncio.sleep(1)
            if time.monotonic() - connection.heard_at > self.patience:
                connection.drop()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        if "websocket" not in request.headers.get("Upgrade", "").lower():
            answer = await self.protocol.http(request, self.url.replace("http://", "ws://"))
            return web.json_response(answer) if answer is not None else web.Response(status=404)
        if self.refuses:
            self.refused.set()
            return web.Response(status=503, text="come back later")
        offered = [name.strip() for name in request.headers.get("Sec-WebSocket-Protocol", "").split(",") if name.strip()]
        ws = web.WebSocketResponse(protocols=offered, autoping=False)
        await ws.prepare(request)
        connection = Connection(ws, request)
        self._open.add(connection)
        await self.protocol.greet(connection)
        self.connections.put_nowait(connection)
        watch = asyncio.create_task(self._watch(connection))
        try:
            async for message in ws:
                connection.heard_at = time.monotonic()
                if message.type is aiohttp.WSMsgType.PING:
                    await ws.pong(message.data)
                    self.protocol.pinged(connection)
                elif message.type in (aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY):
                    said = await self.protocol.heard(connection, message.data)
                    if said is not None:
                        connection.said.put_nowait(said)
        finally:
            watch.cancel()
            # aiohttp says 1006 for a lost connection, or has no code.
            connection.code = ws.close_code or 1006
            self._open.discard(connection)
            connection.ended.set()
        return ws
