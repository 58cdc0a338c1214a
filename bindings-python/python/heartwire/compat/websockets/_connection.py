"""`ClientConnection` for asyncio, with the members of `websockets.asyncio.client.ClientConnection`. Thin over `heartwire.connect`'s."""

from __future__ import annotations

import os
from collections.abc import AsyncIterable, Iterable, Mapping
from typing import TYPE_CHECKING

from ... import _aio
from ..._delivery import leave
from ..._fragments import WHOLE
from ._data import State
from ._shared import Shared, as_kind, decoded, parts_of, payload_of
from .exceptions import ConcurrencyError, ConnectionClosedOK

if TYPE_CHECKING:
    import asyncio
    from collections.abc import AsyncIterator, Awaitable
    from types import TracebackType

    from typing_extensions import Self

    from ._data import Data, HeadersLike


class ClientConnection(Shared):
    """A connection to receive from and send to, made by `connect()`.

    Messages arrive whole: `recv_streaming()` gives each as one fragment. `request` has no `Sec-WebSocket-Key` and no offer of extensions.
    `heartwire` is Heartwire's own connection.
    """

    heartwire: _aio.ClientConnection
    _streaming = False

    async def handshake(
        self, additional_headers: HeadersLike | None = None, user_agent_header: str | None = None, *, open_timeout: float | None = 10
    ) -> None:
        """Open the connection. Raises the exceptions of `connect()`."""
        face = self._make(_Face, additional_headers, user_agent_header, open_timeout, close=self.protocol.ended)
        try:
            await face._opened
        except BaseException as error:
            raise self._give_up(error)  # noqa: B904 - its cause is set

    async def recv(self, decode: bool | None = None) -> Data:
        """Return the next message: text as str, binary as bytes; `decode` makes it str (True) or bytes (False).

        Raises ConnectionClosed after the last; ConcurrencyError if another task waits for one. Cancelling it loses nothing.
        """
        self._check_receiver("recv")
        return decoded(await self.heartwire.recv(), decode)

    async def recv_streaming(self, decode: bool | None = None) -> AsyncIterator[Data]:
        """Return the next message as one fragment."""
        self._check_receiver("recv_streaming")
        self._streaming = True
        try:
            message = await self.heartwire.recv()
        finally:
            self._streaming = False
        yield decoded(message, decode)

    def _check_receiver(self, call: str) -> None:
        if self.heartwire._receiver is not None or self._streaming:
            raise ConcurrencyError(f"cannot call {call} while another coroutine is already running recv or recv_streaming")

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
            await self.heartwire.send(as_kind(message, text))
        elif isinstance(message, AsyncIterable):
            await self.heartwire.send(message if text is None else (as_kind(part, text) async for part in message))
        elif isinstance(message, Iterable):
            parts = parts_of(message, text)
            if parts is not None:
                await self.heartwire.send(parts)
        else:
            raise TypeError("data must be str, bytes, iterable, or async iterable")

    async def ping(self, data: str | bytes | None = None) -> Awaitable[float]:
        """Send a ping. Await the returned value for the pong: it is the round trip in seconds."""
        payload = payload_of(data)
        if payload in self.heartwire._pings:
            raise ConcurrencyError("already waiting for a pong with the same data")
        return await self.heartwire.ping(os.urandom(4) if payload is None else payload)

    async def pong(self, data: str | bytes = b"") -> None:
        """Send a pong that answers nothing."""
        await self.heartwire.pong(payload_of(data) or b"")

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


__all__ = ["ClientConnection"]
