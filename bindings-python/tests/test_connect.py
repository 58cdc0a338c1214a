"""`heartwire.connect`, the asyncio face with the names of `websockets`."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

import heartwire
from heartwire import ConnectionClosedError, ConnectionClosedOK, InvalidStateError, WebSocketError
from loops import Run, in_thread
from raw_server import PING, TEXT, RawServer


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
        assert got in (["last"], [])  # a reset may overtake received messages
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
        while sent != before:
            before = sent
            await asyncio.sleep(0.2)  # no event reports that the kernel is full
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
