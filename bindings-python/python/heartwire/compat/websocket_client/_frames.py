"""The queue of received frames, messages and control frames in order, and a descriptor that is readable while the queue has one."""

from __future__ import annotations

import socket as _socket
import threading
from typing import TYPE_CHECKING, Any

from ... import sync
from ..._inbox import Inbox, listen_privately
from ._abnf import ABNF, close_payload
from ._exceptions import WebSocketConnectionClosedException

if TYPE_CHECKING:
    from typing_extensions import Self

    from ..._native import CloseEvent, PingEvent, PongEvent


class Control(bytes):
    """The payload of a control frame."""

    opcode: int

    def __new__(cls, opcode: int, payload: bytes) -> Self:
        """Make one."""
        control = super().__new__(cls, payload)
        control.opcode = opcode
        return control


class _Frames(sync.SharedInbox):
    """An inbox with a descriptor, once a caller has asked for one."""

    __slots__ = ("bell", "ringing")

    def __init__(self, socket: Any, closed: Any) -> None:
        super().__init__(socket, closed)
        self.bell: tuple[_socket.socket, _socket.socket] | None = None

    # A byte waits for each item: both change under the lock, so the descriptor is right for every thread.

    def add(self, item: str | bytes) -> None:
        with self._lock:
            Inbox.add(self, item)
            self._ring()

    def get(self) -> str | bytes:
        with self._lock:
            item = Inbox.get(self)
            if self.bell is not None:
                self.bell[0].recv(1)
            return item

    def ring(self) -> None:
        """Make the descriptor readable for good: the connection is at its end."""
        with self._lock:
            self._ring()

    def _ring(self) -> None:
        if self.bell is not None:
            self.bell[1].send(b"\0")

    def open_bell(self) -> int:
        """Make the descriptor once, and return its number."""
        with self._lock:
            if self.bell is None:
                self.bell = _socket.socketpair()
                self.bell[0].setblocking(False)
                waiting = len(self.messages) + (self.end is not None)
                if waiting:
                    self.bell[1].send(b"\0" * waiting)
            return self.bell[0].fileno()

    def close_bell(self) -> None:
        """Close it."""
        with self._lock:
            for end in self.bell or ():
                end.close()
            self.bell = None


class Frames(sync.ClientConnection):
    """A connection whose pings, pongs and Close are received, too. Only for `WebSocket` of this package."""

    _inbox_type = _Frames
    _inbox: _Frames

    def __init__(self, url: str, protocols: Any, options: Any) -> None:
        self.response: list[tuple[str, str]] = []
        self.addresses: Any = None
        self.options: dict[str, Any] = options
        #: The payloads of pings that the user has sent, without Heartwire's own pings.
        self.pings: list[bytes] = []
        self._pump: threading.Thread | None = None
        super().__init__(url, protocols, options, lambda event: WebSocketConnectionClosedException(_words(event)))
        listen_privately(self.socket, open=self._on_opened, ping=self._on_ping, pong=self._on_pong)

    def _on_opened(self, event: Any) -> None:
        self.response = event.headers
        self.addresses = self.socket._addresses

    def _on_ping(self, event: PingEvent) -> None:
        self._inbox.add(Control(ABNF.OPCODE_PING, event.payload))

    def _on_pong(self, event: PongEvent) -> None:
        if event.payload in self.pings:
            self.pings.remove(event.payload)
        elif event.latency is not None:
            return
        self._inbox.add(Control(ABNF.OPCODE_PONG, event.payload))

    def _on_close(self, event: CloseEvent) -> None:
        if event.was_clean:
            self._inbox.add(Control(ABNF.OPCODE_CLOSE, b"" if event.code == 1005 else close_payload(event.code, event.reason)))
        super()._on_close(event)
        self._inbox.ring()

    def take(self, timeout: float | None) -> str | bytes:
        """Return the next item. Raise TimeoutError, or WebSocketConnectionClosedException after the last one."""
        return self.recv(timeout)

    def fileno(self) -> int:
        """Return a descriptor that is readable while an item waits. From now on a thread delivers, because no call may follow."""
        inbox = self._inbox
        number = inbox.open_bell()
        if self._pump is None:
            self._pump = threading.Thread(target=self._wait, args=(lambda: inbox.end is not None,), name="heartwire-frames", daemon=True)
            self._pump.start()
        return number

    def release(self) -> None:
        """Close the descriptor."""
        self._inbox.close_bell()


def _words(event: CloseEvent) -> str:
    if event.error is not None and event.error.code not in ("connection_lost", "closed_by_peer"):
        return f"Connection to remote host was lost: {event.error}"
    return "Connection to remote host was lost."
