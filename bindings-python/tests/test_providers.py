"""Functions of the user that replace an option's value: URL, headers, should_reconnect, the heartbeat's message."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

import heartwire
from heartwire import WebSocket
from loops import Run, in_thread
from raw_server import BOUND, RawServer


@pytest.mark.parametrize("is_async", [False, True])
def test_functions_give_url_and_headers_for_each_attempt(server: RawServer, run: Run, is_async: bool) -> None:
    calls = {"url": 0, "headers": 0}

    def count(name: str) -> int:
        calls[name] += 1
        return calls[name]

    if is_async:

        async def url() -> str:
            await asyncio.sleep(0)
            return f"{server.url}{count('url')}"

        async def headers() -> dict[str, str]:
            return {"X-Call": str(count("headers"))}
    else:

        def url() -> str:  # type: ignore[misc]
            return f"{server.url}{count('url')}"

        def headers() -> dict[str, str]:  # type: ignore[misc]
            return {"X-Call": str(count("headers"))}

    async def main() -> None:
        ws = WebSocket(url, headers=headers, reconnect={"min_delay": 0.01, "max_delay": 0.02})
        first = await in_thread(server.connection)
        assert first.request[0].split()[1] == "/1"
        first.close(1012)
        second = await in_thread(server.connection)
        assert second.request[0].split()[1] == "/2"
        assert second.header("x-call") == "2"
        ws.close()
        await in_thread(second.expect_close)
        await ws.wait_closed()

    run(main())


def test_a_function_that_raises_is_reported_and_fails_the_attempt(server: RawServer, run: Run) -> None:
    async def main() -> None:
        reported: list[Any] = []
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: reported.append(context["exception"]))

        def url() -> str:
            raise LookupError("no host today")

        ws = WebSocket(url)
        event = await ws.wait_closed()
        assert event.error.code == "provider_failed"
        assert "no host today" in event.error.message
        # It is the cause of the error that reports it, and is reported nowhere else.
        assert repr(event.error.__cause__) == "LookupError('no host today')"
        assert event.error.__cause__.__traceback__ is not None
        assert reported == []

    run(main())


def test_should_reconnect_decides(server: RawServer, run: Run) -> None:
    async def main() -> None:
        asked: list[Any] = []

        async def should_reconnect(event: heartwire.CloseEvent) -> bool:
            asked.append(event.code)
            return event.code == 1012

        ws = WebSocket(server.url, reconnect={"min_delay": 0.01, "max_delay": 0.02, "should_reconnect": should_reconnect})
        (await in_thread(server.connection)).close(1012)
        (await in_thread(server.connection)).close(4242)
        event = await ws.wait_closed()
        assert (event.code, event.will_reconnect) == (4242, False)
        assert asked == [1012, 4242]

    run(main())


def test_heartbeats_by_a_function(server: RawServer, run: Run) -> None:
    async def main() -> None:
        beats: list[Any] = []
        ws = WebSocket(server.url, heartbeat={"message": lambda: {"seq": len(beats)}, "interval": 0.05, "response": {"ok": 1}})
        answered = asyncio.Event()

        def on_beat(event: heartwire.HeartbeatEvent) -> None:
            beats.append((event.kind, event.latency is not None))
            if event.kind == "answered":
                answered.set()

        ws.onheartbeat = on_beat
        connection = await in_thread(server.connection)
        assert await in_thread(connection.next_data) == '{"seq":0}'
        connection.send('{"ok": 1, "more": 2}')
        assert (await in_thread(connection.next_data)).startswith('{"seq":')
        await asyncio.wait_for(answered.wait(), BOUND)
        assert beats[0] == ("sent", False)
        assert ("answered", True) in beats
        ws.terminate()
        await ws.wait_closed()

    run(main())
