"""`heartwire.shutdown`: no new connections, queues and requests finish, then Close 1001."""

from __future__ import annotations

import asyncio
import json
import threading
from typing import Any

import pytest

import heartwire
import heartwire.sync
from heartwire.testing import FaultServer

#: A request is answered late, and then nothing.
LATE = [
    {"do": "accept"},
    {"do": "expect", "contains": "ask"},
    {"do": "delay", "for": 0.2},
    {"do": "send", "json": {"id": 1, "answer": 42}},
    {"do": "wait_close"},
]


def test_requests_get_their_replies_first() -> None:
    async def main() -> None:
        with FaultServer(LATE) as server:
            async with heartwire.connect(server.url) as ws:
                reply = asyncio.ensure_future(ws.request({"ask": "it"}))
                await asyncio.sleep(0)
                assert await heartwire.shutdown(10) is True
                assert (await reply)["answer"] == 42
                with pytest.raises(heartwire.ConnectionClosed):
                    await ws.recv()
            server.wait_for({"event": "close", "code": 1001})

    asyncio.run(main())


def test_what_is_not_done_in_time_is_given_up() -> None:
    async def main() -> None:
        with FaultServer([{"do": "accept"}, {"do": "wait_close"}]) as server:
            async with heartwire.connect(server.url) as ws:
                reply = asyncio.ensure_future(ws.request({"ask": "it"}))
                await asyncio.sleep(0)
                assert await heartwire.shutdown(0.1) is False
                with pytest.raises(heartwire.WebSocketError) as caught:
                    await reply
                assert caught.value.code == "connection_lost"
            server.wait_for({"event": "close", "code": 1001})

    asyncio.run(main())


def test_the_rate_limit_lets_leave_what_waits() -> None:
    script = [{"do": "accept"}, *[{"do": "expect", "text": str(number)} for number in range(4)], {"do": "wait_close"}]
    with FaultServer(script) as server:
        opened, closed = threading.Event(), threading.Event()
        ws = heartwire.WebSocket(server.url, rate_limit={"messages": 2, "per": 0.1, "reserve": 0})
        ws.on("open", lambda event: opened.set())
        ws.on("close", lambda event: closed.set())
        ws.start()
        assert opened.wait(10)
        for number in range(4):
            ws.send(str(number))
        assert heartwire.sync.shutdown(10) is True
        assert closed.wait(10)
        server.wait_for({"event": "close", "code": 1001})


def test_no_connection_is_opened_any_more() -> None:
    script: list[list[dict[str, Any]]] = [
        [{"do": "accept"}, {"do": "expect", "contains": "ask"}, {"do": "delay", "for": 0.2}, {"do": "close", "code": 1012}],
        [{"do": "accept"}],
    ]

    async def main() -> None:
        with FaultServer(script) as server:
            closes: list[Any] = []
            ws = heartwire.WebSocket(server.url, reconnect={"min_delay": 0.001, "max_delay": 0.002})
            ws.on("close", closes.append)
            reply = ws.request({"ask": "it"})
            server_heard = asyncio.get_running_loop().run_in_executor(None, lambda: server.wait_for({"event": "message"}))
            await server_heard
            ending = asyncio.ensure_future(heartwire.shutdown(10))
            await asyncio.sleep(0.01)
            errors: list[str] = []
            late = heartwire.WebSocket(server.url)
            late.on("error", lambda event: errors.append(event.error.code))
            assert await ending is True
            with pytest.raises(heartwire.WebSocketError):
                await reply
            await asyncio.sleep(0)
            assert [close.will_reconnect for close in closes] == [False]
            assert errors == ["cancelled"]
            assert not [record for record in server.records() if record.get("connection") == 1]
            # It is over: sockets may be made again.
            async with heartwire.connect(server.url):
                pass

    asyncio.run(main())


def test_what_cannot_be() -> None:
    with pytest.raises(ValueError, match="timeout must be a number of seconds"):
        heartwire.sync.shutdown(-1)

    async def main() -> None:
        with pytest.raises(RuntimeError, match=r"await heartwire\.shutdown"):
            heartwire.sync.shutdown(1)
        with pytest.raises(ValueError, match="timeout"):
            await heartwire.shutdown(float("nan"))
        assert await heartwire.shutdown(1) is True, "nothing to do"

    asyncio.run(main())


def test_an_announced_url_is_gone_to() -> None:
    with FaultServer([{"do": "accept"}, {"do": "expect", "text": "here"}, {"do": "close", "code": 1000}]) as there:
        message = json.dumps({"type": "session_reconnect", "session": {"url": there.url}})
        with FaultServer([{"do": "accept"}, {"do": "send", "text": message}, {"do": "wait_close"}]) as server:
            announced = {"on": {"type": "session_reconnect"}, "url": "/session/url", "overlap": True, "max_retries": 0}
            with heartwire.sync.connect(server.url, reconnect=announced) as ws:
                assert ws.recv(10) == message
                opens = threading.Event()
                ws.socket.on("open", lambda event: opens.set())
                with pytest.raises(TimeoutError):
                    while not opens.is_set():
                        ws.recv(0.2)
                ws.send("here")
                with pytest.raises(heartwire.ConnectionClosed):
                    ws.recv(10)
            server.wait_for({"event": "close", "code": 1000})
