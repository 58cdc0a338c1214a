"""A handler that blocks loses nothing and is named; a flood on one socket does not starve the others.

A handler blocks until the server has seen the expected traffic. With BLOCK=30 it blocks for so many seconds, and then the server is strict
about time.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from heartwire import WebSocket
from raw_server import PING, PONG, TEXT, Connection, RawServer, frame

LONG = float(os.environ.get("BLOCK", "0"))
BOUND = LONG + 60
EVERY = 1.0 if LONG else 0.1
KEEPER = 0.5
PATIENT = 0.3
"""More than a busy machine keeps a thread waiting that has something to do."""
SILENT = 5.0 if LONG else BOUND
"""How long the server bears a peer that says nothing."""
PUNCTUAL = 2.0 if LONG else 5.0
"""A pong, and a heartbeat after the one before, come within this time: with BLOCK, two intervals; otherwise the bound of a busy machine."""


def run_forever(make: Callable[[], WebSocket]) -> None:
    ws = make()
    runner = threading.Thread(target=ws.run_forever, daemon=True)
    runner.start()
    runner.join(BOUND)
    assert not runner.is_alive()


def start(make: Callable[[], WebSocket]) -> None:
    ws = make()
    ws.start(daemon=True)
    assert ws.join(BOUND)


def on_a_loop(make: Callable[[], WebSocket]) -> None:
    async def main() -> None:
        await asyncio.wait_for(make().wait_closed(), BOUND)

    asyncio.run(main())


FACES = [run_forever, start, on_a_loop]


class Pinger(threading.Thread):
    """A server that pings all the time, sends numbers, and drops a peer that is silent for too long."""

    def __init__(self, server: RawServer, beats: int = 0) -> None:
        super().__init__(daemon=True)
        self.server = server
        self.least_beats = beats
        self.satisfied = threading.Event()
        self.slowest = 0.0
        self.beats: list[float] = []
        self.rounds = 0
        self.dropped = False
        self.start()

    def run(self) -> None:
        connection = self.server.connection()
        connection.send("0")
        until = time.monotonic() + LONG
        while self.rounds < 10 or len(self.beats) < self.least_beats or time.monotonic() < until:
            self.rounds += 1
            asked = time.monotonic()
            payload = str(self.rounds).encode()
            connection.send_frame(PING, payload)
            connection.send(str(self.rounds))
            answered = None
            while answered is None or time.monotonic() < asked + EVERY:
                left = asked + (SILENT if answered is None else EVERY) - time.monotonic()
                try:
                    got = connection.next(max(left, 0.001))
                except Exception:
                    if answered is None:
                        self.dropped = True
                        connection.sock.close()
                        return
                    break
                if got == (PONG, payload):
                    answered = time.monotonic() - asked
                elif got is not None and got[0] == TEXT:
                    self.beats.append(time.monotonic())
            self.slowest = max(self.slowest, answered or 0)
        self.satisfied.set()
        connection.close()


@pytest.mark.parametrize("face", FACES)
def test_a_blocked_handler_keeps_its_connection_and_is_named(
    server: RawServer, face: Callable[[Callable[[], WebSocket]], None], caplog: pytest.LogCaptureFixture
) -> None:
    pinger = Pinger(server, beats=3)
    seen: list[int] = []
    closed: list[Any] = []

    def a_slow_handler(event: Any) -> None:
        seen.append(int(event.data))
        if len(seen) == 1:
            pinger.satisfied.wait(BOUND)  # the handler that blocks

    def make() -> WebSocket:
        ws = WebSocket(server.url, keeper=KEEPER, heartbeat={"message": "beat", "interval": EVERY})
        ws.onmessage = a_slow_handler
        ws.onclose = closed.append
        return ws

    with caplog.at_level(logging.WARNING, logger="heartwire"):
        face(make)
    pinger.join()
    gaps = [after - before for before, after in zip(pinger.beats, pinger.beats[1:])]
    print(f"{pinger.rounds} pings, the slowest answered after {pinger.slowest:.3f} s; heartbeats at most {max(gaps):.3f} s apart")
    assert not pinger.dropped
    assert seen == list(range(pinger.rounds + 1))
    assert [(event.code, event.was_clean) for event in closed] == [(1000, True)]
    assert pinger.slowest < PUNCTUAL
    assert max(gaps) < PUNCTUAL
    assert len(pinger.beats) > LONG / EVERY * 0.6
    named = [record.getMessage() for record in caplog.records]
    assert len(named) == 1, named
    assert "a_slow_handler kept events waiting for" in named[0]


def anonymous() -> int:
    """The process's memory without the pages of files, in bytes; 0 without /proc."""
    if sys.platform != "linux":
        return 0
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) << 10 for line in status if line.startswith("RssAnon"))


@pytest.mark.parametrize("face", FACES)
def test_what_is_read_while_a_handler_blocks_is_bounded(server: RawServer, face: Callable[[Callable[[], WebSocket]], None]) -> None:
    total, size, read_limit = 64 << 20, 16 << 10, 1 << 20  # the default limit
    stuck = threading.Event()
    taken = seen = grown = 0

    def serve() -> None:
        nonlocal taken
        connection = server.connection()
        connection.send("0")
        until_answered(connection)
        connection.sock.settimeout(1)  # time is the subject: a client that takes nothing for so long has stopped reading
        message = frame(TEXT, b"x" * size)
        until = time.monotonic() + LONG
        while taken < total and not stuck.is_set():
            rest = memoryview(message)
            while rest:
                try:
                    rest = rest[connection.sock.send(rest) :]
                except socket.timeout:  # Python 3.9 has no other name for it
                    if time.monotonic() > until:
                        stuck.set()
                        connection.sock.settimeout(BOUND)
            taken += size
        stuck.set()
        connection.close()

    def make() -> WebSocket:
        ws = WebSocket(server.url, keeper=PATIENT, compression=False)

        def blocks(event: Any) -> None:
            nonlocal seen, grown
            seen += len(event.data)
            if seen == 1:
                before = anonymous()
                stuck.wait(BOUND)
                grown = anonymous() - before

        ws.onmessage = blocks
        return ws

    serving = threading.Thread(target=serve)
    serving.start()
    face(make)
    serving.join()
    print(f"of {total >> 20} MiB, {taken >> 20} were taken meanwhile, most by the kernel; the process grew by {grown >> 10} KiB")
    assert seen == 1 + taken
    # The kernel's buffers of both sides take some megabytes by themselves.
    assert taken < total / 2
    assert grown < (8 << 20) + 2 * read_limit, "a message is there twice while it is put together"


def test_a_busy_handler_that_holds_the_interpreter_is_no_obstacle(server: RawServer) -> None:
    pinger = Pinger(server)
    seen: list[int] = []

    def make() -> WebSocket:
        ws = WebSocket(server.url, keeper=KEEPER)

        def busy(event: Any) -> None:
            seen.append(int(event.data))
            if len(seen) == 1:
                until = time.monotonic() + BOUND
                while not pinger.satisfied.is_set() and time.monotonic() < until:
                    sum(range(1000))

        ws.onmessage = busy
        return ws

    run_forever(make)
    pinger.join()
    assert not pinger.dropped
    assert seen == list(range(pinger.rounds + 1))


def until_answered(connection: Connection, payload: bytes = b"now") -> None:
    """Blocks until a ping is answered, which only the keeper can do meanwhile."""
    connection.send_frame(PING, payload)
    while connection.next(BOUND) != (PONG, payload):
        continue


def test_an_async_handler_and_a_strangers_task_are_told_apart(server: RawServer) -> None:
    async def main() -> None:
        nonlocal warned
        warned = asyncio.Semaphore(0)
        ws = WebSocket(server.url, keeper=PATIENT)

        async def an_async_handler(event: Any) -> None:
            await asyncio.sleep(0)
            until_answered(connection, b"a task that blocks")

        ws.onmessage = an_async_handler
        await opened(ws)
        connection = server.connection()
        connection.send("go")
        await asyncio.wait_for(warned.acquire(), BOUND)
        # Until the loop has served the socket, all this is one stall, which was reported.
        seen = asyncio.get_running_loop().create_future()
        ws.add_event_listener("ping", seen.set_result, once=True)
        connection.send_frame(PING)
        await asyncio.wait_for(seen, BOUND)
        until_answered(connection, b"what is no handler blocks")
        await asyncio.wait_for(warned.acquire(), BOUND)
        ws.terminate()
        await ws.wait_closed()

    texts: list[str] = []
    warned: asyncio.Semaphore

    def emit(record: logging.LogRecord) -> None:
        texts.append(record.getMessage())
        warned.release()

    handler = logging.Handler()
    handler.emit = emit  # type: ignore[method-assign]
    logging.getLogger("heartwire").addHandler(handler)
    try:
        asyncio.run(asyncio.wait_for(main(), BOUND))
    finally:
        logging.getLogger("heartwire").removeHandler(handler)
    assert "an_async_handler" in texts[0]
    assert texts[-1].startswith("Something else on the event loop")


@pytest.mark.parametrize("face", FACES)
def test_an_async_handler_that_never_awaits_is_named(
    server: RawServer, face: Callable[[Callable[[], WebSocket]], None], caplog: pytest.LogCaptureFixture
) -> None:
    async def computes(event: Any) -> None:
        connection = server.connection()
        until_answered(connection)
        connection.close()

    def make() -> WebSocket:
        ws = WebSocket(server.url, keeper=PATIENT)
        ws.onopen = computes
        return ws

    with caplog.at_level(logging.WARNING, logger="heartwire"):
        face(make)
    named = [record.getMessage() for record in caplog.records]
    assert len(named) == 1, named
    assert "computes kept events waiting for" in named[0]


def test_an_async_handler_is_named_also_if_the_socket_is_seen_to_before_its_task_is_told_of(
    server: RawServer, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        ws = WebSocket(server.url, keeper=PATIENT)

        # The ping is there when the loop polls next: the handler's task has begun by then, and the socket is served after it.
        @ws.on("message")
        def pings(event: Any) -> None:
            connection.send_frame(PING, b"early")

        @ws.on("message")
        async def computes(event: Any) -> None:
            until_answered(connection)
            ws.terminate()

        await opened(ws)
        connection = server.connection()
        connection.send("go")
        await ws.wait_closed()

    with caplog.at_level(logging.WARNING, logger="heartwire"):
        asyncio.run(asyncio.wait_for(main(), BOUND))
    named = [record.getMessage() for record in caplog.records]
    assert len(named) == 1, named
    assert "computes kept events waiting for" in named[0]


def test_keeper_off(server: RawServer) -> None:
    asked = []

    def slow(event: Any) -> None:
        connection.send_frame(PING, b"1")
        time.sleep(1)  # time is the subject: long enough for a keeper to answer
        asked.append(connection.frames.qsize())
        event.target.close()

    ws = WebSocket(server.url, keeper=False)
    ws.onmessage = slow
    ws.start(daemon=True)
    connection = server.connection()
    connection.send("go")
    assert connection.expect_close() == 1005
    assert ws.join(BOUND)
    assert asked == [0]


def flood(connection: Connection, stop: threading.Event) -> None:
    connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
    many = frame(TEXT, b"x" * 32) * 2000
    try:
        while not stop.is_set():
            connection.sock.sendall(many)
    except OSError:
        return


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_a_flood_starves_neither_the_loop_nor_other_sockets(server: RawServer, loop: str) -> None:
    stop = threading.Event()
    factory = None if loop == "asyncio" else pytest.importorskip("uvloop").new_event_loop

    async def main() -> None:
        flooding: list[WebSocket] = []
        counts = [0, 0, 0]
        for index in range(len(counts)):
            ws = WebSocket(server.url)
            flooding.append(ws)

            def count(event: Any, index: int = index) -> None:
                counts[index] += 1

            ws.onmessage = count
            await opened(ws)
            threading.Thread(target=flood, args=(server.connection(), stop), daemon=True).start()
        quiet = WebSocket(server.url)
        await opened(quiet)
        connection = server.connection()
        threading.Thread(target=echo, args=(connection,), daemon=True).start()
        answers: asyncio.Queue[int] = asyncio.Queue()
        quiet.onmessage = lambda event: answers.put_nowait(sum(counts))
        turns = [time.thread_time()]  # other processes' work does not count

        def turn() -> None:
            turns.append(time.thread_time())
            asyncio.get_running_loop().call_soon(turn)

        turn()
        for _ in range(20):
            before = len(turns)
            quiet.send("are you there")
            await asyncio.wait_for(answers.get(), BOUND)
            assert len(turns) > before
        gaps = sorted(after - before for before, after in zip(turns, turns[1:]))
        assert gaps[len(gaps) // 2] < 0.1, "the loop turns many times a second"
        assert min(counts) > 0, counts
        print(f"{sum(counts)} messages of the floods, {len(turns)} turns of the loop, {gaps[len(gaps) // 2]:.4f} s of computing apart")
        stop.set()
        for ws in [*flooding, quiet]:
            ws.terminate()
            await ws.wait_closed()

    if factory is None:
        asyncio.run(main())
    else:
        event_loop = factory()
        try:
            event_loop.run_until_complete(main())
        finally:
            event_loop.close()


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_many_sockets_share_one_turn_of_the_loop(server: RawServer, loop: str) -> None:
    """Each of 24 sockets has messages whose handlers take 3 ms: the loop turns after some of them, and no socket is forgotten."""
    new_loop = asyncio.new_event_loop if loop == "asyncio" else pytest.importorskip("uvloop").new_event_loop
    counts = [0] * 24
    between: list[int] = []

    async def main() -> None:
        event_loop = asyncio.get_running_loop()
        all_served = event_loop.create_future()
        sockets = []
        for index in range(len(counts)):
            ws = WebSocket(server.url, compression=False)

            def take(event: Any, index: int = index) -> None:
                counts[index] += 1
                time.sleep(0.003)  # a slow handler: time is the subject
                if min(counts) >= 3 and not all_served.done():
                    all_served.set_result(None)

            ws.onmessage = take
            await opened(ws)
            sockets.append(ws)
        seen = 0

        def turn() -> None:
            nonlocal seen
            between.append(sum(counts) - seen)
            seen = sum(counts)
            event_loop.call_soon(turn)

        turn()
        for _ in sockets:
            server.connection().sock.sendall(frame(TEXT, b"x" * 32) * 200)
        await asyncio.wait_for(all_served, BOUND)
        for ws in sockets:
            ws.terminate()
            await ws.wait_closed()

    event_loop = new_loop()
    try:
        event_loop.run_until_complete(main())
    finally:
        event_loop.close()
    assert max(between) <= 12, "ten milliseconds, and the last one's turn"
    assert max(counts) <= 30, "first come, first served"


async def opened(ws: WebSocket) -> None:
    future = asyncio.get_running_loop().create_future()
    ws.add_event_listener("open", lambda event: future.set_result(None), once=True)
    await asyncio.wait_for(future, BOUND)


def echo(connection: Connection) -> None:
    try:
        while (got := connection.next(BOUND)) is not None:
            connection.send_frame(*got)
    except OSError:
        return


def test_slow_handlers_take_turns(server: RawServer) -> None:
    """Two sockets with a hundred messages each and handlers that take five milliseconds: neither waits for the other's last message."""
    order: list[int] = []
    sockets = [WebSocket(server.url) for _ in range(2)]
    for index, ws in enumerate(sockets):

        def handle(event: Any, index: int = index) -> None:
            order.append(index)
            time.sleep(0.005)  # a slow handler: time is the subject
            if order.count(index) == 100:
                event.target.close()

        ws.onmessage = handle
        ws.onopen = lambda event: event.target.send("go")

    def serve() -> None:
        connections = [server.connection() for _ in sockets]
        for connection in connections:
            connection.next_data()
        for connection in connections:
            connection.sock.sendall(frame(TEXT, b"x") * 100)
        for connection in connections:
            connection.expect_close()

    serving = threading.Thread(target=serve)
    serving.start()
    import heartwire

    heartwire.run_forever(*sockets)
    serving.join()
    changes = sum(one != other for one, other in zip(order, order[1:]))
    assert changes > 50, order
