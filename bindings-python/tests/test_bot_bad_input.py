"""Bad input of the bot layer, as Python has it: a clear error or a documented outcome each, and nothing hangs.

docs/bots.md, "When something is wrong".
"""

from __future__ import annotations

import asyncio
import json
import sys
import threading
from typing import Any

import pytest

import heartwire
import heartwire.sync
from heartwire import InvalidStateError, OptionError, WebSocket, WebSocketError
from heartwire.testing import FaultServer

ACCEPT = {"do": "accept"}
CLOSE = {"do": "close", "code": 1000}
STAY = {"do": "wait_close"}
NOWHERE = "ws://127.0.0.1:9/"

# The server sends messages that are no reply while a request is open. Then it sends the reply twice.
STRANGE = ["no JSON", "", "[1]", '{"id":', '{"id":7,"for":"nobody"}', '{"id":"1"}', '{"id":[1]}', '{"id":null}']
REPLIES = [{"do": "send", "text": text} for text in STRANGE]
REPLIES += [{"do": "send", "binary": b'{"id":1}'.hex()}, {"do": "send", "text": '{"id":1,"n":1}'}, {"do": "send", "text": '{"id":1,"n":2}'}]
STRANGE_SCRIPT = [ACCEPT, {"do": "expect", "text": '{"id":1,"action":"who"}'}, *REPLIES, CLOSE]
MESSAGES = [*STRANGE, b'{"id":1}', '{"id":1,"n":2}']


def test_what_is_no_reply_is_a_message_and_so_is_a_second_one() -> None:
    async def main(url: str) -> None:
        async with heartwire.connect(url, proxy=None) as ws:
            assert await ws.request({"action": "who"}) == {"id": 1, "n": 1}
            assert [message async for message in ws] == MESSAGES

    with FaultServer([STRANGE_SCRIPT]) as server:
        asyncio.run(main(server.url))
    with FaultServer([STRANGE_SCRIPT]) as server, heartwire.sync.connect(server.url, proxy=None) as blocking:
        assert blocking.request({"action": "who"}) == {"id": 1, "n": 1}
        assert list(blocking) == MESSAGES


def test_an_id_in_use_is_refused_and_the_first_request_is_answered() -> None:
    script = [
        ACCEPT,
        {"do": "expect", "text": '{"id":"x"}'},
        {"do": "expect", "text": "go"},
        {"do": "send", "text": '{"id":"x","ok":true}'},
        CLOSE,
    ]
    with FaultServer([script]) as server:
        ws = WebSocket(server.url, proxy=None).start(daemon=True)
        reply: Any = ws.request({"id": "x"})
        with pytest.raises(OptionError, match=r'a request with the id "x" waits for its reply already'):
            ws.request({"id": "x"})
        server.wait_for({"event": "message", "text": '{"id":"x"}'})
        ws.send("go")
        assert reply.result(30) == {"id": "x", "ok": True}
        assert ws.join(30)


@pytest.mark.parametrize("value", ["no JSON", "[1]", "3", "", [1], 3, None])
def test_a_request_without_room_for_an_id_is_refused(value: object) -> None:
    with (
        FaultServer([[ACCEPT, STAY]]) as server,
        heartwire.sync.connect(server.url, proxy=None) as ws,
        pytest.raises(OptionError, match="room for an id"),
    ):
        ws.request(value)


def test_a_login_function_that_never_returns_is_given_up() -> None:
    async def never(ws: object) -> None:
        await asyncio.get_running_loop().create_future()

    async def main(url: str) -> None:
        with pytest.raises(WebSocketError) as failed:
            await heartwire.connect(url, proxy=None, ready={"run": never, "timeout": 0.1})
        assert (failed.value.code, failed.value.phase) == ("ready_timeout", "ready")
        assert "did not return within" in str(failed.value)

    with FaultServer([[ACCEPT, STAY]]) as server:
        asyncio.run(main(server.url))


def test_a_login_function_that_blocks_is_given_up_while_it_blocks() -> None:
    errors: list[Any] = []
    with FaultServer([[ACCEPT, STAY]]) as server:

        def blocks(ws: WebSocket) -> None:
            server.wait_for({"event": "close"}, 30)

        ws = WebSocket(server.url, proxy=None, keeper=0.1, ready={"run": blocks, "timeout": 0.2})
        ws.on("error", lambda event: errors.append(event.error))
        ws.run_forever()
    assert [(error.code, error.phase) for error in errors] == [("ready_timeout", "ready")]


def test_reconnect_after_close_is_refused() -> None:
    async def main(url: str) -> None:
        async with heartwire.connect(url, proxy=None) as ws:
            ws.socket.close()
            for overlap in (False, True):
                with pytest.raises(InvalidStateError, match=r"close\(\) is final"):
                    ws.socket.reconnect(overlap=overlap)
            await ws.wait_closed()
            with pytest.raises(InvalidStateError, match="make a new socket"):
                ws.socket.reconnect()

    with FaultServer([[ACCEPT, STAY]]) as server:
        asyncio.run(main(server.url))
        assert [record["event"] for record in server.records()].count("upgrade") <= 1


NO_POINTERS = ["id", "id/x", "/~2", "/~", 7, None, ["/id"]]


@pytest.mark.parametrize("pointer", NO_POINTERS, ids=repr)
def test_what_is_no_json_pointer_is_refused(pointer: Any) -> None:
    options: list[tuple[str, dict[str, Any]]] = [
        ("request.id", {"request": {"id": pointer}}),
        ("heartbeat.fill", {"heartbeat": {"message": {}, "fill": {"/d": pointer}}}),
    ]
    if pointer is not None:  # where none may be given
        options += [
            ("request.response_id", {"request": {"response_id": pointer}}),
            ("reconnect.url", {"reconnect": {"on": "x", "url": pointer}}),
        ]
    for path, given in options:
        with pytest.raises(OptionError) as refused:
            WebSocket(NOWHERE, **given)
        assert path in str(refused.value)
        assert "JSON pointer" in str(refused.value)


NO_MATCHERS = [3, 1.5, True, b"bytes", float("nan"), object()]


@pytest.mark.parametrize("matcher", NO_MATCHERS, ids=repr)
def test_what_is_no_matcher_is_refused(matcher: Any) -> None:
    options: list[tuple[str, dict[str, Any]]] = [
        ("ready.expect", {"ready": {"expect": matcher}}),
        ("ready.reject", {"ready": {"expect": "x", "reject": matcher}}),
        ("heartbeat.response", {"heartbeat": {"message": "x", "response": matcher}}),
        ("request.error", {"request": {"error": matcher}}),
        ("reconnect.on", {"reconnect": {"on": matcher}}),
    ]
    for path, given in options:
        with pytest.raises(OptionError) as refused:
            WebSocket(NOWHERE, **given)
        assert path in str(refused.value)


NO_WINDOWS = [0, -1, float("nan"), float("inf"), "1", None]


@pytest.mark.parametrize("window", NO_WINDOWS, ids=repr)
def test_windows_of_no_length_and_of_no_messages_are_refused(window: Any) -> None:
    options: list[tuple[str, Any]] = [
        ("rate_limit.per", {"messages": 1, "per": window}),
        ("rate_limit.messages", {"messages": window, "per": 1}),
        ("rate_limit.keys.per", {"messages": 1, "per": 1, "keys": {"messages": 1, "per": window}}),
        ("rate_limit.keys.messages", {"messages": 1, "per": 1, "keys": {"messages": window, "per": 1}}),
    ]
    for path, given in options:
        with pytest.raises(OptionError) as refused:
            WebSocket(NOWHERE, rate_limit=given)
        assert path in str(refused.value)
    ws = WebSocket(NOWHERE, proxy=None, rate_limit={"messages": 1, "per": 1})
    if window not in (0, None):
        with pytest.raises((OptionError, TypeError)):
            ws.throttle(window)
    ws.close()


def test_a_reserve_that_leaves_nothing_is_refused() -> None:
    with pytest.raises(OptionError, match=r"rate_limit\.reserve: must be less than rate_limit\.messages"):
        WebSocket(NOWHERE, rate_limit={"messages": 2, "per": 1, "reserve": 2})


@pytest.mark.parametrize("message", ["no JSON", b"bytes", "[1]", 3, {"d": [1]}], ids=repr)
def test_fill_without_room_is_refused(message: Any) -> None:
    fill = {"/d/x": "/s"}
    with pytest.raises(OptionError, match=r"heartbeat\.fill: needs heartbeat\.message to be JSON with room"):
        WebSocket(NOWHERE, heartbeat={"message": message, "fill": fill})
    done = threading.Event()

    def dictate(ws: WebSocket) -> None:
        with pytest.raises(OptionError, match="fill"):
            ws.set_heartbeat({"message": message, "fill": fill})
        done.set()

    with FaultServer([[ACCEPT, {"do": "expect", "text": "bye"}, CLOSE]]) as server:
        ws = WebSocket(server.url, proxy=None)

        @ws.on("open")
        def opened(_: object) -> None:
            dictate(ws)
            ws.send("bye")

        ws.run_forever()
    assert done.is_set()


def test_a_function_that_gives_no_json_is_sent_as_it_is() -> None:
    beats = iter(["no JSON", {"op": 1}])
    script = [
        ACCEPT,
        {"do": "send", "text": '{"s":7}'},
        {"do": "expect", "text": "no JSON"},
        {"do": "expect", "json": {"op": 1, "d": 7}},
        CLOSE,
    ]
    with FaultServer([script]) as server:
        heartbeat: Any = {"message": lambda: next(beats), "interval": 0.2, "fill": {"/d": "/s"}}
        ws = WebSocket(server.url, proxy=None, heartbeat=heartbeat)
        closed: list[Any] = []
        ws.on("close", closed.append)
        ws.run_forever()
    assert closed[0].code == 1000


def test_a_request_names_the_option_and_the_value_that_are_wrong() -> None:
    with FaultServer([[ACCEPT, STAY]]) as server, heartwire.sync.connect(server.url, proxy=None) as ws:
        for timeout in (-1, 0, float("nan")):
            with pytest.raises(OptionError, match="timeout"):
                ws.request({}, timeout=timeout)
        # Python before 3.11 has no notes on exceptions, which is where the name of the argument stands.
        with pytest.raises(TypeError, match="timeout" if sys.version_info >= (3, 11) else "must be real number"):
            ws.request({}, timeout="soon")  # type: ignore[arg-type]
        with pytest.raises(OptionError, match=r"rate_limit\.keys"):
            ws.request({}, key="chat")
        assert json.dumps(ws.socket.ready_state) == "1"
