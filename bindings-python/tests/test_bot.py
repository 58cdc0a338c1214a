"""Requests, login functions and rate limits in Python. Shared behaviour is in the scenarios and in the core's tests."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

import heartwire
import heartwire.sync
from heartwire import InvalidStateError, OptionError, WebSocket, WebSocketError
from heartwire.testing import FaultServer

ACCEPT = {"do": "accept"}


def expect(value: object) -> dict[str, Any]:
    return {"do": "expect", "text": value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))}


def send(value: object) -> dict[str, Any]:
    return {"do": "send", "text": value if isinstance(value, str) else json.dumps(value)}


CLOSE = {"do": "close", "code": 1000}
ANSWERED = [ACCEPT, expect({"id": 1, "action": "who"}), send("event"), send({"id": 1, "name": "bot"}), CLOSE]


def test_a_request_is_awaited_and_its_reply_is_no_message() -> None:
    async def main(url: str) -> None:
        async with heartwire.connect(url, proxy=None) as ws:
            assert await ws.request({"action": "who"}) == {"id": 1, "name": "bot"}
            assert [message async for message in ws] == ["event"]

    with FaultServer([ANSWERED]) as server:
        asyncio.run(main(server.url))


def test_the_blocking_face_waits_for_the_reply() -> None:
    with FaultServer([ANSWERED]) as server, heartwire.sync.connect(server.url, proxy=None) as ws:
        assert ws.request({"action": "who"}) == {"id": 1, "name": "bot"}
        assert ws.recv() == "event"


def test_on_a_thread_the_reply_is_a_future() -> None:
    with FaultServer([ANSWERED]) as server:
        ws = WebSocket(server.url, proxy=None)
        reply = ws.request({"action": "who"})
        refusals: list[BaseException] = []

        @ws.on("open")
        def wait_here(_: object) -> None:
            try:
                reply.result()  # type: ignore[attr-defined]
            except InvalidStateError as error:
                refusals.append(error)

        ws.start()
        assert reply.result(30) == {"id": 1, "name": "bot"}  # type: ignore[attr-defined]
        assert ws.join(30)
        assert "wait for itself" in str(refusals[0])


def test_what_goes_wrong_with_a_request() -> None:
    async def main(url: str) -> None:
        async with heartwire.connect(url, proxy=None, request={"error": {"ok": False}}) as ws:
            with pytest.raises(WebSocketError) as failed:
                await ws.request({"n": 1})
            assert failed.value.code == "request_failed"
            assert json.loads(failed.value.body)["why"] == "no"
            with pytest.raises(WebSocketError) as late:
                await ws.request({"n": 2}, timeout=0.05)
            assert (late.value.code, late.value.phase) == ("request_timeout", "request")
            for bad in ("no JSON", [1]):
                with pytest.raises(OptionError, match="room for an id"):
                    await ws.request(bad)
            with pytest.raises(OptionError, match="timeout must be"):
                await ws.request({}, timeout=-1)
            waiting = asyncio.ensure_future(ws.request({"id": "x"}))
            await asyncio.sleep(0)
            with pytest.raises(OptionError, match="waits for its reply already"):
                await ws.request({"id": "x"})
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
            lost = asyncio.ensure_future(ws.request({"n": "last"}))
            with pytest.raises(WebSocketError) as end:
                await lost
            assert end.value.code == "connection_lost"
            await ws.wait_closed()
            with pytest.raises(WebSocketError) as closed:
                await ws.request({})
            assert closed.value.code == "invalid_state"

    answers = [ACCEPT, expect({"id": 1, "n": 1}), send({"id": 1, "ok": False, "why": "no"}), expect({"id": 2, "n": 2})]
    answers += [expect({"id": "x"}), {"do": "expect"}, {"do": "reset"}]
    with FaultServer([answers]) as server:
        asyncio.run(main(server.url))


def test_a_login_function_is_called_with_the_connection_and_may_make_requests() -> None:
    calls: list[object] = []

    async def login(ws: heartwire.ClientConnection) -> None:
        calls.append(ws)
        assert (await ws.request({"op": "login"}))["ok"]

    async def main(url: str) -> None:
        limits: Any = {"messages": 3, "per": 60}
        async with heartwire.connect(url, proxy=None, ready=login, rate_limit=limits) as ws:
            assert calls == [ws]
            await ws.wait_ready()
            await ws.send("after")
            await ws.wait_closed()

    script = [ACCEPT, expect({"id": 1, "op": "login"}), send({"id": 1, "ok": True}), expect("after"), CLOSE]
    with FaultServer([script]) as server:
        asyncio.run(main(server.url))


def test_a_plain_login_function_in_run_forever() -> None:
    told: list[str] = []
    with FaultServer([[ACCEPT, expect("login"), expect("queued"), CLOSE]]) as server:
        ws = WebSocket(server.url, proxy=None, reconnect={"max_retries": 0}, send_queue=True, ready=lambda ws: ws.send("login"))
        ws.on("ready", lambda event: told.append(event.type))
        ws.send("queued")
        ws.run_forever()
    assert told == ["ready"]


def test_a_login_function_that_returns_false_or_raises() -> None:
    def refused(ws: WebSocket) -> bool:
        return False

    def broken(ws: WebSocket) -> None:
        raise LookupError("no token")

    errors: list[Any] = []
    for login, code in ((refused, "ready_rejected"), (broken, "provider_failed")):
        errors.clear()
        with FaultServer([[ACCEPT, {"do": "wait_close"}]]) as server:
            ws = WebSocket(server.url, proxy=None, ready=login)
            ws.on("error", lambda event: errors.append(event.error))
            ws.run_forever()
        assert [(error.code, error.phase) for error in errors] == [(code, "ready")]


def test_a_login_function_that_waits_in_the_blocking_face_is_refused() -> None:
    def login(ws: heartwire.sync.ClientConnection) -> None:
        ws.request({"op": "login"})

    with FaultServer([[ACCEPT, {"do": "wait_close"}]]) as server, pytest.raises(WebSocketError) as failed:
        heartwire.sync.connect(server.url, proxy=None, ready=login)
    assert failed.value.code == "provider_failed"


def test_send_waits_for_the_rate_limit() -> None:
    async def main(url: str) -> None:
        limits: Any = {"messages": 1, "per": 0.2, "keys": {"messages": 1, "per": 0.1}}
        async with heartwire.connect(url, proxy=None, rate_limit=limits) as ws:
            throttled: list[Any] = []
            ws.socket.on("throttled", throttled.append)
            for text in ("a", "b"):
                await ws.send(text, key="chat")
            assert throttled[0].waiting == 1
            assert 0 < throttled[0].delay < 0.3
            ws.throttle(0.01)
            await ws.send_json({"c": 1}, key="other", urgent=True)
            await ws.wait_closed()

    with FaultServer([[ACCEPT, expect("a"), expect("b"), expect({"c": 1}), CLOSE]]) as server:
        asyncio.run(main(server.url))
    limit: Any = {"messages": 1, "per": 0.1}
    script = [ACCEPT, expect("a"), expect("b"), CLOSE]
    with FaultServer([script]) as server, heartwire.sync.connect(server.url, proxy=None, rate_limit=limit) as ws:
        ws.send("a")
        ws.send("b")


def test_a_key_or_throttle_without_its_option_is_refused() -> None:
    async def main(url: str) -> None:
        async with heartwire.connect(url, proxy=None) as ws:
            with pytest.raises(OptionError, match=r"rate_limit\.keys"):
                await ws.send("x", key="chat")
            with pytest.raises(InvalidStateError, match="rate_limit"):
                ws.throttle(1)

    with FaultServer([[ACCEPT, {"do": "wait_close"}]]) as server:
        asyncio.run(main(server.url))


def test_bad_options_are_told_with_their_paths() -> None:
    bad: Any = {
        "heartbeat": {"message": "no JSON", "fill": {"/d": "/s"}},
        "request": {"id": "id", "error": 3},
        "rate_limit": {"messages": 0, "per": -1},
        "ready": {"expect": float("nan"), "timeout": 0},
    }
    with pytest.raises(OptionError) as refused:
        WebSocket("ws://127.0.0.1:9/", **bad)
    for path in ("heartbeat.fill", "request.id", "rate_limit.messages", "rate_limit.per", "ready.expect", "ready.timeout"):
        assert path in str(refused.value), path
    announced: Any = {"url": "/u", "overlap": True}
    with pytest.raises(OptionError, match=r"reconnect\.url: needs reconnect\.on") as refused:
        WebSocket("ws://127.0.0.1:9/", reconnect=announced)
    assert "reconnect.overlap: needs reconnect.on" in str(refused.value)
    with pytest.raises(OptionError, match=r"reconnect\.overlap: does not go together with ready\.run"):
        WebSocket("ws://127.0.0.1:9/", reconnect={"on": "bye", "overlap": True}, ready=lambda ws: None)
    for pointer in ("u", 7, "/~2"):
        with pytest.raises(OptionError, match=r"reconnect\.url: must be a JSON pointer"):
            WebSocket("ws://127.0.0.1:9/", reconnect={"on": "bye", "url": pointer})  # type: ignore[typeddict-item]


def test_wait_ready_without_a_login_and_after_the_end() -> None:
    async def main(url: str) -> None:
        ws = WebSocket(url, proxy=None)
        await ws.wait_ready()
        ws.close()
        await ws.wait_closed()
        with pytest.raises(InvalidStateError):
            await ws.wait_ready()

    with FaultServer([[ACCEPT, {"do": "wait_close"}]]) as server:
        asyncio.run(main(server.url))
