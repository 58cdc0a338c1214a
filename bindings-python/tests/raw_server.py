"""A WebSocket server under the test's control: each connection is a queue of received frames, and a socket to write to.

Written for the tests only, on the standard library, so that no part of Heartwire judges itself.
"""

from __future__ import annotations

import base64
import hashlib
import queue
import socket
import struct
import threading
import time
from typing import Any

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
BOUND = 60.0  # seconds for an event that comes at once on a quiet machine


class Connection:
    """One connection: the request, frames in, bytes out."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.request: list[str] = []
        self.frames: queue.Queue[tuple[int, bytes] | None] = queue.Queue()
        self.closing = False
        self.closed_at = 0.0  # the time of day of the last Close frame

    def read_request(self) -> None:
        data = b""
        while b"\r\n\r\n" not in data:
            more = self.sock.recv(65536)
            if not more:
                raise ConnectionError
            data += more
        self.request = data.decode("latin-1").split("\r\n")

    def header(self, name: str) -> str | None:
        for line in self.request[1:]:
            key, _, value = line.partition(":")
            if key.lower() == name.lower():
                return value.strip()
        return None

    def accept(self, *lines: str, first: bytes = b"") -> None:
        key = (self.header("sec-websocket-key") or "") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        accept = base64.b64encode(hashlib.sha1(key.encode()).digest()).decode()
        head = ["HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade"]
        head += [f"Sec-WebSocket-Accept: {accept}", *lines, "", ""]
        self.sock.sendall("\r\n".join(head).encode() + first)

    def read_frames(self) -> None:
        """Put whole messages and control frames into the queue until the end, which is None."""
        message, kind = b"", 0
        try:
            while True:
                first, second = self._exactly(2)
                opcode, size = first & 15, second & 127
                if size == 126:
                    (size,) = struct.unpack("!H", self._exactly(2))
                elif size == 127:
                    (size,) = struct.unpack("!Q", self._exactly(8))
                assert second & 128, "a client's frame is masked"
                mask = self._exactly(4)
                data = self._exactly(size)
                padded = data + bytes(-size % 4)
                number = int.from_bytes(padded, "big") ^ int.from_bytes(mask * (len(padded) // 4), "big")
                data = number.to_bytes(len(padded), "big")[:size]
                if opcode == CLOSE:
                    self.closed_at = time.time()
                if opcode >= 8:
                    self.frames.put((opcode, data))
                    if opcode == CLOSE and self.closing:
                        self.sock.shutdown(socket.SHUT_WR)
                    continue
                kind = opcode or kind
                message += data
                if first & 128:
                    self.frames.put((kind, message))
                    message = b""
        except (ConnectionError, OSError, ValueError):
            self.frames.put(None)

    def _exactly(self, size: int) -> bytes:
        data = bytearray()
        while len(data) < size:
            more = self.sock.recv(size - len(data))
            if not more:
                raise ConnectionError
            data += more
        return bytes(data)

    def send(self, data: str | bytes) -> None:
        if isinstance(data, str):
            self.sock.sendall(frame(TEXT, data.encode()))
        else:
            self.sock.sendall(frame(BINARY, data))

    def send_frame(self, opcode: int, payload: bytes = b"") -> None:
        self.sock.sendall(frame(opcode, payload))

    def close(self, code: int = 1000, reason: str = "") -> None:
        self.closing = True
        self.send_frame(CLOSE, struct.pack("!H", code) + reason.encode())

    def next(self, timeout: float = BOUND) -> tuple[int, bytes] | None:
        return self.frames.get(timeout=timeout)

    def next_data(self, timeout: float = BOUND) -> str | bytes:
        got = self.next(timeout)
        assert got is not None, "the connection ended"
        assert got[0] in (TEXT, BINARY), got
        return got[1].decode() if got[0] == TEXT else got[1]

    def expect_close(self, timeout: float = BOUND) -> int | None:
        """Read on until a Close frame, answer it and give its code; None if the connection ended without."""
        while True:
            got = self.next(timeout)
            if got is None:
                return None
            if got[0] == CLOSE:
                try:
                    self.send_frame(CLOSE, got[1][:2])
                    self.sock.shutdown(socket.SHUT_WR)
                except OSError:
                    pass
                return struct.unpack("!H", got[1][:2])[0] if got[1] else 1005

    def drop(self) -> None:
        """Reset the connection."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.shutdown(socket.SHUT_RD)
        self.sock.close()


def frame(opcode: int, payload: bytes, fin: bool = True) -> bytes:
    first = opcode | (128 if fin else 0)
    if len(payload) < 126:
        return bytes([first, len(payload)]) + payload
    if len(payload) < 65536:
        return bytes([first, 126]) + struct.pack("!H", len(payload)) + payload
    return bytes([first, 127]) + struct.pack("!Q", len(payload)) + payload


class RawServer:
    """Listens; each connection is accepted (unless `auto` is False) and put into `connections`."""

    def __init__(self) -> None:
        self.auto = True
        self.echo = False
        self.connections: queue.Queue[Connection] = queue.Queue()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.port = self._listener.getsockname()[1]
        self.url = f"ws://127.0.0.1:{self.port}/"
        self._all: list[Connection] = []
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> RawServer:  # noqa: PYI034 - Python 3.9 has no Self
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        # A connection of our own ends accept(): closing a listener does not.
        self._closing = True
        socket.create_connection(("127.0.0.1", self.port)).close()
        self._thread.join()
        self._listener.close()
        for connection in self._all:
            connection.sock.close()

    _closing = False

    def _run(self) -> None:
        while True:
            sock, _ = self._listener.accept()
            if self._closing:
                sock.close()
                return
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock: socket.socket) -> None:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection = Connection(sock)
        self._all.append(connection)
        try:
            connection.read_request()
        except (ConnectionError, OSError):
            return
        if self.auto:
            connection.accept()
        self.connections.put(connection)
        if self.auto and self.echo:
            threading.Thread(target=connection.read_frames, daemon=True).start()
            self._echo(connection)
        elif self.auto:
            connection.read_frames()

    def _echo(self, connection: Connection) -> None:
        while True:
            got = connection.frames.get()
            if got is None:
                return
            opcode, payload = got
            try:
                if opcode == CLOSE:
                    connection.send_frame(CLOSE, payload)
                    connection.sock.shutdown(socket.SHUT_WR)
                elif opcode == PING:
                    connection.send_frame(PONG, payload)
                elif opcode != PONG:
                    connection.send_frame(opcode, payload)
            except OSError:
                return

    def connection(self, timeout: float = BOUND) -> Connection:
        return self.connections.get(timeout=timeout)


def drive(server: RawServer, *steps: Any) -> threading.Thread:
    """Play the server's side of the first connection on a thread."""

    def play() -> None:
        connection = server.connection()
        for step in steps:
            step(connection)

    thread = threading.Thread(target=play)
    thread.start()
    return thread
