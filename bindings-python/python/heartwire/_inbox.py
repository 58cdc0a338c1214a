"""Messages between their arrival and `recv()`. Above a bound the server has to wait. Shared by both faces that have `recv()`."""

from __future__ import annotations

from collections import deque

from ._errors import closed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from ._native import CloseEvent, MessageEvent
    from ._options import HeartbeatOptions
    from ._stats import Stats
    from ._websocket import WebSocket

#: Above so many messages, or characters and bytes of them, the socket is not read.
MESSAGES_HIGH, MESSAGES_LOW = 256, 64
SIZE_HIGH, SIZE_LOW = 1 << 20, 1 << 18


class Inbox:
    """The messages that were not received yet, and the end of the connection."""

    __slots__ = ("awaited", "closed", "end", "high", "low", "messages", "paused", "size", "size_high", "socket")

    def __init__(self, socket: WebSocket, closed: Callable[[CloseEvent], Exception] = closed) -> None:
        self.socket = socket
        #: The connection's end waits until the last message was received.
        self.awaited = False
        #: Makes the exception for an end.
        self.closed = closed
        #: Reading stops above, and resumes below, these numbers of messages.
        self.high: float = MESSAGES_HIGH
        self.low: float = MESSAGES_LOW
        #: The same limits for characters and bytes.
        self.size_high: float = SIZE_HIGH
        self.messages: deque[str | bytes] = deque()
        self.size = 0
        self.paused = False
        self.end: CloseEvent | None = None
        socket._set_receiver(self)

    def put(self, event: MessageEvent) -> None:
        """Store a message."""
        self.add(event.data)

    def add(self, item: str | bytes) -> None:
        """Store an item to be received in order."""
        self.messages.append(item)
        self.size += len(item)
        if not self.paused and (len(self.messages) >= self.high or self.size >= self.size_high):
            self.paused = True
            self.socket.pause()

    def get(self) -> str | bytes:
        """Return the oldest message."""
        message = self.messages.popleft()
        self.size -= len(message)
        if self.awaited and not self.messages:
            self.awaited = False
            self.socket._received()
        if self.paused and len(self.messages) <= self.low and self.size <= SIZE_LOW:
            self.paused = False
            self.socket.resume()
        return message

    def await_receiver(self) -> bool:
        """Tell whether messages wait to be received. If so, the socket is informed once the last one was."""
        self.awaited = bool(self.messages)
        return self.awaited

    def error(self) -> Exception:
        """Make the exception for the end."""
        assert self.end is not None, "asked for the end before it came"
        return self.closed(self.end)


def listen_privately(socket: WebSocket, **functions: Callable[[Any], object]) -> None:
    """Call functions of ours for events of these names. A handler that the user sets in `on...` does not replace them."""
    for name, function in functions.items():
        socket._add_fixed(name, function, True, False)


class Received:
    """The properties of a connection that both faces have."""

    socket: WebSocket
    _inbox: Inbox

    def set_heartbeat(self, options: HeartbeatOptions | None) -> None:
        """Set the heartbeat of the present connection, as a server requests it in its greeting. None turns it off."""
        self.socket.set_heartbeat(options)

    def reconnect(self, url: str | None = None, *, code: int | None = None, reason: str = "", overlap: bool = False) -> None:
        """Open another connection now, without a delay, to `url` if one is given (for this attempt alone).

        With `overlap` the present one stays until the other one is open and logged in, and its last messages are read.
        """
        self.socket.reconnect(url, code=code, reason=reason, overlap=overlap)

    def throttle(self, seconds: float, *, key: str | None = None) -> None:
        """Hold messages that are not urgent, or those with this key, for so many seconds: the server asked to slow down. 0 ends it."""
        self.socket.throttle(seconds, key=key)

    @property
    def latency(self) -> float:
        """Seconds of the last round trip; 0 before the first."""
        return self.socket.latency or 0.0

    @property
    def stats(self) -> Stats:
        """The counts so far, over all connections."""
        return self.socket.stats

    @property
    def subprotocol(self) -> str | None:
        """The subprotocol in use."""
        return self.socket.protocol or None

    @property
    def close_code(self) -> int | None:
        """The code of the close; None while it lasts."""
        return None if self._inbox.end is None else self._inbox.end.code

    @property
    def close_reason(self) -> str | None:
        """The reason of the close; None while it lasts."""
        return None if self._inbox.end is None else self._inbox.end.reason

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self.socket!r}>"
