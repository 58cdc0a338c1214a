"""The events and their data: the browser's four, ping and pong, data of every kind, errors with their cause."""

from __future__ import annotations

import sys
from typing import Any

import pytest

import heartwire
from heartwire import WebSocket
from raw_server import BINARY, CLOSE, PING, PONG, TEXT, RawServer, drive


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
    from raw_server import drive, frame

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
        "",
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
    assert seen == [(1006, "message_aborted")]
