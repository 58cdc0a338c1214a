"""pause(), resume(), drain and a handler that is slow: the server waits, and nothing is lost or grows."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

import heartwire
from heartwire.testing import FaultServer

ACCEPT = {"do": "accept"}


def test_pause_reads_no_more_and_resume_goes_on() -> None:
    seen: list[Any] = []

    async def main(server: FaultServer) -> None:
        loop = asyncio.get_running_loop()
        ws = heartwire.WebSocket(server.url, proxy=None)

        def go_on() -> None:
            seen.append("resumed")
            ws.resume()

        @ws.on("message")
        def look(event: heartwire.MessageEvent) -> None:
            seen.append(event.data)
            if event.data == "a":
                ws.pause()
                ws.send("paused")  # not before this do the others leave
                loop.call_later(0.2, go_on)

        await ws.wait_closed()

    first, *others = [{"do": "send", "text": letter} for letter in "abc"]
    steps = [ACCEPT, first, {"do": "expect", "text": "paused"}, *others, {"do": "close", "code": 1000}]
    with FaultServer([steps]) as server:
        asyncio.run(main(server))
    assert seen == ["a", "resumed", "b", "c"]


def test_a_paused_socket_lets_the_server_wait() -> None:
    size, count = 1 << 20, 50  # far more than the kernel's buffers of both sides
    sent = {"event": "mark", "name": "all sent"}

    async def main(server: FaultServer) -> None:
        ws = heartwire.WebSocket(server.url, proxy=None, read_limit=1 << 16, compression=False)
        got: list[int] = []
        opened = asyncio.Event()
        ws.onopen = lambda event: ws.pause()
        ws.add_event_listener("open", lambda event: opened.set())
        ws.onmessage = lambda event: got.append(len(event.data))
        await asyncio.wait_for(opened.wait(), 60)
        with pytest.raises(TimeoutError):
            await asyncio.to_thread(server.wait_for, sent, 1)  # time is the subject: it must not arrive
        assert got == []
        ws.resume()
        await asyncio.to_thread(server.wait_for, sent, 60)
        await ws.wait_closed()
        assert got == [size] * count

    steps = [ACCEPT, {"do": "send", "size": size, "count": count}, {"do": "mark", "name": "all sent"}, {"do": "close", "code": 1000}]
    with FaultServer([steps]) as server:
        asyncio.run(main(server))


def test_drain_tells_when_what_waited_has_left() -> None:
    seen: list[Any] = []
    with FaultServer([[ACCEPT, {"do": "expect", "size": 12_000_000, "within": 60}, {"do": "close", "code": 1000}]]) as server:
        ws = heartwire.WebSocket(server.url, proxy=None, write_limit=100_000, compression=False)

        ws.onopen = lambda event: ws.send(b"x" * 12_000_000)
        ws.ondrain = lambda event: seen.append(("drain", ws.buffered_amount))
        ws.onclose = lambda event: seen.append(event.code)
        ws.run_forever()
    assert seen == [("drain", 0), 1000]


def test_a_slow_handler_lets_the_server_wait() -> None:
    seen: list[int] = []
    with FaultServer(
        [[ACCEPT, {"do": "send", "size": 1 << 20, "count": 40}, {"do": "mark", "name": "all"}, {"do": "close", "code": 1000}]]
    ) as server:
        ws = heartwire.WebSocket(server.url, proxy=None, read_limit=1 << 16, compression=False)

        def look(event: heartwire.MessageEvent) -> None:
            if not seen:
                time.sleep(0.7)  # the slow handler is the subject
                assert not [record for record in server.records() if record["event"] == "mark"], "40 MiB were taken in meanwhile"
            seen.append(len(event.data))

        ws.onmessage = look
        ws.run_forever()
    assert seen == [1 << 20] * 40
