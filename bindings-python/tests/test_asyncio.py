"""Events on an asyncio loop: on asyncio's own, on uvloop, on one that cannot watch descriptors; and their fate when the loop ends."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import sys
import threading
import weakref
from typing import Any

import pytest

import heartwire
from heartwire import WebSocket
from loops import LOOPS, Run, in_thread
from raw_server import BOUND, PING, PONG, RawServer


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


def test_a_second_loop_after_the_first(server: RawServer, run: Run) -> None:
    server.echo = True

    async def main() -> None:
        async with heartwire.connect(server.url) as ws:
            await ws.send("x")
            assert await ws.recv() == "x"

    for _ in range(3):
        run(main())


@pytest.mark.parametrize("then", ["another loop", "run_forever", "start"])
def test_a_loop_closed_under_an_open_socket(server: RawServer, then: str) -> None:
    """The connection lives on without a loop: it sends, its pings are answered, and another loop or thread may take it over."""
    sockets: list[WebSocket] = []

    async def first() -> None:
        ws = WebSocket(server.url, keeper=0.05)
        opened = asyncio.get_running_loop().create_future()
        ws.onopen = lambda event: opened.set_result(None)
        await opened
        sockets.append(ws)

    asyncio.run(first())
    (ws,) = sockets
    connection = server.connection()
    assert ws.ready_state == 1
    ws.send("without a loop")
    assert connection.next_data() == "without a loop"
    connection.send_frame(PING, b"are you there")
    assert connection.next() == (PONG, b"are you there")
    connection.send("later")

    got: list[str] = []
    ws.onmessage = lambda event: (got.append(event.data), ws.close(1000))
    closing = threading.Thread(target=connection.expect_close)
    closing.start()
    if then == "another loop":
        event = asyncio.run(ws.wait_closed())
        assert (event.code, event.was_clean) == (1000, True)
    elif then == "run_forever":
        ws.run_forever()
    else:
        ws.start()
        assert ws.join(BOUND)
    closing.join()
    assert got == ["later"]
    assert ws.ready_state == 3


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


@pytest.mark.parametrize("run", [LOOPS["asyncio"], LOOPS["uvloop"]], ids=["asyncio", "uvloop"])
def test_a_loop_keeps_its_hub_for_the_next_socket_and_takes_it_along(server: RawServer, run: Run) -> None:
    server.echo = True

    async def main() -> weakref.ref[object]:
        hubs = []
        for _ in range(2):
            ws = WebSocket(server.url)
            ws.onopen = lambda event: event.target.close()
            hubs.append(ws._hub)
            await ws.wait_closed()
        assert hubs[0] is hubs[1] is not None
        return weakref.ref(hubs[0])

    hub = run(main())
    gc.collect()
    assert hub() is None


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the loop's own timer does it")
def test_deadlines_need_no_timer_of_the_loop(server: RawServer) -> None:
    """A timer of the loop costs a kernel timer in each of its waits: the hub's descriptor reports deadlines instead."""

    async def main() -> None:
        ws = WebSocket(server.url, ping_interval=0.05)
        connection = await in_thread(server.connection)
        for _ in range(3):
            frame = await in_thread(connection.next)
            assert frame is not None
            assert frame[0] == PING
            connection.send_frame(PONG, frame[1])
        assert not getattr(asyncio.get_running_loop(), "_scheduled")  # noqa: B009 - asyncio's list of timers
        ws.terminate()
        await ws.wait_closed()

    asyncio.run(main())
