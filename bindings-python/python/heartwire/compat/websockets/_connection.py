"""`ClientConnection` for asyncio, with the members of `websockets.asyncio.client.ClientConnection`. Thin over `heartwire.connect`'s."""

from __future__ import annotations

import os
from collections.abc import AsyncIterable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from ... import _aio
from ..._delivery import leave
from ..._fragments import WHOLE
from ..._inbox import listen_privately
from ._arguments import queue_marks, request_headers, time_limit, write_marks
from ._data import Request, Response, State
from ._outcome import opening_failed, response_of
from ._transport import Transport
from .exceptions import ConcurrencyError, ConnectionClosedOK

if TYPE_CHECKING:
    import asyncio
    from collections.abc import AsyncIterator, Awaitable
    from types import TracebackType

    from typing_extensions import Self

    from ..._native import OpenEvent
    from ._data import Data, HeadersLike
    from ._outcome import ClientProtocol


class ClientConnection:
    """A connection to receive from and send to, made by `connect()`.

    Messages arrive whole: `recv_streaming()` gives each as one fragment. `request` has no `Sec-WebSocket-Key` and no offer of extensions.
    `heartwire` is Heartwire's own connection.
    """

    heartwire: _aio.ClientConnection

    def __init__(
        self,
        protocol: ClientProtocol,
        *,
        ping_interval: float | None = 20,
        ping_timeout: float | None = 20,
        close_timeout: float | None = 10,
        max_queue: int | tuple[int | None, int | None] | None = 16,
        write_limit: int | tuple[int, int | None] = 2**15,
    ) -> None:
        self.protocol = protocol
        self.id = protocol.id
        self.logger = protocol.logger
        self.debug = protocol.debug
        self.ping_interval = ping_interval
        self.ping_timeout = ping_timeout
        self.close_timeout = close_timeout
        self.request: Request | None = None
        self.response: Response | None = None
        self.transport = Transport()
        self._queue_marks = queue_marks(max_queue)
        self._write_marks = write_marks(write_limit)
        self._streaming = False

    async def handshake(
        self, additional_headers: HeadersLike | None = None, user_agent_header: str | None = None, *, open_timeout: float | None = 10
    ) -> None:
        """Open the connection. Raises the exceptions of `connect()`."""
        arguments, uri = self.protocol.arguments, self.protocol.uri
        headers, own = request_headers(arguments, uri, additional_headers, user_agent_header)
        self.request = Request(uri.resource_name, headers)
        options = {
            **arguments.options,
            "headers": own,
            "user_agent": user_agent_header or "",
            "open_timeout": open_timeout,
            "close_timeout": time_limit(self.close_timeout),
            "ping_interval": self.ping_interval,
            "ping_timeout": self.ping_timeout,
            "write_limit": self._write_marks[1],
            "max_buffered": 2**53 - 1,
            "deliver_after_close": True,
        }
        face = self.heartwire = _Face(self.protocol.address, arguments.subprotocols, options, self.protocol.closed)
        face.write_high = self._write_marks[0]
        face._inbox.high, face._inbox.low = self._queue_marks
        if self._queue_marks[0] == float("inf"):
            face._inbox.size_high = self._queue_marks[0]
        listen_privately(face.socket, open=self._on_open, close=self.protocol.ended)
        try:
            await face._opened
        except BaseException as error:
            face.socket.terminate()
            if not isinstance(error, Exception):
                raise
            self.protocol.handshake_exc = opening_failed(error, self.protocol.address)
            raise self.protocol.handshake_exc  # noqa: B904 - its cause is set

    def _on_open(self, event: OpenEvent) -> None:
        self.protocol.opened(self.heartwire.socket, event.extensions)
        self.transport.opened(self.heartwire.socket, self.protocol.server_hostname)
        self.response = response_of(101, event.headers)

    @property
    def state(self) -> State:
        """The state of the connection."""
        return self.protocol.state

    @property
    def subprotocol(self) -> str | None:
        """The subprotocol in use."""
        return self.protocol.subprotocol

    @property
    def close_code(self) -> int | None:
        """The code of the close; None while it lasts; 1006 without a Close frame."""
        return self.protocol.close_code

    @property
    def close_reason(self) -> str | None:
        """The reason of the close; None while it lasts."""
        return self.protocol.close_reason

    @property
    def latency(self) -> float:
        """Seconds of the last round trip; 0 before the first."""
        return self.heartwire.latency

    @property
    def local_address(self) -> Any:
        """Our address, or None if it is unknown."""
        return self.transport.get_extra_info("sockname")

    @property
    def remote_address(self) -> Any:
        """The address of the peer, or None if it is unknown."""
        return self.transport.get_extra_info("peername")

    async def recv(self, decode: bool | None = None) -> Data:
        """Return the next message: text as str, binary as bytes; `decode` makes it str (True) or bytes (False).

        Raises ConnectionClosed after the last; ConcurrencyError if another task waits for one. Cancelling it loses nothing.
        """
        if self.heartwire._receiver is not None or self._streaming:
            raise ConcurrencyError("cannot call recv while another coroutine is already running recv or recv_streaming")
        message = await self.heartwire.recv()
        return message if decode is None else _decoded(message, decode)

    async def recv_streaming(self, decode: bool | None = None) -> AsyncIterator[Data]:
        """Return the next message as one fragment."""
        if self.heartwire._receiver is not None or self._streaming:
            raise ConcurrencyError("cannot call recv_streaming while another coroutine is already running recv or recv_streaming")
        self._streaming = True
        try:
            message = await self.heartwire.recv()
        finally:
            self._streaming = False
        yield message if decode is None else _decoded(message, decode)

    async def __aiter__(self) -> AsyncIterator[Data]:
        """Return messages until both sides have sent a Close."""
        try:
            while True:
                yield await self.recv()
        except ConnectionClosedOK:
            return

    async def send(self, message: Data | Iterable[Data] | AsyncIterable[Data], text: bool | None = None) -> None:
        """Send a message, an iterable in fragments; `text` sends bytes as text (True) or str as binary (False).

        Waits while more than `write_limit` bytes wait to leave. Raises ConnectionClosed.
        """
        if isinstance(message, Mapping):
            raise TypeError("data is a dict-like object")
        if isinstance(message, WHOLE):
            await self.heartwire.send(message if text is None else _as_kind(message, text))
        elif isinstance(message, AsyncIterable):
            await self.heartwire.send(message if text is None else _kinds_async(message, text))
        elif isinstance(message, Iterable):
            parts = iter(message)
            first = next(parts, None)
            if first is not None:  # an empty iterable sends nothing
                await self.heartwire.send(_kinds([first], parts, text))  # type: ignore[arg-type]
        else:
            raise TypeError("data must be str, bytes, iterable, or async iterable")

    async def ping(self, data: str | bytes | None = None) -> Awaitable[float]:
        """Send a ping. Await the returned value for the pong: it is the round trip in seconds."""
        if data is None:
            data = os.urandom(4)
        elif not isinstance(data, WHOLE):
            raise TypeError("data must be str or bytes-like")
        elif (data.encode() if isinstance(data, str) else bytes(data)) in self.heartwire._pings:
            raise ConcurrencyError("already waiting for a pong with the same data")
        return await self.heartwire.ping(data)

    async def pong(self, data: str | bytes = b"") -> None:
        """Send a pong that answers nothing."""
        if not isinstance(data, WHOLE):
            raise TypeError("data must be str or bytes-like")
        await self.heartwire.pong(data)

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close, and wait for the end. Earlier messages can still be received."""
        if not hasattr(self, "heartwire"):
            return
        if self.state is State.OPEN:
            self.protocol.closing(code, reason)
            await self.heartwire.close(code, reason)
        else:
            await self.heartwire.wait_closed()

    async def wait_closed(self) -> None:
        """Wait until the connection is closed."""
        await self.heartwire.wait_closed()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Close: with 1000, after an exception with 1011, with 1001 if the program ends."""
        if kind is None:
            await self.close()
        elif self.state is State.OPEN:
            # A GeneratorExit means that an `async for` was left.
            going = not issubclass(kind, Exception)
            self.protocol.closing(1000 if kind is GeneratorExit else 1001 if going else 1011, "")
            if kind is GeneratorExit:
                await self.heartwire.close()
            else:
                leave(self.heartwire.socket, kind)
                await self.heartwire.wait_closed()
        else:
            await self.wait_closed()


class _Face(_aio.ClientConnection):
    """Heartwire's connection, whose `send` begins to wait at one mark and resumes at another."""

    write_high = 2**15
    _receiver: asyncio.Future[None] | None

    async def _drained(self) -> None:
        if self.socket.buffered_amount > self.write_high:
            await super()._drained()


def _decoded(message: Data, decode: bool) -> Data:
    if decode:
        return message if isinstance(message, str) else message.decode()
    return message.encode() if isinstance(message, str) else message


def _as_kind(message: Any, text: bool) -> Any:
    if text:
        return message if isinstance(message, str) else bytes(message).decode()
    return message.encode() if isinstance(message, str) else message


def _kinds(first: list[Any], parts: Iterable[Any], text: bool | None) -> Iterable[Any]:
    for some in (first, parts):
        for part in some:
            if not isinstance(part, WHOLE):
                raise TypeError("iterable must contain bytes or str")
            yield part if text is None else _as_kind(part, text)


async def _kinds_async(parts: AsyncIterable[Any], text: bool) -> AsyncIterator[Any]:
    async for part in parts:
        yield _as_kind(part, text)


__all__ = ["ClientConnection"]
