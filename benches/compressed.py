"""How much memory a compressed connection has while it is used, and after 15 s without any traffic. One process holds all connections.

    python benches/compressed.py [CLIENT ...] [--connections 1000]

Clients: heartwire, websockets, aiohttp; node (Heartwire on Node) and ws need `benches/node_modules` or `bindings-node`. The server is
`websockets`, in a process of its own. Each connection sends and gets 20 JSON messages of about 300 bytes, at the default level of compression and
without pings. The figures are resident memory, less that of the process before it connected, divided by the connections.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import json
import os
import resource
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))
from harness.samples import sample

PAGE = os.sysconf("SC_PAGE_SIZE")
ROUNDS = 20
QUIET = 16.0  # s: 15, and the time of one look
AT_ONCE = 50
CLIENTS = ("heartwire", "websockets", "aiohttp", "node", "ws")


def resident() -> int:
    """Give the resident bytes of this process."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * PAGE


@contextlib.asynccontextmanager
async def served() -> AsyncIterator[str]:
    """Run the server in a process of its own, and give its URL."""
    process = await asyncio.create_subprocess_exec(sys.executable, __file__, "--serve", stdout=subprocess.PIPE)
    assert process.stdout is not None
    try:
        yield (await process.stdout.readline()).decode().strip()
    finally:
        process.kill()
        await process.wait()


async def serve() -> None:
    """Echo, compressed, until killed."""
    from websockets.asyncio.server import ServerConnection
    from websockets.asyncio.server import serve as serve_websockets
    from websockets.exceptions import ConnectionClosed

    async def echo(connection: ServerConnection) -> None:
        with contextlib.suppress(ConnectionClosed):  # the client ends without a word
            async for message in connection:
                await connection.send(message)

    async with serve_websockets(echo, "127.0.0.1", 0, compression="deflate", ping_interval=None) as server:
        print(f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}/", flush=True)
        await asyncio.get_running_loop().create_future()


async def opened(client: str, url: str, stack: contextlib.AsyncExitStack) -> tuple[Any, Any]:
    """Open one connection; give the functions that send a text and receive one."""
    if client == "heartwire":
        import heartwire

        ours = await heartwire.connect(url, ping_interval=None, proxy=None)
        return ours.send, ours.recv
    if client == "websockets":
        from websockets.asyncio.client import connect

        theirs = await connect(url, compression="deflate", ping_interval=None, proxy=None)
        return theirs.send, theirs.recv
    import aiohttp

    session = await stack.enter_async_context(aiohttp.ClientSession())
    socket = await session.ws_connect(url, compress=15)
    return socket.send_str, socket.receive_str


async def hold(client: str, url: str, count: int) -> None:
    """Open the connections, use them, and leave them alone."""
    messages = [str(message) for message in sample("json")]
    async with contextlib.AsyncExitStack() as stack:
        await opened(client, url, stack)  # what the first one loads counts for none
        gc.collect()
        before = resident()
        connections = []
        for first in range(0, count, AT_ONCE):
            connections += await asyncio.gather(*(opened(client, url, stack) for _ in range(first, min(first + AT_ONCE, count))))
        for number in range(ROUNDS):
            for send, receive in connections:
                await send(messages[number])
                assert await receive() == messages[number]
        active = resident() - before
        await asyncio.sleep(QUIET)
        gc.collect()
        print(
            json.dumps({"client": client, "connections": count, "active": active / count / 1024, "quiet": (resident() - before) / count / 1024}),
            flush=True,
        )
        os._exit(0)  # nobody waits for so many goodbyes


async def measure(clients: list[str], count: int) -> None:
    """Measure each client in a process of its own."""
    print("| client | KiB per connection in use | after 15 s without traffic |\n|---|---:|---:|")
    for client in clients:
        async with served() as url:
            command = [sys.executable, __file__, "--hold", client, url]
            if client in ("node", "ws"):
                command = ["node", "--expose-gc", str(Path(__file__).with_name("peers") / "compressed.mjs"), client, url]
            process = await asyncio.create_subprocess_exec(*command, "--connections", str(count), stdout=subprocess.PIPE)
            output, _ = await process.communicate()
        figures = json.loads(output)
        print(f"| {client} | {figures['active']:.1f} | {figures['quiet']:.1f} |", flush=True)


def main() -> None:
    """Measure, or be one of the processes of a measurement."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("clients", nargs="*", metavar="CLIENT", help=", ".join(CLIENTS))
    parser.add_argument("--connections", type=int, default=1000)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--hold", nargs=2, metavar=("CLIENT", "URL"), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if wrong := set(asked.clients) - set(CLIENTS):
        parser.error(f"no such client: {', '.join(sorted(wrong))}")
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    if asked.serve:
        asyncio.run(serve())
    elif asked.hold:
        asyncio.run(hold(*asked.hold, asked.connections))
    else:
        asyncio.run(measure(asked.clients or ["heartwire", "websockets"], asked.connections))


if __name__ == "__main__":
    main()
