"""Ways to a server from asyncio: endless answers, many sockets to a slow host, iterables of subprotocols, proxies of the environment."""

from __future__ import annotations

import asyncio
import collections
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest

import heartwire
import heartwire.sync
from heartwire.testing import FaultServer

OWN: dict[str, Any] = {"proxy": None}


@pytest.fixture
def endless() -> Iterator[int]:
    """Answer with 100 Continue until the client goes; gives the port."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve(stream: socket.socket) -> None:
        with stream:
            try:
                stream.recv(4096)
                while True:
                    stream.sendall(b"HTTP/1.1 100 Continue\r\n\r\n" * 2000)
            except OSError:
                pass

    def accept() -> None:
        while True:
            try:
                stream, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(stream,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    yield listener.getsockname()[1]
    listener.close()


@pytest.mark.parametrize("driver", ["host", "background"])
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_interim_answers_without_end(endless: int, driver: Any, host: str) -> None:
    async def main() -> str:
        with pytest.raises(heartwire.WebSocketError) as raised:
            await heartwire.connect(f"ws://{host}:{endless}/", driver=driver, open_timeout=None, **OWN)
        return raised.value.code

    assert asyncio.run(asyncio.wait_for(main(), 60)) == "http_invalid"


@pytest.fixture
def stalled() -> Iterator[socket.socket]:
    """Take connections and answer none."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        yield listener


def test_all_sockets_to_a_stalled_host_are_told_in_time(stalled: socket.socket) -> None:
    async def main() -> collections.Counter[str]:
        told: list[Any] = []
        url = f"ws://127.0.0.1:{stalled.getsockname()[1]}/"
        sockets = [heartwire.WebSocket(url, open_timeout=0.3, **OWN) for _ in range(6)]
        for ws in sockets:
            ws.onerror = lambda event: told.append(event.error)
        await asyncio.gather(*(ws.wait_closed() for ws in sockets))
        assert {error.code for error in told} == {"open_timeout"}
        return collections.Counter("connect_limit is 1" in error.message for error in told)

    # One after the other, each would have had its time to itself.
    assert asyncio.run(asyncio.wait_for(main(), 60)) == {True: 5, False: 1}


@pytest.mark.parametrize("face", ["asyncio", "sync"])
def test_connect_opens_many_at_once_to_a_slow_host(face: str) -> None:
    """The server answers only after all have asked."""
    count = 20
    everybody = threading.Barrier(count)
    listener = socket.create_server(("127.0.0.1", 0), backlog=64)

    def serve(stream: socket.socket) -> None:
        from raw_server import Connection

        with stream:
            connection = Connection(stream)
            connection.read_request()
            everybody.wait(60)
            connection.accept()
            stream.recv(4096)

    def accept() -> None:
        for _ in range(count):
            threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    url = f"ws://127.0.0.1:{listener.getsockname()[1]}/"

    async def main() -> int:
        connections = await asyncio.gather(*(heartwire.connect(url, open_timeout=60, **OWN) for _ in range(count)))
        for connection in connections:
            connection.socket.terminate()
        return len(connections)

    if face == "asyncio":
        assert asyncio.run(main()) == count
    else:
        opened: list[Any] = []
        threads = [
            threading.Thread(target=lambda: opened.append(heartwire.sync.connect(url, open_timeout=60, **OWN))) for _ in range(count)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert len(opened) == count
        for connection in opened:
            connection.socket.terminate()
    listener.close()


@pytest.mark.parametrize(
    "protocols",
    [("a", "b"), ["a", "b"], {"a": 1, "b": 2}.keys(), (name for name in "ab"), collections.deque("ab"), iter(["a", "b"])],
)
def test_subprotocols_are_any_iterable(protocols: Any) -> None:
    with FaultServer([{"do": "accept", "protocol": "b"}, {"do": "close", "code": 1000}]) as server:
        connection = heartwire.sync.connect(server.url, protocols, **OWN)
        assert connection.subprotocol == "b"
        connection.close()


def test_what_is_no_text_among_them_is_refused_without_its_value() -> None:
    for bad in ({"key.s3cret", 1}, (each for each in ["key s3cret"]), ["key.s3cret", "key.s3cret"], 5, [["s3cret"]]):
        with pytest.raises(heartwire.OptionError) as raised:
            heartwire.WebSocket("ws://localhost/", bad)
        assert "protocols" in str(raised.value)
        assert "s3cret" not in str(raised.value)


@pytest.mark.skipif(sys.platform == "win32", reason="variables are text there")
@pytest.mark.parametrize("name", ["HTTP_PROXY", "all_proxy", "SOCKS_PROXY"])
def test_a_proxy_variable_that_is_no_utf_8_is_an_error(name: str) -> None:
    program = """
import heartwire, heartwire.sync
try:
    heartwire.sync.connect("ws://127.0.0.1:1/")
except heartwire.WebSocketError as error:
    print(error.code, error.retryable, error)
"""
    environment = {name.encode(): b"http://u:s3cret\xff@127.0.0.1:1"}
    said = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, timeout=60, check=True).stdout.decode()
    assert said.startswith("proxy_failed False")
    assert name in said
    assert "s3cret" not in said
