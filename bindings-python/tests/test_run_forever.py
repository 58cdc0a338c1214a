"""`run_forever()`: one socket and several, handlers that leave it, async handlers, misuse."""

from __future__ import annotations

import os
import signal
import sys
import threading
from typing import Any

import pytest

import heartwire
from heartwire import InvalidStateError, WebSocket
from raw_server import BOUND, RawServer, drive


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
def test_a_handler_may_leave_run_forever_and_nothing_is_lost(server: RawServer, kind: type[BaseException]) -> None:
    seen: list[str] = []
    ws = WebSocket(server.url)

    def on_message(event: heartwire.MessageEvent) -> None:
        seen.append(event.data)
        if event.data == "2":
            raise kind

    ws.onmessage = on_message
    thread = drive(server, lambda c: (c.sock.sendall(b"\x81\x011\x81\x012\x81\x013"), c.next(), c.close()))
    with pytest.raises(kind):
        ws.run_forever()
    assert seen == ["1", "2"]
    assert ws.readyState == WebSocket.OPEN
    ws.send("still here")
    ws.run_forever()
    thread.join()
    assert seen == ["1", "2", "3"]


def test_several_sockets_at_once(server: RawServer) -> None:
    server.echo = True
    seen: list[str] = []
    sockets = [WebSocket(server.url) for _ in range(20)]

    def setup(ws: WebSocket, name: str) -> None:
        ws.onopen = lambda event: ws.send(name)
        ws.onmessage = lambda event: (seen.append(event.data), ws.close())

    for index, ws in enumerate(sockets):
        setup(ws, str(index))
    heartwire.run_forever(*sockets)
    assert sorted(seen, key=int) == [str(index) for index in range(20)]


def test_a_nested_run_of_another_socket(server: RawServer) -> None:
    server.echo = True
    seen: list[str] = []
    outer = WebSocket(server.url)
    inner = WebSocket(server.url)
    inner.onopen = lambda event: inner.send("inner")
    inner.onmessage = lambda event: (seen.append(event.data), inner.close())

    def on_message(event: heartwire.MessageEvent) -> None:
        if event.data == "one":
            inner.run_forever()
        seen.append(event.data)
        if event.data == "two":
            outer.close()

    outer.onopen = lambda event: (outer.send("one"), outer.send("two"))
    outer.onmessage = on_message
    outer.run_forever()
    assert seen == ["inner", "one", "two"]


def test_async_handlers_find_a_loop(server: RawServer) -> None:
    import asyncio

    server.echo = True
    seen: list[str] = []
    ws = WebSocket(server.url)
    ws.onopen = lambda event: (ws.send("1"), ws.send("2"))

    @ws.on("message")
    async def reply(event: heartwire.MessageEvent) -> None:
        seen.append(f"start {event.data}")
        await asyncio.sleep(0)
        seen.append(f"end {event.data}")
        if event.data == "2":
            ws.close()

    @ws.on("close")
    async def closed(event: heartwire.CloseEvent) -> None:
        await asyncio.sleep(0)
        seen.append("closed")

    ws.run_forever()
    assert seen == ["start 1", "start 2", "end 1", "end 2", "closed"] or seen == [
        "start 1",
        "end 1",
        "start 2",
        "end 2",
        "closed",
    ]


def test_a_coroutine_without_a_loop_is_reported(server: RawServer, monkeypatch: pytest.MonkeyPatch) -> None:
    reported: list[BaseException] = []
    monkeypatch.setattr(sys, "excepthook", lambda kind, error, trace: reported.append(error))

    async def work() -> None: ...

    ws = WebSocket(server.url)

    def on_open(event: object) -> None:
        with pytest.raises(TypeError, match="async def"):
            ws.onmessage = lambda_async
        ws.close()

    async def lambda_async(event: object) -> None: ...

    ws.onopen = on_open
    ws.onclose = lambda event: work()
    thread = drive(server, lambda c: c.expect_close())
    ws.run_forever()
    thread.join()
    assert [type(error) for error in reported] == [TypeError]


def test_ctrl_c_leaves_run_forever_and_the_socket_is_open(server: RawServer) -> None:
    ws = WebSocket(server.url)
    killer = threading.Thread(target=lambda: (server.connection(), os.kill(os.getpid(), signal.SIGINT)))
    killer.start()
    with pytest.raises(KeyboardInterrupt):
        ws.run_forever()
    killer.join()
    ws.terminate()
    ws.run_forever()
    assert ws.readyState == WebSocket.CLOSED


def test_misuse_of_run_forever(server: RawServer) -> None:
    import asyncio

    with pytest.raises(TypeError):
        heartwire.run_forever()
    with pytest.raises(TypeError, match="str"):
        heartwire.run_forever("ws://example.com")  # type: ignore[arg-type]

    async def inside() -> None:
        ws = WebSocket(server.url)
        with pytest.raises(InvalidStateError, match="wait_closed"):
            ws.run_forever()
        ws.terminate()
        await ws.wait_closed()

    asyncio.run(inside())


def test_close_before_the_start_is_seen(server: RawServer) -> None:
    seen: list[Any] = []
    ws = WebSocket(server.url)
    ws.onerror = lambda event: seen.append(event.error.code)
    ws.onclose = lambda event: seen.append(event.code)
    ws.close()
    assert ws.readyState == WebSocket.CLOSING
    ws.run_forever()
    assert seen == ["cancelled", 1006]
    assert server.connections.empty()


def test_with_closes(server: RawServer) -> None:
    codes: list[int | None] = []
    thread = drive(server, lambda c: codes.append(c.expect_close()))
    opened = threading.Event()
    with WebSocket(server.url).start() as ws:
        ws.onopen = lambda event: opened.set()
        if ws.readyState == WebSocket.OPEN:
            opened.set()
        assert opened.wait(BOUND)
    thread.join()
    assert ws.readyState == WebSocket.CLOSED
    assert codes == [1005]


def test_a_slow_handler_misses_nothing_of_what_came_meanwhile(server: RawServer) -> None:
    seen: list[Any] = []
    ws = WebSocket(server.url, reconnect={"min_delay": 0.001, "max_delay": 0.001})

    def on_close(event: heartwire.CloseEvent) -> None:
        seen.append(("close", event.code))
        if event.will_reconnect:
            # The next connection is open, and has received a message, before this handler returns.
            second = server.connection()
            second.send("welcome back")
            assert second.sock.getsockname()

    ws.onopen = lambda event: seen.append("open")
    ws.onclose = on_close
    ws.onreconnecting = lambda event: seen.append(("reconnecting", ws.ready_state))
    ws.onmessage = lambda event: (seen.append(event.data), ws.terminate())
    thread = drive(server, lambda c: c.close(1012))
    ws.run_forever()
    thread.join()
    assert seen == ["open", ("close", 1012), ("reconnecting", 0), "open", "welcome back", ("close", 1006)]


def test_close_in_the_close_handler_is_final(server: RawServer) -> None:
    seen: list[Any] = []
    ws = WebSocket(server.url, reconnect={"min_delay": 0.001, "max_delay": 0.001})

    def on_close(event: heartwire.CloseEvent) -> None:
        seen.append(("close", event.code, event.will_reconnect))
        if event.will_reconnect:
            second = server.connection()
            ws.close(1000)
            second.expect_close()

    ws.onclose = on_close
    ws.onreconnecting = lambda event: seen.append("reconnecting")
    thread = drive(server, lambda c: c.close(1012))
    ws.run_forever()
    thread.join()
    assert seen[0] == ("close", 1012, True)
    assert seen[-1][2] is False
    assert len(seen) == 2
