"""Nothing stays behind: memory, descriptors, threads, objects."""

from __future__ import annotations

import asyncio
import gc
import os
import sys
import threading
import weakref

import pytest

import heartwire
import heartwire.sync
from heartwire import WebSocket
from heartwire._native import Hub
from raw_server import RawServer


def _open_files() -> int:
    return len(os.listdir("/proc/self/fd")) if sys.platform == "linux" else 0


def test_a_thousand_connections_one_after_the_other(server: RawServer) -> None:
    server.echo = True

    def once() -> weakref.ref[WebSocket]:
        ws = WebSocket(server.url)
        ws.onopen = lambda event: ws.send("x")
        ws.onmessage = lambda event: ws.close()
        ws.run_forever()
        return weakref.ref(ws)

    def settle() -> None:
        for connection in server._all:
            connection.sock.close()
        server._all.clear()
        while not server.connections.empty():
            server.connections.get()
        gc.collect()

    once()
    settle()
    files, threads, objects = _open_files(), set(threading.enumerate()), len(gc.get_objects())
    gone = [once() for _ in range(200)]
    settle()
    # The server's threads end by themselves; those of before include the one that bounds this test.
    for thread in set(threading.enumerate()) - threads:
        thread.join()
    assert all(ref() is None for ref in gone)
    assert _open_files() <= files + 5
    assert len(gc.get_objects()) < objects + 500


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


@pytest.mark.timeout(120)
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

    async def main() -> None:
        async def once() -> None:
            ws = WebSocket(server.url)
            ws.onopen = lambda event: ws.close()
            await ws.wait_closed()

        await once()
        gc.collect()
        files = _open_files() - len(server._all)
        for _ in range(30):
            await once()
        for connection in server._all:
            connection.sock.close()
        server._all.clear()
        gc.collect()
        assert _open_files() <= files + 5
        assert sum(isinstance(each, Hub) for each in gc.get_objects()) <= 1

    asyncio.run(main())
