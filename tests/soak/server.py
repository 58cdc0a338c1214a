"""The server of the soak: `server.py HOST PORT GENERATION SEED JOURNAL`. It talks with bots, plays faults by its seed, and keeps a journal.

It owns the faults and the journal; SIGUSR1 makes it a good server. A line of the journal is written before its act, with one
write(2), so that it is true after kill -9. It must not know Heartwire: its WebSocket side is the one of `websockets`.

A bot's path is `/NAME`. It sends `u NUMBER`, one after the other; the server answers `a NUMBER`, and sends `d NUMBER` by itself, which the bot
answers with `k NUMBER`. Words behind the number are padding. The reason of a clean close is the last NUMBER that was sent.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import socket
import struct
import sys
from typing import Any

from websockets.extensions.permessage_deflate import ServerPerMessageDeflateFactory
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import State
from websockets.server import ServerProtocol

CODES = [1000, 1001, 1008, 1011, 1012, 4000, 4001]
GARBAGE = [b"\x83\x00", b"\x81\x01\x80", b"\x88\x01\x00", b"\xc1\x03\xff\xff\xff", b"\x81\x81abcde"]  # each must be refused by a client
BEFORE = ["401", "503", "reset", "end", "garbage", "stall"]
AFTER = ["close", "close", "close without waiting", "reset", "end", "garbage", "half a frame", "stall", "mute"]


class Server:
    """What the connections share."""

    def __init__(self, generation: int, seed: int, journal: str) -> None:
        self.first = generation * 10_000_000  # so that no number is used twice, whatever the last generation sent
        self.chance = random.Random(f"{seed} {generation}")
        self.journal = os.open(journal, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self.sent: dict[str, int] = {}
        self.connections = self.first
        self.calm = False

    def note(self, *words: object) -> None:
        os.write(self.journal, " ".join(map(str, words)).encode() + b"\n")

    def become_calm(self) -> None:
        self.calm = True


class Connection(asyncio.Protocol):
    """One connection, from its first byte to its end."""

    def __init__(self, server: Server) -> None:
        self.server, self.chance = server, server.chance
        self.number = server.connections
        server.connections += 1
        self.bot = ""
        self.life: asyncio.Task[None] | None = None
        self.muted = False
        self.websocket = ServerProtocol(extensions=[ServerPerMessageDeflateFactory()], max_size=1 << 20)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.websocket.receive_data(data)
        for event in self.websocket.events_received():
            if isinstance(event, Request):
                self.answer(event)
            elif isinstance(event, Frame) and event.opcode is Opcode.TEXT:
                self.heard(bytes(event.data).decode())
        self.flush()

    def eof_received(self) -> bool:
        self.websocket.receive_eof()
        self.flush()
        return False

    def connection_lost(self, error: Exception | None) -> None:
        if self.life is not None:
            self.life.cancel()

    def flush(self) -> None:
        for data in self.websocket.data_to_send():
            if self.muted or self.transport.is_closing():
                continue
            if data:
                self.transport.write(data)
            elif self.transport.can_write_eof():
                self.transport.write_eof()

    def reset(self) -> None:
        raw = self.transport.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()

    # What the bots see

    def answer(self, request: Request) -> None:
        self.bot = request.path.lstrip("/")
        fate = self.chance.choice(BEFORE) if not self.server.calm and self.chance.random() < 0.15 else "accept"
        if fate == "reset":
            self.reset()
        elif fate == "end":
            self.transport.close()
        elif fate == "garbage":
            self.transport.write(b"SSH-2.0-OpenSSH_9.6\r\n\r\n")
            self.transport.close()
        elif fate == "stall":
            self.life = asyncio.ensure_future(self.stall(self.chance.uniform(0.5, 4)))
        elif fate == "accept":
            self.websocket.send_response(self.websocket.accept(request))
            self.life = asyncio.ensure_future(self.live())
        else:
            self.websocket.send_response(self.websocket.reject(int(fate), "no"))

    def heard(self, text: str) -> None:
        kind, number, *_ = text.split(" ", 2)
        self.server.note("U" if kind == "u" else "K", self.number, self.bot, number)
        if kind == "u" and self.websocket.state is State.OPEN:
            self.websocket.send_text(f"a {number}".encode())

    def send(self, size: int) -> int:
        number = self.server.sent.get(self.bot, self.server.first) + 1
        self.server.sent[self.bot] = number
        self.server.note("W", self.number, self.bot, number)
        self.websocket.send_text(f"d {number} {'x' * size}".encode())
        return number

    async def live(self) -> None:
        if self.websocket.state is not State.OPEN:
            return
        end = asyncio.get_running_loop().time() + self.chance.expovariate(1 / 4)
        last = self.send(0)
        self.flush()
        while self.server.calm or asyncio.get_running_loop().time() < end:
            await asyncio.sleep(self.chance.uniform(0.02, 0.3))
            if self.websocket.state is not State.OPEN:
                return
            for _ in range(40 if self.chance.random() < 0.05 else 1):
                last = self.send(self.chance.choice([0, 10, 100, 5000, 100_000]))
            self.flush()
        await self.finish(self.chance.choice(AFTER), last)

    async def finish(self, fate: str, last: int) -> None:
        if fate.startswith("close"):
            self.server.note("C", self.number, self.bot, last)
            self.websocket.send_close(self.chance.choice(CODES), str(last))
            self.flush()
            if "without" not in fate:
                await asyncio.sleep(3)
            self.transport.close()
        elif fate == "reset":
            self.reset()
        elif fate == "end":
            self.transport.close()
        elif fate == "garbage":
            # The messages before it were received: they must be delivered before the connection is failed.
            self.server.note("G", self.number, self.bot, last)
            self.muted = True
            self.transport.write(self.chance.choice(GARBAGE))
            await asyncio.sleep(3)
            self.transport.close()
        elif fate == "half a frame":
            self.muted = True
            self.transport.write(b"\x81\x7e\x10\x00half")
            await asyncio.sleep(self.chance.uniform(0, 4))
            self.transport.close()
        elif fate == "mute":  # reads, and says nothing
            self.muted = True
            await asyncio.sleep(6)
            self.transport.close()
        else:
            await self.stall(self.chance.uniform(0.2, 6))
            await self.live()

    async def stall(self, seconds: float) -> None:
        self.transport.pause_reading()
        await asyncio.sleep(seconds)
        if not self.transport.is_closing():
            self.transport.resume_reading()


async def main(host: str, port: int, generation: int, seed: int, journal: str) -> None:
    server = Server(generation, seed, journal)
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGUSR1, server.become_calm)
    listening: Any = await loop.create_server(lambda: Connection(server), host, port)
    print(listening.sockets[0].getsockname()[1], flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]), sys.argv[5]))
