"""Messages and the end of their connection in one read: the answers leave before the connection ends, in every API."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import queue
import socket
import threading
from collections.abc import Iterator
from typing import Any, Callable

import pytest

import heartwire
import heartwire.sync
from heartwire import ConnectionClosed, WebSocket
from loops import Run
from raw_server import BOUND, CLOSE, TEXT, Connection, RawServer, drive, frame

#: The server's last words behind its messages: a Close, and a frame with a reserved bit.
ENDS = {"close": (frame(CLOSE, b"\x03\xe8"), 1000), "violation": (b"\xc3\x00", 1002)}
MESSAGES = 20
ANSWERS = [f"re {number}" for number in range(MESSAGES)]


class Peer:
    """The server's side of one connection: all messages and the end in one write; then every answer, and the client's Close."""

    def __init__(self, server: RawServer, end: str) -> None:
        self.last_words, self.code = ENDS[end]
        self.answered = [threading.Event() for _ in range(MESSAGES)]
        self._seen: queue.Queue[tuple[list[str | bytes], int | None]] = queue.Queue()
        self._thread = drive(server, self._play)

    def _play(self, connection: Connection) -> None:
        messages = b"".join(frame(TEXT, str(number).encode()) for number in range(MESSAGES))
        connection.sock.sendall(messages + self.last_words)
        answers: list[str | bytes] = []
        while True:
            got = connection.next()
            if got is None or got[0] == CLOSE:
                code = None if got is None else int.from_bytes(got[1][:2], "big")
                self._seen.put((answers, code))
                with contextlib.suppress(OSError):
                    connection.sock.shutdown(socket.SHUT_RDWR)
                return
            self.answered[len(answers)].set()
            answers.append(got[1].decode()[:20].rstrip())

    def check(self) -> None:
        """Demand that all answers arrived before the Close."""
        assert self._seen.get(timeout=BOUND) == (ANSWERS, self.code)
        self._thread.join()


@pytest.fixture(params=ENDS)
def peer(request: pytest.FixtureRequest, server: RawServer) -> Iterator[Peer]:
    peer = Peer(server, request.param)
    yield peer
    peer.check()


def _async_handler(ws: WebSocket) -> None:
    async def answer(event: Any) -> None:
        await asyncio.sleep(0)
        ws.send(f"re {event.data}")

    ws.onmessage = answer


def _task_behind_a_queue(ws: WebSocket) -> None:
    messages: asyncio.Queue[str] = asyncio.Queue()
    ws.onmessage = lambda event: messages.put_nowait(event.data)

    async def work() -> None:
        while True:
            ws.send(f"re {await messages.get()}")

    worker = asyncio.ensure_future(work())
    ws.addEventListener("close", lambda event: worker.cancel())


@pytest.mark.parametrize("set_up", [_async_handler, _task_behind_a_queue])
def test_of_the_class(server: RawServer, run: Run, peer: Peer, set_up: Callable[[WebSocket], None]) -> None:
    async def main() -> None:
        ws = WebSocket(server.url)
        set_up(ws)
        await ws.wait_closed()

    run(main())


@pytest.mark.parametrize("how", ["recv", "iteration", "slow", "large"])
def test_of_connect(server: RawServer, run: Run, peer: Peer, how: str, caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        ws = await heartwire.connect(server.url, write_limit=1 << 16)
        loop = asyncio.get_running_loop()
        try:
            if how == "iteration":
                async for message in ws:
                    await ws.send(f"re {message!s}")
            for number in range(MESSAGES):
                message = await ws.recv()
                # A large message waits until the peer has taken it.
                await ws.send(f"re {message!s}" + " " * (1 << 18 if how == "large" else 0))
                if how == "slow":
                    assert await loop.run_in_executor(None, peer.answered[number].wait, BOUND)
            await ws.recv()
        except ConnectionClosed:
            pass

    with caplog.at_level(logging.WARNING, "heartwire"):
        run(main())
    assert [record.message for record in caplog.records if "kept events waiting" in record.message] == []


@pytest.mark.parametrize("how", ["recv", "iteration", "slow", "large"])
def test_of_sync(server: RawServer, peer: Peer, how: str) -> None:
    ws = heartwire.sync.connect(server.url, write_limit=1 << 16)
    try:
        if how == "iteration":
            for message in ws:
                ws.send(f"re {message!s}")
        for number in range(MESSAGES):
            message = ws.recv()
            ws.send(f"re {message!s}" + " " * (1 << 18 if how == "large" else 0))
            assert how != "slow" or peer.answered[number].wait(BOUND)
        ws.recv()
    except ConnectionClosed:
        pass


@pytest.mark.parametrize("face", ["connect", "sync"])
def test_messages_that_nobody_receives_do_not_hold_the_end_for_longer_than_close_timeout(server: RawServer, face: str) -> None:
    def play(connection: Connection) -> None:
        connection.closing = True
        connection.sock.sendall(frame(TEXT, b"unread") + ENDS["close"][0])
        codes.put(connection.expect_close())

    async def main() -> None:
        ws = await heartwire.connect(server.url, close_timeout=0.2)
        await ws.wait_closed()
        assert await ws.recv() == "unread"

    codes: queue.Queue[int | None] = queue.Queue()
    thread = drive(server, play)
    if face == "connect":
        asyncio.run(main())
    else:
        ws = heartwire.sync.connect(server.url, close_timeout=0.2)
        ws._wait(lambda: ws.close_code)
        assert ws.recv() == "unread"
    assert codes.get(timeout=BOUND) == 1000
    thread.join()


@pytest.mark.parametrize("face", ["connect", "sync"])
def test_close_does_not_wait_for_a_receiver(server: RawServer, face: str) -> None:
    def play(connection: Connection) -> None:
        connection.closing = True
        connection.sock.sendall(frame(TEXT, b"first") + frame(TEXT, b"second") + ENDS["close"][0])
        codes.put(connection.expect_close())

    async def main() -> None:
        async with heartwire.connect(server.url, close_timeout=3600) as ws:
            assert await ws.recv() == "first"

    codes: queue.Queue[int | None] = queue.Queue()
    thread = drive(server, play)
    if face == "connect":
        asyncio.run(main())
    else:
        with heartwire.sync.connect(server.url, close_timeout=3600) as ws:
            assert ws.recv() == "first"
    assert codes.get(timeout=BOUND) == 1000
    thread.join()


def test_what_async_open_handlers_send_leaves_before_the_queue(server: RawServer, run: Run) -> None:
    got: queue.Queue[list[str | bytes]] = queue.Queue()

    def play(connection: Connection) -> None:
        got.put([connection.next_data() for _ in range(3)])
        connection.close()

    async def main() -> None:
        ws = WebSocket(server.url, reconnect=True, send_queue=True)
        ws.send("queued")

        async def log_in(event: Any) -> None:
            ws.send("login")
            await asyncio.sleep(0)
            ws.send("channel")

        ws.onopen = log_in
        ws.onclose = lambda event: ws.close()
        await ws.wait_closed()

    thread = drive(server, play)
    run(main())
    assert got.get(timeout=BOUND) == ["login", "channel", "queued"]
    thread.join()


def test_the_pull_faces_close_with_every_code_of_rfc_6455(server: RawServer, run: Run) -> None:
    async def main(code: int) -> None:
        ws = await heartwire.connect(server.url)
        await ws.close(code, "why")

    for code in (1000, 1001, 1011, 1014, 4999):
        codes: queue.Queue[int | None] = queue.Queue()
        thread = drive(server, lambda connection: codes.put(connection.expect_close()))  # noqa: B023
        run(main(code))
        assert codes.get(timeout=BOUND) == code
        thread.join()
        thread = drive(server, lambda connection: codes.put(connection.expect_close()))  # noqa: B023
        heartwire.sync.connect(server.url).close(code)
        assert codes.get(timeout=BOUND) == code
        thread.join()
    ws = heartwire.sync.connect(server.url)
    with pytest.raises(heartwire.OptionError, match="1005: allowed are 1000 to 1003"):
        ws.close(1005)
    ws.socket.terminate()
