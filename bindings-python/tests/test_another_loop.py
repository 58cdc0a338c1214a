"""A connection that is used in another event loop than its own: it works, or an error says so at once."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator
from typing import Any

import pytest

import heartwire
import heartwire.sync
from loops import in_thread
from raw_server import BOUND, RawServer


@pytest.fixture
def first() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    yield loop
    if not loop.is_closed():
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()


def run(loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, Any]) -> Any:
    return loop.run_until_complete(asyncio.wait_for(work, BOUND))


async def opened(server: RawServer) -> Any:
    opening = asyncio.ensure_future(heartwire.connect(server.url).__aenter__())
    connection = await in_thread(server.connection)
    return await opening, connection


CALLS = {
    "recv": lambda ws: ws.recv(),
    "send": lambda ws: ws.send("x"),
    "ping": lambda ws: ws.ping(),
    "pong": lambda ws: ws.pong(),
    "close": lambda ws: ws.close(),
    "wait_closed": lambda ws: ws.wait_closed(),
    "the next of an iteration": lambda ws: ws.__aiter__().__anext__(),
    "wait_closed of the socket": lambda ws: ws.socket.wait_closed(),
}


@pytest.mark.parametrize("call", CALLS)
def test_while_the_first_loop_lives_an_error_says_so(server: RawServer, first: asyncio.AbstractEventLoop, call: str) -> None:
    ws, _ = run(first, opened(server))
    with pytest.raises(heartwire.InvalidStateError, match="belongs to another event loop"):
        asyncio.run(asyncio.wait_for(CALLS[call](ws), BOUND))
    ws.socket.terminate()
    run(first, ws.wait_closed())


def test_once_the_first_loop_is_closed_the_connection_moves(server: RawServer, first: asyncio.AbstractEventLoop) -> None:
    ws, connection = run(first, opened(server))
    connection.send("before")
    first.close()

    async def use() -> None:
        await ws.send("hello")
        assert await in_thread(connection.next_data) == "hello"
        connection.send("after")
        assert [await ws.recv(), await ws.recv()] == ["before", "after"]
        closing = asyncio.ensure_future(ws.close())
        assert await in_thread(connection.expect_close) == 1000
        await closing

    asyncio.run(asyncio.wait_for(use(), BOUND))


def test_close_works_from_a_loop_beside_the_one_that_runs(server: RawServer) -> None:
    async def main() -> None:
        ws, connection = await opened(server)
        closing = asyncio.ensure_future(in_thread(lambda: asyncio.run(ws.close())))
        assert await in_thread(connection.expect_close) == 1000
        await closing

    asyncio.run(asyncio.wait_for(main(), BOUND))


def test_what_came_before_the_end_can_be_received_anywhere(server: RawServer, first: asyncio.AbstractEventLoop) -> None:
    ws, connection = run(first, opened(server))
    connection.send("last")
    connection.close(1000)
    run(first, ws.wait_closed())
    assert asyncio.run(ws.recv()) == "last"
    with pytest.raises(heartwire.ConnectionClosedOK):
        asyncio.run(ws.recv())


@pytest.mark.parametrize("keeper", [0.1, None])
def test_a_loop_that_was_closed_while_a_socket_connected_holds_nobody_up(server: RawServer, keeper: float | None) -> None:
    """The socket of the closed loop gives up in its time, though no loop drives it: the next one may connect to the same place."""
    server.auto = False
    loop = asyncio.new_event_loop()

    async def begin() -> heartwire.WebSocket:
        ws = heartwire.WebSocket(server.url, open_timeout=1.0, keeper=keeper)
        await in_thread(server.connection)
        return ws

    ws = loop.run_until_complete(asyncio.wait_for(begin(), BOUND))
    loop.close()
    server.auto = True
    with heartwire.sync.connect(server.url, open_timeout=BOUND) as other:
        other.send("here")
        assert server.connection().next_data() == "here"
    assert ws.ready_state != ws.OPEN
