"""Nothing stays behind: memory, descriptors, threads, objects."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import os
import socket
import subprocess
import sys
import threading
import weakref
from pathlib import Path
from typing import Any

import pytest

import heartwire
import heartwire.sync
from heartwire import WebSocket
from heartwire._native import Hub
from heartwire.testing import FaultServer
from raw_server import RawServer

HERE = Path(__file__).parent


def _open_files() -> int:
    return len(os.listdir("/proc/self/fd")) if sys.platform == "linux" else 0


# Freed memory goes back at once: the memory that glibc keeps for later would hide a leak, or look like one.
FRUGAL = {"MALLOC_ARENA_MAX": "1", "MALLOC_TRIM_THRESHOLD_": "0", "MALLOC_MMAP_THRESHOLD_": "65536"}
WARM = 3  # rounds in which the one-time objects are made


def leaks(how: str, rounds: int, connections: int, *leak: str, of: str = "", messages: int = 20) -> dict[str, Any]:
    """The least that a round added to each figure, in a process that does nothing else.

    A leak adds in every round. An allocator that settles, or a thread that is about to end, adds in some rounds only. So the figure is the
    size of a leak.
    """
    with FaultServer() as echo:
        line = [sys.executable, HERE / "leaks.py", how, of or echo.url, WARM + rounds, connections, connections * messages, *leak]
        done = subprocess.run([str(word) for word in line], capture_output=True, text=True, timeout=550, env={**os.environ, **FRUGAL})
    assert (done.returncode, done.stderr) == (0, "")
    samples = [json.loads(line) for line in done.stdout.splitlines()][WARM - 1 :]
    assert len(samples) == rounds + 1

    def least(figures: list[dict[str, int]]) -> dict[str, int]:
        return {name: min(after.get(name, 0) - before.get(name, 0) for before, after in zip(figures, figures[1:])) for name in figures[-1]}

    kinds = least([sample.pop("kinds") for sample in samples])
    return {**least(samples), "sockets": samples[-1]["sockets"], "kinds": {kind: grown for kind, grown in kinds.items() if grown > 0}}


@pytest.mark.timeout(600)
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("how", ["asyncio", "run_forever", "start"])
def test_nothing_stays_behind(how: str) -> None:
    is_flat(leaks(how, 6, 60))


BAD: dict[str, Any] = {
    "503": [{"do": "refuse", "status": 503}],
    "reset within the upgrade": [{"do": "request"}, {"do": "reset"}],
    "reset when it is open": [{"do": "accept"}, {"do": "reset"}],
    "a broken frame": [{"do": "accept"}, {"do": "send", "text": "x"}, {"do": "raw", "hex": "8300"}],
    "timed out": [{"do": "request"}, {"do": "stall"}],
    "no TLS": {"tls": True, "connections": [{"do": "plain"}, {"do": "read", "bytes": 5}, {"do": "reset"}]},
}


@pytest.mark.timeout(600)
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("how", ["asyncio", "run_forever", "start"])
def test_nothing_stays_behind_connections_that_end_badly(how: str) -> None:
    """Nobody listens, and each of BAD; with two attempts more before the socket gives up."""
    with contextlib.ExitStack() as ends:
        nobody = ends.enter_context(socket.socket())
        nobody.bind(("127.0.0.1", 0))  # and does not listen
        servers = [ends.enter_context(FaultServer(script)) for script in BAD.values()]
        urls = [f"ws://127.0.0.1:{nobody.getsockname()[1]}/", *(server.url for server in servers)]
        is_flat(leaks(how, 4, 4 * len(urls), of=",".join(urls), messages=0))


def is_flat(least: dict[str, Any]) -> None:
    assert least["sockets"] <= 1, "the last one may be that of the event that is used again"
    assert least["kinds"] == {}
    assert least["objects"] <= 0
    assert least["traced"] < 16 << 10, "a round left so many bytes of Python's"
    assert least["own"] < 60 << 10, "a round left so many bytes, a KiB a connection"
    assert least["descriptors"] <= 0
    assert least["threads"] <= 0


@pytest.mark.timeout(600)
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_measure_sees_a_leak_of_each_kind() -> None:
    least = leaks("asyncio", 2, 20, "sockets")
    assert least["sockets"] == 20
    assert least["kinds"]["WebSocket"] == 20
    assert least["descriptors"] <= 0
    assert leaks("asyncio", 2, 20, "messages")["traced"] > 20 * 20 * 200
    assert leaks("run_forever", 2, 20, "descriptors")["descriptors"] == 20
    assert leaks("start", 2, 20, "threads")["threads"] == 20
    least = leaks("asyncio", 2, 60, "memory")
    assert least["own"] > 3_000_000, "of which Python knows nothing"
    assert least["traced"] < 16 << 10


def test_messages_are_not_kept(server: RawServer) -> None:
    class Data(str):
        __slots__ = ("__weakref__",)

    counts: list[int] = []
    ws = WebSocket(server.url)

    def on_message(event: heartwire.MessageEvent) -> None:
        counts.append(sys.getrefcount(event.data))
        if len(counts) == 1000:
            ws.terminate()

    ws.onmessage = on_message

    def serve() -> None:
        connection = server.connection()
        for _ in range(1000):
            connection.send("some text")

    thread = threading.Thread(target=serve)
    thread.start()
    ws.run_forever()
    thread.join()
    assert set(counts) == {counts[0]}
    assert counts[0] <= 3


def test_a_connected_socket_keeps_itself_alive(server: RawServer) -> None:
    seen: list[str] = []

    async def main() -> None:
        done = asyncio.get_running_loop().create_future()

        def make() -> None:
            ws = WebSocket(server.url)
            ws.onmessage = lambda event: (seen.append(event.data), event.target.terminate())
            ws.onclose = lambda event: done.set_result(None)

        make()
        gc.collect()
        connection = await asyncio.get_running_loop().run_in_executor(None, server.connection)
        gc.collect()
        connection.send("x")
        await done

    asyncio.run(main())
    assert seen == ["x"]


def test_closed_sockets_with_cycles_are_collected(server: RawServer) -> None:
    server.echo = True

    async def main() -> weakref.ref[object]:
        ws = await heartwire.connect(server.url)
        await ws.close()
        return weakref.ref(ws)

    gone = asyncio.run(main())
    gc.collect()
    assert gone() is None
    sync = heartwire.sync.connect(server.url)
    sync.close()
    also = weakref.ref(sync)
    del sync
    gc.collect()
    assert also() is None


def test_a_thousand_sockets_at_once(server: RawServer) -> None:
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8192), hard))
    try:
        count = 1000 if min(hard, 8192) >= 4096 else 100
        server.echo = True

        async def main() -> None:
            async def one(index: int) -> None:
                async with heartwire.connect(server.url, open_timeout=60, compression=False) as ws:
                    await ws.send(str(index))
                    assert await ws.recv() == str(index)

            await asyncio.gather(*(one(index) for index in range(count)))

        asyncio.run(main())
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_hubs_of_a_loop_are_freed(server: RawServer) -> None:
    server.echo = True

    def hubs_alive() -> int:
        return sum(isinstance(each, Hub) for each in gc.get_objects())

    async def main() -> None:
        async def once() -> None:
            ws = WebSocket(server.url)
            ws.onopen = lambda event: ws.close()
            await ws.wait_closed()

        await once()
        gc.collect()
        files, hubs = _open_files() - len(server._all), hubs_alive()
        for _ in range(30):
            await once()
        for connection in server._all:
            connection.sock.close()
        server._all.clear()
        gc.collect()
        assert _open_files() <= files + 5
        assert hubs_alive() <= hubs

    asyncio.run(main())
