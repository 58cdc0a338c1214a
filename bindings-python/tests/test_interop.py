"""Servers that we did not write: `websockets` and `aiohttp`."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

import heartwire


@contextlib.asynccontextmanager
async def websockets_server(compression: str | None) -> AsyncIterator[str]:
    server = pytest.importorskip("websockets.asyncio.server")

    async def echo(connection: Any) -> None:
        async for message in connection:
            await connection.send(message)

    async with server.serve(echo, "127.0.0.1", 0, compression=compression, subprotocols=["chat"], max_size=None) as serving:
        (sock,) = serving.sockets
        yield f"ws://127.0.0.1:{sock.getsockname()[1]}/"


@contextlib.asynccontextmanager
async def aiohttp_server(compression: str | None) -> AsyncIterator[str]:
    web = pytest.importorskip("aiohttp.web")

    async def echo(request: Any) -> Any:
        ws = web.WebSocketResponse(protocols=["chat"], compress=compression is not None, max_msg_size=0)
        await ws.prepare(request)
        async for message in ws:
            if isinstance(message.data, str):
                await ws.send_str(message.data)
            else:
                await ws.send_bytes(message.data)
        return ws

    app = web.Application()
    app.router.add_get("/", echo)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"ws://127.0.0.1:{runner.addresses[0][1]}/"
    finally:
        await runner.cleanup()


@pytest.mark.parametrize("compression", [None, "deflate"])
@pytest.mark.parametrize("serve", [websockets_server, aiohttp_server])
def test_messages_of_every_size_come_back(serve: Any, compression: str | None) -> None:
    async def main() -> None:
        async with serve(compression) as url, heartwire.connect(url, ["chat"], max_size=64 << 20) as ws:
            assert ws.subprotocol == "chat"
            assert ("permessage-deflate" in ws.socket.extensions) == (compression is not None)
            for size in (0, 1, 125, 126, 65535, 65536, 3_000_000):
                text = ("grüße 👋 " * (size // 8 + 1))[:size]
                await ws.send(text)
                assert await ws.recv() == text
                data = bytes(range(256)) * (size // 256 + 1)
                await ws.send(data[:size])
                assert await ws.recv() == data[:size]
            await ws.send(["frag", "ments"])
            assert await ws.recv() == "fragments"
            assert await (await ws.ping()) > 0
        assert ws.close_code == 1000

    asyncio.run(main())


@pytest.mark.parametrize("serve", [websockets_server, aiohttp_server])
def test_many_messages_stay_in_order(serve: Any) -> None:
    async def main() -> None:
        async with serve("deflate") as url, heartwire.connect(url, "chat") as ws:

            async def send() -> None:
                for number in range(3000):
                    await ws.send(f"message {number}")

            sending = asyncio.ensure_future(send())
            for number in range(3000):
                assert await ws.recv() == f"message {number}"
            await sending

    asyncio.run(main())


def test_a_close_of_the_server() -> None:
    server = pytest.importorskip("websockets.asyncio.server")

    async def main() -> None:
        async def leave(connection: Any) -> None:
            await connection.send("last")
            await connection.close(4001, "logged in elsewhere")

        async with server.serve(leave, "127.0.0.1", 0) as serving:
            (sock,) = serving.sockets
            ws = await heartwire.connect(f"ws://127.0.0.1:{sock.getsockname()[1]}/")
            assert await ws.recv() == "last"
            with pytest.raises(heartwire.ConnectionClosedError) as caught:
                await ws.recv()
            assert (caught.value.code, caught.value.reason) == (4001, "logged in elsewhere")
            assert caught.value.error is not None
            assert caught.value.error.code == "closed_by_peer"

    asyncio.run(main())
