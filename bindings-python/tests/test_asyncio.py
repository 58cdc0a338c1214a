"""Events on an asyncio loop, and `heartwire.connect`; on asyncio's loop and on uvloop where it is installed."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import threading
import weakref
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

import heartwire
from heartwire import ConnectionClosedError, ConnectionClosedOK, InvalidStateError, WebSocket, WebSocketError
from raw_server import PING, TEXT, RawServer

Run = Callable[[Coroutine[Any, Any, Any]], Any]


def _without_readers(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """A loop that cannot watch descriptors, as Windows' proactor loop."""

    class Loop(asyncio.SelectorEventLoop):
        def add_reader(self, *_: Any) -> None:  # type: ignore[override]
            raise NotImplementedError

        def remove_reader(self, *_: Any) -> bool:
            raise NotImplementedError

        def _add_reader(self, *_: Any) -> Any:
            return super()._add_reader(*_)  # type: ignore[misc]

    loop = Loop()
    try:
        return loop.run_until_complete(coroutine)
    finally:
        loop.close()


def _uvloop(coroutine: Coroutine[Any, Any, Any]) -> Any:
    uvloop = pytest.importorskip("uvloop")
    loop = uvloop.new_event_loop()
    try:
        return loop.run_until_complete(coroutine)
    finally:
        loop.close()


@pytest.fixture(params=["asyncio", "uvloop", "without_readers"])
def run(request: pytest.FixtureRequest) -> Run:
    return {"asyncio": asyncio.run, "uvloop": _uvloop, "without_readers": _without_readers}[request.param]


async def in_thread(function: Callable[..., Any], *args: Any) -> Any:
    return await asyncio.get_running_loop().run_in_executor(None, function, *args)


def test_events_come_on_the_running_loop(server: RawServer, run: Run) -> None:
    server.echo = True

    async def main() -> None:
        seen: list[Any] = []
        ws = WebSocket(server.url)
        ws.onopen = lambda event: (seen.append(threading.current_thread()), ws.send("1"), ws.send("2"))

        @ws.on("message")
        async def on_message(event: heartwire.MessageEvent) -> None:
            seen.append(event.data)
            await asyncio.sleep(0)
            if event.data == "2":
                ws.close(1000, "done")

        event = await ws.wait_closed()
        assert seen == [threading.current_thread(), "1", "2"]
        assert (event.code, event.reason, event.was_clean) == (1000, "done", True)
        assert (await ws.wait_closed()) is event

    run(main())


def test_an_exception_of_a_handler_goes_to_the_loop(server: RawServer, run: Run) -> None:
    async def main() -> None:
        reported: list[dict[str, Any]] = []
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: reported.append(context))
        ws = WebSocket(server.url)

        def plain(event: object) -> None:
            raise RuntimeError("plain")

        async def later(event: object) -> None:
            await asyncio.sleep(0)
            raise RuntimeError("async")

        ws.on("open", plain)
        ws.on("open", later)
        ws.on("open", lambda event: ws.close())
        await in_thread((await in_thread(server.connection)).expect_close)
        await ws.wait_closed()
        while len(reported) < 2:
            await asyncio.sleep(0)
        assert [str(context["exception"]) for context in reported] == ["plain", "async"]
        assert reported[0]["websocket"] is ws
        assert "plain" in reported[0]["message"]

    run(main())


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
def test_keyboard_interrupt_and_system_exit_leave_the_loop(server: RawServer, kind: type[BaseException]) -> None:
    async def main() -> None:
        ws = WebSocket(server.url)

        def on_open(event: object) -> None:
            raise kind

        ws.onopen = on_open
        await ws.wait_closed()

    with pytest.raises(kind):
        asyncio.run(main())


def test_handlers_run_in_the_context_of_the_constructor(server: RawServer, run: Run) -> None:
    server.echo = True
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="none")

    async def main() -> None:
        seen: list[str] = []
        sockets = []
        for name in ("a", "b"):
            variable.set(name)
            ws = WebSocket(server.url)
            ws.onopen = lambda event: (seen.append(variable.get()), event.target.close())
            sockets.append(ws)
        variable.set("later")
        for ws in sockets:
            await ws.wait_closed()
        assert sorted(seen) == ["a", "b"]

    run(main())


def test_a_socket_made_before_the_loop_is_taken_by_who_waits(server: RawServer, run: Run) -> None:
    server.echo = True
    ws = WebSocket(server.url)
    seen: list[str] = []
    ws.onopen = lambda event: ws.send("x")
    ws.onmessage = lambda event: (seen.append(event.data), ws.close())

    async def main() -> None:
        await ws.wait_closed()

    run(main())
    assert seen == ["x"]


def test_the_context_manager_closes(server: RawServer, run: Run) -> None:
    async def main() -> int | None:
        async with WebSocket(server.url) as ws:
            opened = asyncio.get_running_loop().create_future()
            ws.onopen = opened.set_result
            connection = await in_thread(server.connection)
            await opened
            closing = asyncio.ensure_future(in_thread(connection.expect_close))
        return await closing

    assert run(main()) == 1005


def test_connect_sends_and_receives(server: RawServer, run: Run) -> None:
    server.echo = True

    async def main() -> None:
        async with heartwire.connect(server.url) as ws:
            await ws.send("text")
            await ws.send(b"bytes")
            await ws.send(["in ", "parts"])

            async def parts() -> Any:
                yield b"1"
                yield b"2"

            await ws.send(parts())
            await ws.send_json({"a": 1})
            assert [await ws.recv() for _ in range(4)] == ["text", b"bytes", "in parts", b"12"]
            assert await ws.recv_json() == {"a": 1}
            assert 0 < await (await ws.ping()) < 10
            assert ws.latency > 0
            assert ws.subprotocol is None
            assert ws.close_code is None
        assert (ws.close_code, ws.close_reason) == (1000, "")
        with pytest.raises(ConnectionClosedOK) as caught:
            await ws.recv()
        assert (caught.value.code, caught.value.reason, caught.value.error) == (1000, "", None)
        with pytest.raises(ConnectionClosedOK):
            await ws.send("late")

    run(main())


def test_iteration_ends_with_a_clean_close_and_gives_everything_before(server: RawServer, run: Run) -> None:
    async def main() -> None:
        ws = await heartwire.connect(server.url)
        connection = await in_thread(server.connection)
        for number in range(1000):
            connection.send(str(number))
        connection.close(1001, "restart")
        got = [message async for message in ws]
        assert got == [str(number) for number in range(1000)]
        assert (ws.close_code, ws.close_reason) == (1001, "restart")

    run(main())


def test_an_unclean_close_raises(server: RawServer, run: Run) -> None:
    async def main() -> None:
        ws = await heartwire.connect(server.url)
        connection = await in_thread(server.connection)
        connection.send("last")
        await ws.send("x")
        await in_thread(connection.next)
        connection.drop()
        got = []
        with pytest.raises(ConnectionClosedError) as caught:
            async for message in ws:
                got.append(message)
        assert got in (["last"], [])  # a reset may overtake what was received
        assert caught.value.code == 1006
        assert isinstance(caught.value.error, WebSocketError)
        assert caught.value.__cause__ is caught.value.error

    run(main())


def test_connect_raises_what_went_wrong(server: RawServer, run: Run) -> None:
    server.auto = False

    async def main() -> None:
        attempt = asyncio.ensure_future(heartwire.connect(server.url)._open())
        connection = await in_thread(server.connection)
        connection.sock.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
        with pytest.raises(WebSocketError) as caught:
            await attempt
        assert (caught.value.code, caught.value.status) == ("http_refused", 404)

    run(main())


def test_cancelling_recv_loses_nothing_and_two_at_once_are_refused(server: RawServer, run: Run) -> None:
    async def main() -> None:
        async with heartwire.connect(server.url) as ws:
            connection = await in_thread(server.connection)
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(ws.recv(), 0.01)
            waiting = asyncio.ensure_future(ws.recv())
            await asyncio.sleep(0)
            with pytest.raises(InvalidStateError):
                await ws.recv()
            connection.send("x")
            assert await waiting == "x"
            closing = in_thread(connection.expect_close)
            task = asyncio.ensure_future(closing)
        assert await task == 1000

    run(main())


def test_cancelling_connect_gives_up(server: RawServer, run: Run) -> None:
    server.auto = False

    async def main() -> None:
        attempt = asyncio.ensure_future(heartwire.connect(server.url)._open())
        connection = await in_thread(server.connection)
        attempt.cancel()
        with pytest.raises(asyncio.CancelledError):
            await attempt
        assert await in_thread(connection.sock.recv, 1) == b""

    run(main())


def test_send_waits_while_the_server_does_not_read(server: RawServer, run: Run) -> None:
    server.auto = False

    async def main() -> None:
        attempt = asyncio.ensure_future(heartwire.connect(server.url, write_limit=1 << 16, compression=False)._open())
        connection = await in_thread(server.connection)
        connection.accept()
        ws = await attempt
        sent = 0

        async def flood() -> None:
            nonlocal sent
            while True:
                await ws.send(b"x" * 100_000)
                sent += 1

        task = asyncio.ensure_future(flood())
        before = -1
        while sent != before:  # until the kernel's buffers are full
            before = sent
            await asyncio.sleep(0.2)
        assert ws.socket.buffered_amount < 1 << 20
        reader = threading.Thread(target=connection.read_frames)
        reader.start()
        while sent < before + 10:
            await asyncio.sleep(0)
        task.cancel()
        ws.socket.terminate()
        await ws.wait_closed()
        await in_thread(reader.join)

    run(main())


def test_a_slow_receiver_slows_the_server_down(server: RawServer, run: Run) -> None:
    async def main() -> None:
        ws = await heartwire.connect(server.url)
        connection = await in_thread(server.connection)
        connection.sock.settimeout(0.5)

        def flood() -> int:
            sent = 0
            try:
                while sent < 2000:
                    connection.send(b"x" * 100_000)
                    sent += 1
            except TimeoutError:
                return sent
            except OSError:  # before Python 3.10 socket.timeout
                return sent
            raise AssertionError("200 MB were taken in without being received")

        await in_thread(flood)
        assert await ws.recv() == b"x" * 100_000
        ws.socket.terminate()

    run(main())


def test_ping_of_the_server_reaches_the_socket_underneath(server: RawServer, run: Run) -> None:
    async def main() -> None:
        async with heartwire.connect(server.url) as ws:
            got = asyncio.get_running_loop().create_future()
            ws.socket.onping = lambda event: got.set_result(event.payload)
            connection = await in_thread(server.connection)
            connection.send_frame(PING, b"p")
            assert await got == b"p"
            task = asyncio.ensure_future(in_thread(connection.expect_close))
        await task

    run(main())


def test_reconnection_keeps_the_iteration_going(server: RawServer, run: Run) -> None:
    async def main() -> None:
        ws = await heartwire.connect(server.url, reconnect={"min_delay": 0.01, "max_delay": 0.02})
        first = await in_thread(server.connection)
        first.send("1")
        first.close(1012)
        second = await in_thread(server.connection)
        second.send("2")
        second.send("3")
        got = [await ws.recv() for _ in range(3)]
        assert got == ["1", "2", "3"]
        await ws.send("back")
        assert await in_thread(second.next) == (TEXT, b"back")
        task = asyncio.ensure_future(in_thread(second.expect_close))
        await ws.close()
        assert await task == 1000

    run(main())


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
        assert [str(error) for error in reported] == ["no host today"]

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
        await asyncio.wait_for(answered.wait(), 20)
        assert beats[0] == ("sent", False)
        assert ("answered", True) in beats
        ws.terminate()
        await ws.wait_closed()

    run(main())


def test_a_second_loop_after_the_first(server: RawServer, run: Run) -> None:
    server.echo = True

    async def main() -> None:
        async with heartwire.connect(server.url) as ws:
            await ws.send("x")
            assert await ws.recv() == "x"

    for _ in range(3):
        run(main())


def test_a_socket_whose_loop_is_gone_says_goodbye_when_collected(server: RawServer) -> None:
    async def main() -> weakref.ref[WebSocket]:
        ws = WebSocket(server.url)
        ws.onmessage = lambda event: ws  # a cycle
        opened = asyncio.get_running_loop().create_future()
        ws.onopen = lambda event: opened.set_result(None)
        await opened
        return weakref.ref(ws)

    gone = asyncio.run(main())
    server.echo = False
    from heartwire import _delivery

    for loop in list(_delivery._hubs):
        assert loop.is_closed()
        del _delivery._hubs[loop]
    del loop
    gc.collect()
    assert gone() is None
    assert server.connection().expect_close() == 1001


def test_the_loop_is_let_go_with_the_last_socket(server: RawServer) -> None:
    from heartwire import _delivery

    server.echo = True

    async def main() -> None:
        async with heartwire.connect(server.url):
            assert len(_delivery._hubs) == 1
        await asyncio.sleep(0)
        assert not _delivery._hubs

    asyncio.run(main())
