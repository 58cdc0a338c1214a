"""Manners: a server's view of WebSocket clients that leave, compute, lose their line, or are kicked. Prints a table;
`--quick` skips the checks that take a minute.

It owns the server (plain asyncio, none of the clients' code) and the judgement. A client is a program in peers/, started as
`program URL MODE`; it connects with default options, and acts by MODE when it gets the message "go": `exit` ends the process normally,
`raise` raises in the handler, `compute` computes for 5 s; `return` is asked to reconnect if it can. It prints `closed` when its connection ends.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import signal
import struct
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

BENCHES = Path(__file__).resolve().parent
PEERS = BENCHES / "peers"
NODE = BENCHES / "node_modules/node-24/bin/node"
QUICK = "--quick" in sys.argv[1:]
SLOW = "the line is dead: told"

CLIENTS: dict[str, list[str | Path]] = {
    "heartwire (Python)": [sys.executable, PEERS / "heartwire_bot.py"],
    "websockets": [sys.executable, PEERS / "websockets_bot.py"],
    "aiohttp": [sys.executable, PEERS / "aiohttp_bot.py"],
    "heartwire (Node)": [NODE, PEERS / "heartwire-bot.mjs"],
    "ws": [NODE, PEERS / "ws-bot.mjs"],
    "Node's own": [NODE, PEERS / "global-bot.mjs"],
}
if not NODE.exists():  # its package is for Linux on x64 only; the Node at hand may have no WebSocket of its own
    del CLIENTS["Node's own"]
    CLIENTS = {client: [part if part != NODE else "node" for part in command] for client, command in CLIENTS.items()}


@dataclass
class Link:
    """One connection, from the server's side."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    close_code: int | None = None
    heard: float = field(default_factory=time.monotonic)

    async def upgrade(self) -> None:
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        headers = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:] if ": " in line)
        key = next(line.split(": ", 1)[1] for line in head.split("\r\n") if line.lower().startswith("sec-websocket-key"))
        assert headers["upgrade"] == "websocket"
        accept = base64.b64encode(hashlib.sha1(f"{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11".encode()).digest()).decode()
        self.writer.write(
            f"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n".encode()
        )

    def send(self, opcode: int, payload: bytes = b"") -> None:
        with contextlib.suppress(OSError):
            self.writer.write(bytes([0x80 | opcode, len(payload)]) + payload)

    async def read(self) -> int | None:
        """Reads a frame; its opcode, or none at the end of the stream."""
        try:
            first, second = await self.reader.readexactly(2)
            length = second & 0x7F
            if length >= 126:
                (length,) = struct.unpack("!H" if length == 126 else "!Q", await self.reader.readexactly(2 if length == 126 else 8))
            mask = await self.reader.readexactly(4)
            payload = bytes(byte ^ mask[index % 4] for index, byte in enumerate(await self.reader.readexactly(length)))
        except (OSError, asyncio.IncompleteReadError):
            return None
        self.heard = time.monotonic()
        if first & 0x0F == 8:
            self.close_code = struct.unpack("!H", payload[:2])[0] if payload else 1005
            self.send(8, payload)
        return first & 0x0F

    async def until_end(self) -> str:
        """Reads to the end, and returns the server's view of it."""
        while (opcode := await self.read()) not in (8, None):
            if opcode == 9:
                self.send(10)
        return "no goodbye" if self.close_code is None else str(self.close_code)


@dataclass
class Trial:
    """One client in one situation: its process, and each connection that it makes."""

    links: asyncio.Queue[Link] = field(default_factory=asyncio.Queue)
    process: asyncio.subprocess.Process | None = None
    came: bool = False

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        link = Link(reader, writer)
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            await link.upgrade()
            self.came = True
            await self.links.put(link)

    async def link(self) -> Link:
        return await asyncio.wait_for(self.links.get(), 20)


async def leave_by(trial: Trial, number: signal.Signals | None) -> str:
    """The server's view of the end, after a signal or after the process's own end."""
    link = await trial.link()
    assert trial.process
    if number is None:
        link.send(1, b"go")
    else:
        await asyncio.sleep(0.5)
        trial.process.send_signal(number)
    return await asyncio.wait_for(link.until_end(), 10)


async def computes(trial: Trial) -> str:
    """A handler computes for 5 s; the server pings each 0.25 s and drops a client after 2 s of silence."""
    link = await trial.link()
    link.send(1, b"go")
    start = link.heard = time.monotonic()
    reading = asyncio.create_task(link.until_end())
    while time.monotonic() < start + 5:
        link.send(9)
        await asyncio.sleep(0.25)
        if reading.done() or time.monotonic() > link.heard + 2:
            reading.cancel()
            return f"dropped after {time.monotonic() - start:.0f} s"
    reading.cancel()
    return "keeps its line"


async def half_open(trial: Trial) -> str:
    """The line is dead: no byte arrives. When does the program notice it, within 60 s?"""
    link = await trial.link()  # kept: a stream without a reference is closed
    assert trial.process
    assert trial.process.stdout
    start = time.monotonic()
    with contextlib.suppress(asyncio.TimeoutError):
        while line := await asyncio.wait_for(trial.process.stdout.readline(), start + 60 - time.monotonic()):
            if line.startswith(b"closed"):
                return f"after {time.monotonic() - start:.0f} s"
    link.writer.close()
    return "not in 60 s"


async def kicked(trial: Trial) -> str:
    """The server accepts and kicks with 4000, for 10 s. How often does the client come?"""
    visits, start = 0, time.monotonic()
    with contextlib.suppress(asyncio.TimeoutError):
        while True:
            link = await asyncio.wait_for(trial.links.get(), start + 10 - time.monotonic())
            visits += 1
            link.send(8, struct.pack("!H", 4000))
            await asyncio.sleep(0.05)
            link.writer.close()
    return "once" if visits == 1 else f"{visits} times"


SITUATIONS: dict[str, tuple[str, Callable[[Trial], Awaitable[str]]]] = {
    "SIGTERM": ("stay", lambda trial: leave_by(trial, signal.SIGTERM)),
    "Ctrl+C": ("stay", lambda trial: leave_by(trial, signal.SIGINT)),
    "normal exit": ("exit", lambda trial: leave_by(trial, None)),
    "a handler raises": ("raise", lambda trial: leave_by(trial, None)),
    "a handler computes 5 s": ("compute", computes),
    SLOW: ("stay", half_open),
    "kicked for 10 s: comes": ("return", kicked),
}


async def run(client: str, situation: str, places: asyncio.Semaphore) -> str:
    mode, judge = SITUATIONS[situation]
    async with places:
        trial = Trial()
        server = await asyncio.start_server(trial.accept, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        trial.process = await asyncio.create_subprocess_exec(
            *map(str, CLIENTS[client]), f"ws://127.0.0.1:{port}/", mode, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
        )
        try:
            return await judge(trial)
        except asyncio.TimeoutError:
            return "stays" if trial.came else "never came"
        finally:
            with contextlib.suppress(ProcessLookupError):  # it may have ended by itself
                trial.process.kill()
            await trial.process.wait()
            server.close()


async def main() -> None:
    situations = [situation for situation in SITUATIONS if situation != SLOW or not QUICK]
    places = asyncio.Semaphore(6)  # a dead line takes a minute, and none of the time of this machine
    cells = {
        (client, situation): asyncio.create_task(run(client, situation, places))
        for situation in sorted(situations, key=SLOW.__ne__)
        for client in CLIENTS
    }
    print(f"| | {' | '.join(CLIENTS)} |\n|---|{'---|' * len(CLIENTS)}")
    for situation in situations:
        print(f"| {situation} | {' | '.join([await cells[client, situation] for client in CLIENTS])} |", flush=True)


if __name__ == "__main__":
    asyncio.run(main())
