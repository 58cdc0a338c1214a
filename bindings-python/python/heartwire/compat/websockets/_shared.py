"""The common parts of the asyncio and the threading connection: arguments, options for Heartwire, properties. This file does no I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..._fragments import WHOLE
from ..._inbox import listen_privately
from ._arguments import queue_marks, request_headers, time_limit, write_marks
from ._data import Request, Response, State
from ._outcome import opening_failed, response_of
from ._transport import Transport

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ..._native import OpenEvent
    from ._data import Data, HeadersLike
    from ._outcome import ClientProtocol


class Shared:
    """A connection's arguments and properties. `heartwire` is Heartwire's own connection."""

    heartwire: Any
    _timed_out = "timed out during opening handshake"

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

    def _make(self, face: Any, headers: HeadersLike | None, user_agent: str | None, open_timeout: float | None, **listeners: Any) -> Any:
        """Make Heartwire's connection, of the type `face`. `listeners` hear of its events before it is open."""
        arguments, uri = self.protocol.arguments, self.protocol.uri
        shown, own = request_headers(arguments, uri, headers, user_agent)
        self.request = Request(uri.resource_name, shown)
        options = {
            **arguments.options,
            "headers": own,
            "user_agent": user_agent or "",
            "open_timeout": open_timeout,
            "close_timeout": time_limit(self.close_timeout),
            "ping_interval": self.ping_interval,
            "ping_timeout": self.ping_timeout,
            "write_limit": self._write_marks[1],
            "max_buffered": 2**53 - 1,
            "deliver_after_close": True,
        }
        made = self.heartwire = face(self.protocol.address, arguments.subprotocols, options, self.protocol.closed)
        made.write_high = self._write_marks[0]
        made._inbox.high, made._inbox.low = self._queue_marks
        if self._queue_marks[0] == float("inf"):
            made._inbox.size_high = self._queue_marks[0]
        listen_privately(made.socket, open=self._on_open, **listeners)
        return made

    def _give_up(self, error: BaseException) -> Exception:
        """Drop the connection that could not be opened, and return the exception to raise. Raises a cancellation again."""
        self.heartwire.socket.terminate()
        if not isinstance(error, Exception):
            raise error
        self.protocol.handshake_exc = opening_failed(error, self.protocol.address, self._timed_out)
        return self.protocol.handshake_exc

    def _on_open(self, event: OpenEvent) -> None:
        self.protocol.opened(self.heartwire.socket, event.extensions)
        self.transport.opened(self.heartwire.socket, self.protocol.server_hostname)
        self.response = response_of(101, event.headers)

    @property
    def state(self) -> State:
        """The state of the connection; with threads, as of the last call."""
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
        latency: float = self.heartwire.latency
        return latency

    @property
    def local_address(self) -> Any:
        """Our address, or None if it is unknown."""
        return self.transport.get_extra_info("sockname")

    @property
    def remote_address(self) -> Any:
        """The address of the peer, or None if it is unknown."""
        return self.transport.get_extra_info("peername")


def decoded(message: Data, decode: bool | None) -> Data:
    """Return a message as str (True), as bytes (False) or as it came (None)."""
    if decode is None:
        return message
    if decode:
        return message if isinstance(message, str) else message.decode()
    return message.encode() if isinstance(message, str) else message


def as_kind(message: Any, text: bool | None) -> Any:
    """Return what is sent as text (True), as binary (False) or by its type (None)."""
    if text is None:
        return message
    if text:
        return message if isinstance(message, str) else bytes(message).decode()
    return message.encode() if isinstance(message, str) else message


def parts_of(message: Iterable[Data], text: bool | None) -> Iterator[Any] | None:
    """Return the parts of a message, of one kind; None for an empty iterable, which sends nothing."""
    parts = iter(message)
    first = next(parts, None)
    return None if first is None else _parts(first, parts, text)


def _parts(part: Any, rest: Iterator[Any], text: bool | None) -> Iterator[Any]:
    while part is not None:
        if not isinstance(part, WHOLE):
            raise TypeError("iterable must contain bytes or str")
        yield as_kind(part, text)
        part = next(rest, None)


def payload_of(data: str | bytes | None) -> bytes | None:
    """Return the payload of a ping or a pong as bytes. Raises TypeError."""
    if data is None:
        return None
    if not isinstance(data, WHOLE):
        raise TypeError("data must be str or bytes-like")
    return data.encode() if isinstance(data, str) else bytes(data)
