"""Users must not see the fast paths: reused events, sends that share a write, text widened by us, idle sockets without buffers."""

from __future__ import annotations

import asyncio
import gc
import os
import pathlib
import resource
import sys
import sysconfig
import threading
from collections.abc import Callable

import pytest

import heartwire
from raw_server import Connection, RawServer

BOUND = 20
NewLoop = Callable[[], asyncio.AbstractEventLoop]

FREE_THREADED = bool(sysconfig.get_config_var("Py_GIL_DISABLED"))


def run_with(server: RawServer, ws: heartwire.WebSocket, play: Callable[[Connection], None]) -> None:
    """Run the socket to its end; the server's side plays and closes."""
    server.echo = False

    def serve() -> None:
        connection = server.connection()
        play(connection)
        connection.close()

    thread = threading.Thread(target=serve)
    thread.start()
    ws.run_forever()
    thread.join()


def send_all(*messages: str | bytes) -> Callable[[Connection], None]:
    def play(connection: Connection) -> None:
        for message in messages:
            connection.send(message)

    return play


def test_a_kept_event_keeps_its_data(server: RawServer) -> None:
    messages = [f"message {number}" for number in range(100)]
    kept: list[heartwire.MessageEvent] = []
    seen: list[object] = []
    ws = heartwire.WebSocket(server.url)

    def take(event: heartwire.MessageEvent) -> None:
        seen.append(event.data)
        if len(seen) % 3 == 0:
            kept.append(event)

    ws.onmessage = take
    run_with(server, ws, send_all(*messages))
    assert seen == messages
    assert [event.data for event in kept] == messages[2::3]
    assert len({id(event) for event in kept}) == len(kept)
    assert all(event.target is ws and event.type == "message" for event in kept)


def test_an_event_that_a_coroutine_keeps_is_its_own(server: RawServer) -> None:
    messages = [f"message {number}" for number in range(20)]
    seen: list[object] = []

    async def take(event: heartwire.MessageEvent) -> None:
        await asyncio.sleep(0)
        seen.append(event.data)

    ws = heartwire.WebSocket(server.url)
    ws.onmessage = take
    run_with(server, ws, send_all(*messages))
    assert seen == messages


@pytest.mark.skipif(FREE_THREADED, reason="counts are spread over threads")
def test_the_last_message_is_let_go(server: RawServer) -> None:
    seen: list[str | bytes] = []
    ws = heartwire.WebSocket(server.url)
    ws.onmessage = lambda event: seen.append(event.data)
    run_with(server, ws, send_all("x" * 100_000, "y" * 100_000))
    alone = ["z" * 100_000]
    assert [sys.getrefcount(data) for data in seen] == [sys.getrefcount(data) for data in alone] * 2


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a",
        "é",
        "ÿ" * 300,
        "żółw",
        "今天" * 70 + "x",
        "ascii and 😀",
        "\U0010ffff\x00é今",
        "x" * 511 + "ß",
        "日本語 text " * 50,
        "😀" * 40,
        "".join("x" * length + "😀今é😀" for length in range(20)),
        "ab😀今é" * 3000,
        "x" * 4095 + "今" * 3000,
        "xé" * 5000,
    ],
)
def test_text_of_every_width(server: RawServer, text: str) -> None:
    seen: list[str | bytes] = []
    ws = heartwire.WebSocket(server.url, compression=False)
    ws.onmessage = lambda event: seen.append(event.data)
    run_with(server, ws, send_all(text, text.encode()))
    assert seen == [text, text.encode()]
    assert {text: 1}[str(seen[0])] == 1


def loops() -> list[object]:
    try:
        import uvloop
    except ImportError:
        return [pytest.param(asyncio.new_event_loop, id="asyncio")]
    return [pytest.param(asyncio.new_event_loop, id="asyncio"), pytest.param(uvloop.new_event_loop, id="uvloop")]


@pytest.mark.parametrize("new_loop", loops())
def test_sends_of_tasks_arrive_in_order(server: RawServer, new_loop: NewLoop) -> None:
    server.echo = False

    async def main() -> None:
        ws = heartwire.WebSocket(server.url, compression=False)
        opened = asyncio.Event()
        ws.onopen = lambda _: opened.set()
        await asyncio.wait_for(opened.wait(), BOUND)
        connection = server.connection()
        sent: list[str] = []
        for turn in range(200):  # many in a turn, one in a turn, and turns apart
            for _ in range(1 if turn % 3 else 60):
                sent.append(str(len(sent)))
                ws.send(sent[-1])
            await asyncio.sleep(0 if turn % 7 else 0.0005)  # time is the subject: how far apart they are sent
        assert [await asyncio.to_thread(connection.next_data) for _ in sent] == sent
        assert ws.buffered_amount == 0
        ws.terminate()
        await ws.wait_closed()

    loop = new_loop()
    try:
        loop.run_until_complete(main())
    finally:
        loop.close()


def test_sends_of_handlers_arrive_in_order_and_before_what_ends_the_turn(server: RawServer) -> None:
    received: list[str | bytes] = []
    ws = heartwire.WebSocket(server.url, compression=False)

    def take(event: heartwire.MessageEvent) -> None:
        for number in range(20):
            ws.send(f"{event.data} {number}")
        if event.data == "c":
            ws.ping("after all")

    ws.onmessage = take

    def play(connection: Connection) -> None:
        for message in "abc":
            connection.send(message)
        received.extend(connection.next_data() for _ in range(60))
        assert connection.next() == (9, b"after all")

    run_with(server, ws, play)
    assert received == [f"{message} {number}" for message in "abc" for number in range(20)]


def test_what_a_handler_sends_to_another_socket_leaves_with_its_turn(server: RawServer) -> None:
    server.echo = False
    first, second = (heartwire.WebSocket(server.url, compression=False) for _ in range(2))
    first.onmessage = lambda event: [second.send(str(number)) for number in range(50)]
    opened = threading.Semaphore(0)
    for ws in (first, second):
        ws.onopen = lambda _: opened.release()
    deliverer = threading.Thread(target=heartwire.run_forever, args=(first, second))
    deliverer.start()
    connections = [server.connection(), server.connection()]
    for _ in range(2):
        assert opened.acquire(timeout=BOUND)
    for connection in connections:
        connection.send("go")  # one of them is the first's, the other listens to nothing
    got = None
    while got is None:
        for connection in connections:
            if not connection.frames.empty():
                got = connection
    assert [got.next_data() for _ in range(50)] == [str(number) for number in range(50)]
    for connection in connections:
        connection.close()
    deliverer.join()


@pytest.mark.parametrize("where", ["loop", "start"])
def test_sends_of_other_threads_arrive(server: RawServer, where: str) -> None:
    server.echo = False
    threads, each = 4, 500

    def send(ws: heartwire.WebSocket, name: int) -> None:
        for number in range(each):
            ws.send(f"{name} {number}")

    def check() -> None:
        connection = server.connection()
        received = [str(connection.next_data()).split() for _ in range(threads * each)]
        for name in range(threads):
            assert [int(number) for sender, number in received if sender == str(name)] == list(range(each))
        connection.close()

    def work(ws: heartwire.WebSocket) -> None:
        workers = [threading.Thread(target=send, args=(ws, name)) for name in range(threads)]
        for worker in workers:
            worker.start()
        check()
        for worker in workers:
            worker.join()

    if where == "start":
        ws = heartwire.WebSocket(server.url, compression=False)
        opened = threading.Event()
        ws.onopen = lambda _: opened.set()
        ws.start()
        assert opened.wait(BOUND)
        work(ws)
        assert ws.join(BOUND)
        return

    async def main() -> None:
        ws = heartwire.WebSocket(server.url, compression=False)
        opened = asyncio.Event()
        ws.onopen = lambda _: opened.set()
        await asyncio.wait_for(opened.wait(), BOUND)
        await asyncio.get_running_loop().run_in_executor(None, work, ws)
        await ws.wait_closed()

    asyncio.run(main())


def resident() -> int:
    return int(pathlib.Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


@pytest.mark.skipif(not pathlib.Path("/proc/self/statm").exists(), reason="no /proc")
@pytest.mark.skipif(FREE_THREADED, reason="each thread of the server has a heap of its own")
def test_an_idle_connection_has_no_buffers(server: RawServer) -> None:
    """Each has received a message once. The bound is far above the real figure (see benches/), and far below a buffer."""
    server.echo = False
    count = 100

    async def main() -> None:
        loop = asyncio.get_running_loop()

        async def connect() -> tuple[heartwire.WebSocket, Connection]:
            ws = heartwire.WebSocket(server.url, compression=False)
            came = asyncio.Event()
            ws.onmessage = lambda event: came.set()
            connection = await loop.run_in_executor(None, server.connection)
            connection.send("x" * 4000)
            await asyncio.wait_for(came.wait(), BOUND)
            return ws, connection

        warm = [await connect() for _ in range(20)]
        gc.collect()
        before = resident()
        sockets = [await connect() for _ in range(count)]
        gc.collect()
        # Most of it belongs to this server, whose threads are in the same process.
        assert (resident() - before) / count < 48 << 10
        for ws, _ in warm + sockets:
            ws.terminate()
        await asyncio.gather(*(ws.wait_closed() for ws, _ in warm + sockets))

    if "PYTHONMALLOC" in os.environ:
        pytest.skip("another allocator")
    asyncio.run(main())
