"""An echo server in its own process: `peer.py [deflate]` prints its port, and serves until its standard input ends.

It must not know Heartwire: its WebSocket side is the one of `websockets`, on a bare protocol of asyncio, for ten thousand connections.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

from websockets.extensions.permessage_deflate import ServerPerMessageDeflateFactory
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.server import ServerProtocol

DEFLATE = [ServerPerMessageDeflateFactory()] if "deflate" in sys.argv[1:] else []


class Connection(asyncio.Protocol):
    """One connection."""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.websocket = ServerProtocol(extensions=DEFLATE)

    def data_received(self, data: bytes) -> None:
        self.websocket.receive_data(data)
        for event in self.websocket.events_received():
            if isinstance(event, Request):
                self.websocket.send_response(self.websocket.accept(event))
            elif isinstance(event, Frame) and event.opcode is Opcode.TEXT:
                self.websocket.send_text(bytes(event.data))
        self.flush()

    def eof_received(self) -> bool:
        self.websocket.receive_eof()
        self.flush()
        return False

    def flush(self) -> None:
        for data in self.websocket.data_to_send():
            if data:
                self.transport.write(data)
            else:
                self.transport.write_eof()


async def main() -> None:
    loop = asyncio.get_running_loop()
    listening: Any = await loop.create_server(Connection, "127.0.0.1", 0, backlog=1024)
    print(listening.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main())
