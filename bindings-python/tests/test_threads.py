"""`start()`, `join()`, the blocking face, and calls from many threads."""

from __future__ import annotations

import sys
import threading
import time
from typing import Any

import pytest

import heartwire
import heartwire.sync
from heartwire import ConnectionClosedError, ConnectionClosedOK, InvalidStateError, WebSocket, WebSocketError
from heartwire._delivery import ThreadHub
from raw_server import BOUND, RawServer


def test_start_delivers_on_a_thread_of_its_own(server: RawServer) -> None:
    server.echo = True
    seen: list[Any] = []
    ws = WebSocket(server.url)
    ws.onopen = lambda event: ws.send("x")
    ws.onmessage = lambda event: (seen.append((event.data, threading.current_thread())), ws.close())
    assert ws.start() is ws
    assert ws.join(BOUND)
    ((data, thread),) = seen
    assert data == "x"
    assert thread is not threading.current_thread()
    assert not thread.daemon
    thread.join()
    with pytest.raises(InvalidStateError):
        WebSocket(server.url).join(1)


def test_a_started_socket_is_not_run_twice(server: RawServer) -> None:
    ws = WebSocket(server.url).start(daemon=True)
    for call in (ws.start, ws.run_forever):
        with pytest.raises(InvalidStateError, match="already"):
            call()
    ws.terminate()
    assert ws.join(BOUND)


def test_join_while_the_socket_moves_to_a_loop(server: RawServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """For an async handler, start() makes a loop on its thread, and the socket goes there: join() must not find it nowhere meanwhile."""
    moving = threading.Event()
    detach_all = ThreadHub.detach_all

    def slowly(hub: ThreadHub) -> None:
        detach_all(hub)
        moving.set()
        time.sleep(0.2)  # long enough for join() to run in between

    monkeypatch.setattr(ThreadHub, "detach_all", slowly)
    ws = WebSocket(server.url)

    @ws.on("open")
    async def close(event: object) -> None:
        ws.close()

    ws.start()
    assert moving.wait(BOUND)
    assert ws.join(BOUND)


def test_join_on_the_delivering_thread_is_refused(server: RawServer) -> None:
    errors: list[BaseException] = []
    ws = WebSocket(server.url)

    def on_open(event: object) -> None:
        try:
            ws.join()
        except InvalidStateError as error:
            errors.append(error)
        ws.terminate()

    ws.onopen = on_open
    ws.run_forever()
    assert len(errors) == 1


def test_exceptions_go_to_the_threads_hook(server: RawServer, monkeypatch: pytest.MonkeyPatch) -> None:
    reported: list[Any] = []
    monkeypatch.setattr(threading, "excepthook", lambda args: reported.append((args.exc_value, args.thread)))
    ws = WebSocket(server.url)

    def on_open(event: object) -> None:
        ws.terminate()
        raise RuntimeError("broken")

    ws.onopen = on_open
    ws.start()
    assert ws.join(BOUND)
    ((error, thread),) = reported
    assert str(error) == "broken"
    assert thread is not threading.main_thread()


def test_system_exit_on_the_thread_ends_it_with_a_goodbye(server: RawServer) -> None:
    ws = WebSocket(server.url)
    ws.onopen = lambda event: sys.exit()
    ws.start()
    assert server.connection().expect_close() == 1001
    assert ws.join(BOUND)
    assert ws.readyState == WebSocket.CLOSED


def test_async_handlers_on_a_thread(server: RawServer) -> None:
    import asyncio

    server.echo = True
    seen: list[str] = []
    ws = WebSocket(server.url)
    ws.onopen = lambda event: ws.send("x")

    @ws.on("message")
    async def reply(event: heartwire.MessageEvent) -> None:
        await asyncio.sleep(0)
        seen.append(event.data)
        ws.close()

    ws.start()
    assert ws.join(BOUND)
    assert seen == ["x"]


def test_send_from_many_threads(server: RawServer) -> None:
    ws = WebSocket(server.url, compression=False)
    opened = threading.Event()
    ws.onopen = lambda event: opened.set()
    ws.start()
    assert opened.wait(BOUND)

    def work(name: int) -> None:
        for number in range(200):
            ws.send(f"{name} {number}")

    threads = [threading.Thread(target=work, args=(name,)) for name in range(8)]
    for thread in threads:
        thread.start()
    connection = server.connection()
    got: dict[str, list[int]] = {}
    for _ in range(1600):
        name, number = str(connection.next_data()).split()
        got.setdefault(name, []).append(int(number))
    assert len(got) == 8
    assert all(numbers == list(range(200)) for numbers in got.values())
    for thread in threads:
        thread.join()
    ws.terminate()
    assert ws.join(BOUND)


def test_the_blocking_face(server: RawServer) -> None:
    server.echo = True
    with heartwire.sync.connect(server.url) as ws:
        ws.send("text")
        ws.send(b"bytes")
        ws.send(["in ", "parts"])
        ws.send_json([1])
        assert [ws.recv(), ws.recv(timeout=BOUND), ws.recv()] == ["text", b"bytes", "in parts"]
        assert ws.recv_json() == [1]
        ws.ping("x")
        with pytest.raises(TimeoutError):
            ws.recv(timeout=0.01)
        while not ws.latency:
            with pytest.raises(TimeoutError):
                ws.recv(timeout=0.01)
    assert (ws.close_code, ws.close_reason) == (1000, "")
    with pytest.raises(ConnectionClosedOK):
        ws.recv()
    with pytest.raises(ConnectionClosedOK):
        ws.send("late")


def test_blocking_iteration(server: RawServer) -> None:
    ws = heartwire.sync.connect(server.url)
    connection = server.connection()
    for number in range(1000):
        connection.send(str(number))
    connection.close(1000)
    assert list(ws) == [str(number) for number in range(1000)]


def test_the_blocking_face_raises(server: RawServer) -> None:
    ws = heartwire.sync.connect(server.url)
    connection = server.connection()
    ws.send("x")
    connection.next()
    connection.drop()
    with pytest.raises(ConnectionClosedError) as caught:
        ws.recv()
    assert caught.value.code == 1006
    server.auto = False
    attempt: list[BaseException] = []

    def connect() -> None:
        try:
            heartwire.sync.connect(server.url)
        except WebSocketError as error:
            attempt.append(error)

    thread = threading.Thread(target=connect)
    thread.start()
    server.connection().sock.sendall(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n")
    thread.join()
    (error,) = attempt
    assert isinstance(error, WebSocketError)
    assert error.status == 401


def test_the_blocking_face_used_by_two_threads(server: RawServer) -> None:
    ws = heartwire.sync.connect(server.url)
    connection = server.connection()
    got: list[Any] = []
    threads = [threading.Thread(target=lambda: got.append(ws.recv(timeout=BOUND))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for number in range(4):
        connection.send(str(number))
    for thread in threads:
        thread.join()
    assert sorted(got) == ["0", "1", "2", "3"]
    closer = threading.Thread(target=connection.expect_close)
    closer.start()
    ws.close()
    closer.join()


def test_threads_that_receive_share_a_flood(server: RawServer, quick_switches: None) -> None:
    """One of them delivers while the others take: waiting messages are counted right, and reading goes on."""
    count = 5000
    ws = heartwire.sync.connect(server.url, compression=False)
    got: list[str | bytes] = []
    threads = [threading.Thread(target=lambda: got.extend(ws)) for _ in range(4)]
    for thread in threads:
        thread.start()
    connection = server.connection()
    for number in range(count):
        connection.send(f"{number:05}" + "x" * 1000)
    connection.close()
    for thread in threads:
        thread.join(BOUND)
    assert sorted(str(message)[:5] for message in got) == [f"{number:05}" for number in range(count)]
    assert (ws._inbox.size, ws._inbox.paused) == (0, False)


@pytest.mark.parametrize("face", ["sync", "asyncio"])
def test_close_with_much_unread_is_clean(server: RawServer, face: str) -> None:
    """More messages arrive than either side of recv() holds: undelivered ones do not keep the peer's Close from being read."""
    import asyncio

    def flood() -> None:
        connection = server.connection()
        for _ in range(200):
            connection.send("x" * 50_000)
        assert connection.expect_close() == 1000

    async def on_a_loop() -> int | None:
        async with heartwire.connect(server.url, compression=False) as ws:
            await ws.recv()
        return ws.close_code

    def blocking() -> int | None:
        with heartwire.sync.connect(server.url, compression=False) as ws:
            ws.recv()
        return ws.close_code

    thread = threading.Thread(target=flood)
    thread.start()
    assert (blocking() if face == "sync" else asyncio.run(on_a_loop())) == 1000
    thread.join(BOUND)


class Listener:
    """An object whose comparison runs Python code, during which other threads may run."""

    def __init__(self, name: tuple[int, int]) -> None:
        self.name = name
        self.calls = 0

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Listener) and self.name == other.name

    def __hash__(self) -> int:
        return hash(self.name)

    def __call__(self, event: object) -> None:
        self.calls += 1


def test_listeners_that_threads_add_and_remove_at_once(server: RawServer, quick_switches: None) -> None:
    ws = WebSocket(server.url)
    stay = [[Listener((thread, number)) for number in range(10)] for thread in range(4)]
    go = [[Listener((-1 - thread, number)) for number in range(10)] for thread in range(4)]
    barrier = threading.Barrier(4)

    def work(index: int) -> None:
        barrier.wait()
        for staying, going in zip(stay[index], go[index]):
            ws.add_event_listener("message", going)
            ws.add_event_listener("message", staying)
            ws.remove_event_listener("message", Listener(going.name))
            ws.onmessage = staying if index == 0 else ws.onmessage

    threads = [threading.Thread(target=work, args=(index,)) for index in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(BOUND)
    ws.onmessage = lambda event: ws.terminate()
    ws.start()
    server.connection().send("x")
    assert ws.join(BOUND)
    assert [listener.calls for listeners in stay for listener in listeners] == [1] * 40
    assert [listener.calls for listeners in go for listener in listeners] == [0] * 40


@pytest.mark.parametrize("driver", ["host", "background"])
def test_everything_called_from_many_threads_at_once(server: RawServer, quick_switches: None, driver: Any) -> None:
    """While messages flow in both directions: nothing raises, no message is lost, and each thread's messages stay in order."""
    workers, count = 6, 150
    server.echo = True
    got: dict[str, list[int]] = {}
    opened, all_back = threading.Event(), threading.Event()
    errors: list[BaseException] = []
    ws = WebSocket(server.url, driver=driver, compression=False, write_limit=1000)

    @ws.on("message")
    def take(event: heartwire.MessageEvent) -> None:
        name, number = event.data.split()[:2]
        got.setdefault(name, []).append(int(number))
        if sum(map(len, got.values())) == workers * count:
            all_back.set()

    def work(name: int) -> None:
        try:
            for number in range(count):
                ws.send(f"{name} {number} " + "é" * (number % 7 * 1000))
                ws.ondrain = ws.onpong = lambda event: None
                ws.once("pong", lambda event: event.latency)
                ws.ping(b"%d" % number)
                ws.pause()
                ws.resume()
                assert (ws.ready_state, ws.protocol, ws.extensions) == (1, "", "")
                assert ws.buffered_amount >= 0
                assert repr(ws)
        except BaseException as error:
            errors.append(error)

    ws.onopen = lambda event: opened.set()
    ws.start()
    assert opened.wait(BOUND)
    threads = [threading.Thread(target=work, args=(name,)) for name in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(BOUND)
    assert errors == []
    assert all_back.wait(BOUND)
    ws.terminate()
    assert ws.join(BOUND)
    assert got == {str(name): list(range(count)) for name in range(workers)}


def test_threads_that_close_loops_under_their_sockets(server: RawServer, quick_switches: None) -> None:
    """The thread that makes the next socket releases the loops that were closed, and several threads do so at once."""
    import asyncio

    errors: list[BaseException] = []

    async def leave_open() -> None:
        ws = WebSocket(server.url)
        opened = asyncio.Event()
        ws.onopen = lambda event: opened.set()
        await asyncio.wait_for(opened.wait(), BOUND)

    def work() -> None:
        try:
            for _ in range(10):
                loop = asyncio.new_event_loop()
                loop.run_until_complete(leave_open())
                loop.close()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(BOUND)
    assert errors == []

    async def last() -> None:
        await asyncio.gather(WebSocket(server.url).wait_closed(), asyncio.get_running_loop().run_in_executor(None, answer_all))

    def answer_all() -> None:
        assert [server.connection().expect_close() for _ in range(40)] == [1001] * 40
        server.connection().close()

    asyncio.run(last())


def test_the_blocking_face_may_be_called_late(server: RawServer, caplog: pytest.LogCaptureFixture) -> None:
    """Between two calls the background stands in, and no handler is blamed."""
    ws = heartwire.sync.connect(server.url)
    connection = server.connection()
    for number in range(2):
        connection.send(str(number))
        connection.send_frame(9, b"alive?")
        assert connection.next() == (10, b"alive?")
        assert ws.recv(timeout=BOUND) == str(number)
    ws.socket.terminate()
    assert caplog.records == []


def test_the_blocking_face_inside_a_loop(server: RawServer) -> None:
    import asyncio

    server.echo = True

    async def main() -> None:
        with heartwire.sync.connect(server.url) as ws:
            ws.send("x")
            assert ws.recv() == "x"

    asyncio.run(main())


def test_subinterpreters_are_refused_in_clear_words(child: Any) -> None:
    code = """
try:
    import _interpreters as interpreters
except ImportError:
    import _xxsubinterpreters as interpreters
import heartwire
other = interpreters.create()
run = getattr(interpreters, "exec", None) or interpreters.run_string
try:
    outcome = run(other, "import heartwire")
except Exception as error:
    outcome = error
print(getattr(outcome, "formatted", outcome), flush=True)
interpreters.destroy(other)
print(heartwire.WebSocket.OPEN, flush=True)
"""
    status, out, err = child(code).end()
    assert (status, err) == (0, "")
    assert "sub-interpreters" in out or "subinterpreters" in out, out
    assert out.endswith("1\n")
