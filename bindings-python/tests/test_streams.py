"""One message sent in parts, from an iterator or an async iterator, through each face: whole, bounded, compressed as told, never half."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any, Callable

import pytest

import heartwire
import heartwire.sync
from heartwire.testing import FaultServer
from raw_server import BOUND

ACCEPT = {"do": "accept", "extensions": "permessage-deflate"}


def again(part: bytearray) -> Iterator[bytearray]:
    """The same buffer for each part, as readinto() fills one."""
    for letter in b"abc":
        part[:] = bytes([letter]) * len(part)
        yield part


async def later(parts: Any) -> AsyncIterator[Any]:
    for part in parts:
        await asyncio.sleep(0)
        yield part


def messages(server: FaultServer) -> list[tuple[Any, bool]]:
    seen = [record for record in server.records() if record["event"] == "message"]
    return [(record.get("text", record.get("binary")), record["compressed"]) for record in seen]


EXPECTED = [("in three parts", False), ("616161626262636363", False), ("in three parts", True), ("x" * 200, True), ("x" * 200, False)]
EXPECTED += [("", False), ("", False), ("x" * 200, True), ("x" * 200, False), ("short", False), ("short", True)]


def play(send: Callable[..., None]) -> None:
    send(["in ", "three ", "parts"])
    send(again(bytearray(3)))
    send(["in ", "three ", "parts"], compress=True)
    send(["x" * 200])
    send(["x" * 150, "x" * 50], compress=False)
    send([])
    send([], text=False)
    send("x" * 200)
    send("x" * 200, compress=False)
    send("short")
    send("short", compress=True)


def test_the_event_face() -> None:
    with FaultServer([[ACCEPT, *[{"do": "expect"}] * 11, {"do": "close"}]]) as server:
        ws = heartwire.WebSocket(server.url, proxy=None)
        ws.onopen = lambda event: play(ws.send)
        ws.run_forever()
        assert messages(server) == EXPECTED


def test_the_blocking_face() -> None:
    with FaultServer([[ACCEPT, *[{"do": "expect"}] * 11, {"do": "close"}]]) as server, heartwire.sync.connect(server.url, proxy=None) as ws:
        play(ws.send)
        with pytest.raises(heartwire.ConnectionClosed):
            ws.recv()
        assert messages(server) == EXPECTED


@pytest.mark.parametrize("source", [iter, later], ids=["iterator", "async iterator"])
def test_the_asyncio_face(source: Callable[[Any], Any]) -> None:
    async def main(server: FaultServer) -> None:
        async with heartwire.connect(server.url, proxy=None) as ws:
            pending: list[Any] = []
            play(lambda parts, **options: pending.append((parts, options)))
            for parts, options in pending:
                await ws.send(parts if isinstance(parts, str) else source(parts), **options)
            with pytest.raises(heartwire.ConnectionClosed):
                await ws.recv()

    with FaultServer([[ACCEPT, *[{"do": "expect"}] * 11, {"do": "close"}]]) as server:
        asyncio.run(main(server))
        assert messages(server) == EXPECTED


def endless(taken: list[int]) -> Iterator[bytes]:
    while True:
        taken.append(1)
        yield b"x" * 100_000


def test_an_endless_iterator_waits_for_the_server_in_asyncio() -> None:
    async def main(server: FaultServer) -> None:
        ws = await heartwire.connect(server.url, proxy=None, compression=False, write_limit=1 << 16)
        taken: list[int] = []
        task = asyncio.ensure_future(ws.send(endless(taken)))
        before = -1
        while len(taken) != before:
            before = len(taken)
            await asyncio.sleep(0.2)  # no event reports that the kernel is full
        assert ws.socket.buffered_amount < 1 << 20
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await ws.wait_closed()  # half a message was left

    with FaultServer([[{"do": "accept"}, {"do": "stall", "for": 30}]]) as server:
        asyncio.run(main(server))


def test_an_iterator_that_cannot_wait_is_bounded_by_max_buffered() -> None:
    caught: list[Any] = []

    def flood(event: object) -> None:
        with pytest.raises(heartwire.WebSocketError) as error:
            ws.send(endless(taken))
        caught.append(error.value.code)

    taken: list[int] = []
    with FaultServer([[{"do": "accept"}, {"do": "stall", "for": 30}]]) as server:
        ws = heartwire.WebSocket(server.url, proxy=None, compression=False, max_buffered=1 << 20)
        ws.onopen = flood
        ws.onclose = lambda event: caught.append(event.code)
        ws.run_forever()
    assert caught == ["write_limit", 1006]
    assert len(taken) < 200, "what the kernel took and a mebibyte"


@pytest.mark.parametrize("face", ["events", "asyncio"])
def test_a_kind_that_was_asked_for(face: str) -> None:
    async def main(server: FaultServer) -> None:
        async with heartwire.connect(server.url, proxy=None) as ws:

            async def send(data: Any, text: bool) -> None:
                if face == "events":
                    ws.socket.send(data, text=text)
                else:
                    await ws.send(data, text=text)

            for wrong, text in [(["a"], False), ([b"a"], True), ("a", False), (b"a", True)]:
                with pytest.raises(TypeError):
                    await send(wrong, text)
            for empty, text in [([], True), ([], False), ("", True), (b"", False), ([b"a"], False), (["a"], True)]:
                await send(empty, text)
            await ws.wait_closed()

    with FaultServer([[ACCEPT, *[{"do": "expect"}] * 6, {"do": "close"}]]) as server:
        asyncio.run(main(server))
        seen = [(record.get("text"), record.get("binary")) for record in server.records() if record["event"] == "message"]
        assert seen == [("", None), (None, ""), ("", None), (None, ""), (None, "61"), ("a", None)]


@pytest.mark.parametrize("bad", [["a", b"b"], [b"a", 1], ["a", "b", b"c"]], ids=repr)
def test_parts_of_a_wrong_kind(bad: list[Any]) -> None:
    async def main(server: FaultServer) -> None:
        async with heartwire.connect(server.url, proxy=None) as ws:
            with pytest.raises(TypeError):
                await ws.send(bad)
            if len(bad) == 2:  # nothing had left yet
                await ws.send("good")
            await ws.wait_closed()

    with FaultServer([[ACCEPT, {"do": "expect"}, {"do": "close"}]]) as server:
        asyncio.run(main(server))
        assert messages(server) == ([("good", False)] if len(bad) == 2 else [])


AMID = {"receive_buffer": 65536, "connections": [[{"do": "accept"}, {"do": "stall"}], [{"do": "accept"}, {"do": "wait_close"}]]}
"""The first connection reads nothing, and is dropped when something waits to leave."""
MUCH = 30_000_000
RECONNECT: Any = [None, {"min_delay": 0.001, "max_delay": 0.001}]


def in_parts() -> Iterator[bytes]:
    for _ in range(30):
        yield bytes(MUCH // 30)


async def on_a_loop(server: FaultServer, message: Any, reconnect: Any) -> None:
    ws = await heartwire.connect(server.url, compression=False, reconnect=reconnect)
    sending = asyncio.ensure_future(ws.send(message))
    while ws.socket.buffered_amount <= ws.socket._write_limit:
        await asyncio.sleep(0)
    server.drop_connections()
    with pytest.raises(heartwire.ConnectionClosedError):
        await asyncio.wait_for(sending, BOUND)
    if reconnect:
        opened = asyncio.Event()
        ws.socket.on("open", lambda event: opened.set())
        if ws.socket.ready_state != heartwire.WebSocket.OPEN:
            await asyncio.wait_for(opened.wait(), BOUND)
        await ws.send("goes on")
    await ws.close()


def blocking(server: FaultServer, message: Any, reconnect: Any) -> None:
    ws = heartwire.sync.connect(server.url, compression=False, reconnect=reconnect)

    def drop() -> None:
        while ws.socket.buffered_amount <= ws.socket._write_limit:
            time.sleep(0.001)
        server.drop_connections()

    dropper = threading.Thread(target=drop, daemon=True)
    dropper.start()
    with pytest.raises(heartwire.ConnectionClosedError):
        ws.send(message)
    dropper.join(BOUND)
    if reconnect:
        ws._wait(lambda: ws.socket.ready_state == heartwire.WebSocket.OPEN, BOUND)
        ws.send("goes on")
    ws.close()


@pytest.mark.parametrize("reconnect", RECONNECT, ids=["once", "reconnect"])
@pytest.mark.parametrize("message", ["whole", "in parts"])
@pytest.mark.parametrize("face", ["asyncio", "sync"])
def test_a_send_that_waits_tells_of_the_loss_and_the_next_connection_gets_nothing_of_it(face: str, message: str, reconnect: Any) -> None:
    with FaultServer(AMID) as server:
        data = bytes(MUCH) if message == "whole" else in_parts()
        if face == "sync":
            blocking(server, data, reconnect)
        else:
            asyncio.run(on_a_loop(server, later(data) if message == "in parts" else data, reconnect))
        got = [record.get("text") for record in server.records() if record["event"] == "message"]
        assert got == (["goes on"] if reconnect else [])
        assert [record for record in server.records() if record["event"] == "failed"] == []


def test_a_loss_amid_the_parts_of_the_event_face_costs_no_second_connection() -> None:
    """The iterator takes so long that another connection is open when it goes on."""
    with FaultServer({"connections": [[{"do": "accept"}, {"do": "stall"}], [{"do": "accept"}, {"do": "wait_close"}]]}) as server:
        opens = threading.Semaphore(0)
        ws = heartwire.WebSocket(server.url, compression=False, reconnect=RECONNECT[1])
        ws.onopen = lambda event: opens.release()
        ws.start(daemon=True)
        assert opens.acquire(timeout=BOUND)

        def slowly() -> Iterator[str]:
            yield "begun "
            yield "on the first "
            server.drop_connections()
            assert opens.acquire(timeout=BOUND)
            yield "connection"

        with pytest.raises(heartwire.InvalidStateError):
            ws.send(slowly())
        assert ws.ready_state == heartwire.WebSocket.OPEN
        ws.send("goes on")
        ws.close()
        assert ws.join(BOUND)
        assert [record.get("text") for record in server.records() if record["event"] == "message"] == ["goes on"]


def test_close_amid_the_parts_is_a_clean_close() -> None:
    async def main(url: str) -> heartwire.CloseEvent:
        ws = heartwire.WebSocket(url, compression=False)
        opened = asyncio.Event()
        ws.onopen = lambda event: opened.set()
        await opened.wait()

        def parts() -> Iterator[str]:
            yield "begun "
            yield "and "
            ws.close(1000)
            yield "left"

        with pytest.raises(heartwire.InvalidStateError):
            ws.send(parts())
        return await ws.wait_closed()

    with FaultServer([[{"do": "accept"}, {"do": "wait_close"}]]) as server:
        close = asyncio.run(main(server.url))
        assert (close.code, close.was_clean) == (1000, True)


async def begun(then: Callable[[], Any]) -> AsyncIterator[str]:
    """Two parts, of which one has left when the third is requested."""
    yield "half "
    yield "a message"
    await asyncio.sleep(0)
    then()
    await asyncio.sleep(BOUND)
    yield "never"


async def abandoned(server: FaultServer, how: str, reconnect: Any) -> tuple[int, Any, bool]:
    ws = await heartwire.connect(server.url, compression=False, reconnect=reconnect)
    closes: list[heartwire.CloseEvent] = []
    closed, opened = asyncio.Event(), asyncio.Event()
    ws.socket.on("close", lambda event: (closes.append(event), closed.set()))
    ws.socket.on("open", lambda event: opened.set())

    def fail() -> None:
        raise ValueError("as the test wants it")

    under_way = asyncio.Event()
    sending = asyncio.ensure_future(ws.send(begun(fail if how == "raises" else under_way.set)))
    if how == "raises":
        with pytest.raises(ValueError, match="as the test"):
            await sending
    elif how == "cancelled":
        await under_way.wait()
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
    else:
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(sending, 0.05)
    await asyncio.wait_for(closed.wait(), BOUND)
    if reconnect:
        await asyncio.wait_for(opened.wait(), BOUND)
        await ws.send("goes on")
    await ws.close()
    error = closes[0].error
    return closes[0].code, error and error.code, closes[0].will_reconnect


@pytest.mark.parametrize("reconnect", RECONNECT, ids=["once", "reconnect"])
@pytest.mark.parametrize("how", ["cancelled", "times out", "raises"])
def test_a_message_that_does_not_come_to_its_end_costs_its_connection_and_not_the_socket(how: str, reconnect: Any) -> None:
    with FaultServer([{"do": "accept"}]) as server:
        assert asyncio.run(abandoned(server, how, reconnect)) == (1006, "message_aborted", bool(reconnect))
        close = server.wait_for({"event": "close"}, BOUND)
        records = server.records()
        assert (close["code"], close["reason"], close["connection"]) == (1011, "message_aborted", 0)
        assert [record["text"] for record in records if record["event"] == "message"] == (["goes on"] if reconnect else [])


def failing() -> Iterator[str]:
    yield "half "
    yield "a message"
    raise ValueError("as the test wants it")


@pytest.mark.parametrize("face", ["events", "sync"])
def test_an_iterator_that_raises_costs_the_connection_and_not_the_socket(face: str) -> None:
    with FaultServer([{"do": "accept"}]) as server:
        opened = threading.Semaphore(0)
        if face == "sync":
            ws: Any = heartwire.sync.connect(server.url, compression=False, reconnect=RECONNECT[1])
            with pytest.raises(ValueError, match="as the test"):
                ws.send(failing())
            ws._wait(lambda: ws.socket._closes == 1 and ws.socket.ready_state == heartwire.WebSocket.OPEN, BOUND)
        else:
            ws = heartwire.WebSocket(server.url, compression=False, reconnect=RECONNECT[1])
            ws.onopen = lambda event: opened.release()
            ws.start(daemon=True)
            assert opened.acquire(timeout=BOUND)
            with pytest.raises(ValueError, match="as the test"):
                ws.send(failing())
            assert opened.acquire(timeout=BOUND)
        ws.send("goes on")
        ws.close()
        assert face == "sync" or ws.join(BOUND)
        assert [record["text"] for record in server.records() if record["event"] == "message"] == ["goes on"]
