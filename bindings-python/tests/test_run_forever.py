"""Events on the calling thread: order, content, exceptions, close, signals."""

from __future__ import annotations

import os
import signal
import sys
import threading
from typing import Any

import pytest

import heartwire
from heartwire import InvalidStateError, WebSocket
from raw_server import BINARY, CLOSE, PING, PONG, TEXT, RawServer


def drive(server: RawServer, *steps: Any) -> threading.Thread:
    """Play the server's side of the first connection on a thread."""

    def play() -> None:
        connection = server.connection()
        for step in steps:
            step(connection)

    thread = threading.Thread(target=play)
    thread.start()
    return thread


def test_the_browsers_four_events(server: RawServer) -> None:
    seen: list[Any] = []
    ws = WebSocket(server.url)

    def on_open(event: heartwire.OpenEvent) -> None:
        seen.append((event.type, event.target is ws, ws.readyState, ws.protocol))
        ws.send("hello")
        ws.send(b"\x00\xff")

    ws.onopen = on_open
    ws.onmessage = lambda event: seen.append((event.type, event.data, event.origin))
    ws.onerror = lambda event: seen.append("error")
    ws.onclose = lambda event: seen.append((event.code, event.reason, event.wasClean, event.error.code, ws.readyState))
    got = []

    def play(connection: Any) -> None:
        got.append(connection.next())
        got.append(connection.next())
        connection.send("grüße 👋")
        connection.send(b"\x01")
        connection.send("")
        connection.close(4000, "bye")
        got.append(connection.next())

    thread = drive(server, play)
    ws.run_forever()
    thread.join()
    origin = server.url.rstrip("/")
    assert seen == [
        ("open", True, 1, ""),
        ("message", "grüße 👋", origin),
        ("message", b"\x01", origin),
        ("message", "", origin),
        (4000, "bye", True, "closed_by_peer", 3),
    ]
    assert got == [(TEXT, b"hello"), (BINARY, b"\x00\xff"), (CLOSE, b"\x0f\xa0")]
    ws.run_forever()  # closed already: returns at once


def test_the_first_message_may_come_with_the_upgrade_response(server: RawServer) -> None:
    from raw_server import frame

    server.auto = False
    seen: list[str] = []
    ws = WebSocket(server.url)
    ws.onopen = lambda event: seen.append("open")
    ws.onmessage = lambda event: seen.append(event.data)

    def play(connection: Any) -> None:
        connection.accept(first=frame(TEXT, b"first") + frame(TEXT, b"second") + frame(CLOSE, b"\x03\xe8"))
        connection.read_frames()

    thread = drive(server, play)
    ws.run_forever()
    thread.join()
    assert seen == ["open", "first", "second"]


def test_listeners_are_called_in_the_doms_order(server: RawServer) -> None:
    seen: list[str] = []
    ws = WebSocket(server.url)

    def late(event: object) -> None:
        seen.append("late")

    def first(event: object) -> None:
        seen.append("first")
        ws.removeEventListener("message", late)  # removed before its turn: not called
        ws.addEventListener("message", lambda event: seen.append("next time"))

    ws.addEventListener("message", first)
    ws.addEventListener("message", first)  # the same twice counts once
    ws.onmessage = lambda event: seen.append("never")
    ws.add_event_listener("message", lambda event: seen.append("once"), once=True)
    ws.addEventListener("message", late)
    ws.onmessage = lambda event: seen.append("attribute")  # keeps its place
    thread = drive(server, lambda c: (c.send("1"), c.send("2"), c.close()))
    ws.run_forever()
    thread.join()
    assert seen == ["first", "attribute", "once", "first", "attribute", "next time"]


def test_an_exception_of_a_handler_is_reported_and_harms_nothing(server: RawServer, monkeypatch: pytest.MonkeyPatch) -> None:
    reported: list[BaseException] = []
    monkeypatch.setattr(sys, "excepthook", lambda kind, error, trace: reported.append(error))
    seen: list[str] = []
    ws = WebSocket(server.url)

    @ws.on("message")
    def broken(event: heartwire.MessageEvent) -> None:
        raise RuntimeError(event.data)

    ws.on("message", lambda event: seen.append(event.data))
    thread = drive(server, lambda c: (c.send("1"), c.send("2"), c.close()))
    ws.run_forever()
    thread.join()
    assert [str(error) for error in reported] == ["1", "2"]
    assert reported[0].__traceback__ is not None
    assert seen == ["1", "2"]


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


def test_close_inside_a_handler_ends_the_messages(server: RawServer) -> None:
    seen: list[Any] = []
    ws = WebSocket(server.url)

    def on_message(event: heartwire.MessageEvent) -> None:
        seen.append(event.data)
        ws.close(3001, "enough")
        seen.append(ws.readyState)

    ws.onmessage = on_message
    ws.onclose = lambda event: seen.append((event.code, event.reason, event.was_clean))
    thread = drive(server, lambda c: (c.sock.sendall(b"\x81\x011\x81\x012"), c.expect_close()))
    ws.run_forever()
    thread.join()
    assert seen == ["1", 2, (3001, "", True)]


def test_a_refused_connection_is_error_and_close(server: RawServer) -> None:
    import socket

    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        ws = WebSocket(f"ws://127.0.0.1:{unused.getsockname()[1]}/")
        seen: list[Any] = []
        ws.onerror = lambda event: seen.append((event.error.code, event.error.phase, ws.readyState, event.message))
        ws.onclose = lambda event: seen.append((event.code, event.was_clean, event.error.code, event.will_reconnect))
        ws.run_forever()
    assert seen[0][:3] == ("connection_refused", "tcp", 3)
    assert seen[1] == (1006, False, "connection_refused", False)


def test_what_a_refusing_server_says_is_in_the_error(server: RawServer) -> None:
    server.auto = False
    errors: list[Any] = []
    ws = WebSocket(server.url)
    ws.onerror = lambda event: errors.append(event.error)
    answer = b"HTTP/1.1 403 Forbidden\r\nX-Why: no\r\nContent-Length: 4\r\n\r\nnope"
    thread = drive(server, lambda c: (c.sock.sendall(answer), c.sock.close()))
    ws.run_forever()
    thread.join()
    (error,) = errors
    assert isinstance(error, heartwire.WebSocketError)
    assert (error.code, error.phase, error.status, error.body) == ("http_refused", "http", 403, b"nope")
    assert ("x-why", "no") in error.headers


def test_a_lost_connection_is_close_1006_with_its_cause(server: RawServer) -> None:
    seen: list[Any] = []
    ws = WebSocket(server.url)
    ws.onerror = lambda event: seen.append("error")
    ws.onclose = lambda event: seen.append((event.code, event.was_clean, event.error.code))
    ws.onopen = lambda event: ws.send("now")
    thread = drive(server, lambda c: (c.next(), c.drop()))
    ws.run_forever()
    thread.join()
    assert seen == [(1006, False, "connection_lost")]


def test_ping_and_pong(server: RawServer) -> None:
    server.echo = True
    seen: list[Any] = []
    ws = WebSocket(server.url)
    ws.onopen = lambda event: ws.ping("abc")

    def on_pong(event: heartwire.PongEvent) -> None:
        seen.append((event.payload, event.latency))
        ws.close()

    ws.onpong = on_pong
    ws.run_forever()
    (payload, latency) = seen[0]
    assert payload == b"abc"
    assert 0 < latency < 10
    assert ws.latency == latency


def test_the_servers_ping_is_answered_and_shown(server: RawServer) -> None:
    seen: list[bytes] = []
    got: list[Any] = []
    ws = WebSocket(server.url)
    ws.onping = lambda event: seen.append(event.payload)
    thread = drive(server, lambda c: (c.send_frame(PING, b"are you there"), got.append(c.next()), c.close()))
    ws.run_forever()
    thread.join()
    assert seen == [b"are you there"]
    assert got == [(PONG, b"are you there")]


def test_json(server: RawServer) -> None:
    server.echo = True
    seen: list[Any] = []
    ws = WebSocket(server.url)
    ws.onopen = lambda event: ws.send_json({"text": "grüße", "n": [1, 2.5, None]})

    def on_message(event: heartwire.MessageEvent) -> None:
        seen.append((event.data, event.json()))
        ws.close()

    ws.onmessage = on_message
    ws.run_forever()
    assert seen == [('{"text":"grüße","n":[1,2.5,null]}', {"text": "grüße", "n": [1, 2.5, None]})]


def test_every_kind_of_data_and_fragments(server: RawServer) -> None:
    import array

    server.echo = True
    seen: list[Any] = []
    ws = WebSocket(server.url)

    def on_open(event: object) -> None:
        ws.send(bytearray(b"array"))
        ws.send(memoryview(b"_view_")[1:-1])
        ws.send(memoryview(array.array("H", [1, 2])))
        ws.send(memoryview(b"abcdef")[::2])
        ws.send(["in ", "three ", "parts"])
        ws.send(part for part in (b"a", bytearray(b"b")))
        ws.send(["one"])
        ws.send(iter(()))
        ws.send("x" * 100_000)
        ws.send("end", compress=False)

    def on_message(event: heartwire.MessageEvent) -> None:
        seen.append(event.data)
        if event.data == "end":
            ws.close()

    ws.onopen = on_open
    ws.onmessage = on_message
    ws.run_forever()
    expected = [
        b"array",
        b"view",
        array.array("H", [1, 2]).tobytes(),
        b"ace",
        "in three parts",
        b"ab",
        "one",
        "x" * 100_000,
        "end",
    ]
    assert seen == expected


def test_a_failing_iterable_ends_the_connection(server: RawServer) -> None:
    seen: list[Any] = []
    ws = WebSocket(server.url)

    def parts() -> Any:
        yield "a"
        yield "b"
        raise LookupError("no more")

    def on_open(event: object) -> None:
        with pytest.raises(TypeError, match="all text or all binary"):
            ws.send(["text", b"bytes"])  # nothing had left yet
        with pytest.raises(LookupError):
            ws.send(parts())

    ws.onopen = on_open
    ws.onclose = lambda event: seen.append((event.code, event.error.code))
    ws.run_forever()
    assert seen == [(1006, "terminated")]


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
        assert opened.wait(10)
    thread.join()
    assert ws.readyState == WebSocket.CLOSED
    assert codes == [1005]


def test_a_slow_handler_misses_nothing_of_what_came_meanwhile(server: RawServer) -> None:
    seen: list[Any] = []
    ws = WebSocket(server.url, reconnect={"min_delay": 0.001, "max_delay": 0.001})

    def on_close(event: heartwire.CloseEvent) -> None:
        seen.append(("close", event.code))
        if event.will_reconnect:
            # The next connection is open, and was told something, before this handler returns.
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
