"""`connect` and `ClientConnection` for threads, with the parameters and members of `websockets.sync.client`. Thin over `heartwire.sync`.

No thread runs behind it: received data is read when a call is made. `state` changes with the calls, too; meanwhile Heartwire keeps the
connection alive.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from ... import sync as _sync
from ..._fragments import WHOLE
from ._data import State
from ._opening import Opening, Retry
from ._shared import Shared, as_kind, decoded, parts_of, payload_of
from .exceptions import ConcurrencyError, ConnectionClosedOK

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from typing_extensions import Self

    from ..._native import CloseEvent, PongEvent
    from ._data import Data, HeadersLike

__all__ = ["ClientConnection", "connect", "reconnect", "unix_connect"]


class _Pong(threading.Event):
    """Set when the pong has arrived. Waiting for it delivers other events, too."""

    def __init__(self, face: _sync.ClientConnection) -> None:
        super().__init__()
        self._face = face

    def wait(self, timeout: float | None = None) -> bool:
        """Wait for the pong, or the end; False after `timeout` seconds without either."""
        try:
            self._face._wait(self.is_set, timeout)
        except TimeoutError:
            return False
        return True


class ClientConnection(Shared):
    """A connection to receive from and send to, made by `connect()`. Its members may be used from any thread.

    Messages arrive whole: `recv_streaming()` gives each as one fragment. `heartwire` is Heartwire's own connection.
    """

    heartwire: _sync.ClientConnection
    _timed_out = "timed out while waiting for handshake response"

    def handshake(
        self, additional_headers: HeadersLike | None = None, user_agent_header: str | None = None, timeout: float | None = None
    ) -> None:
        """Open the connection. Raises the exceptions of `connect()`."""
        self._pongs: dict[bytes, _Pong] = {}
        listeners = {"pong": self._on_pong, "close": self._on_close}
        face = self._make(_Face, additional_headers, user_agent_header, timeout, **listeners)
        try:
            face._open()
        except BaseException as error:
            raise self._give_up(error)  # noqa: B904 - its cause is set

    def _on_pong(self, event: PongEvent) -> None:
        waiter = self._pongs.pop(event.payload, None)
        if waiter is not None:
            waiter.set()

    def _on_close(self, event: CloseEvent) -> None:
        self.protocol.ended(event)
        for waiter in self._pongs.values():
            waiter.set()

    def recv(self, timeout: float | None = None, decode: bool | None = None) -> Data:
        """Return the next message; `decode` makes it str (True) or bytes (False). Raises TimeoutError and ConnectionClosed."""
        return decoded(self.heartwire.recv(timeout), decode)

    def recv_streaming(self, decode: bool | None = None) -> Iterator[Data]:
        """Return the next message as one fragment."""
        yield self.recv(decode=decode)

    def __iter__(self) -> Iterator[Data]:
        """Return messages until both sides have sent a Close."""
        try:
            while True:
                yield self.recv()
        except ConnectionClosedOK:
            return

    def send(self, message: Data | Iterable[Data], text: bool | None = None) -> None:
        """Send a message, an iterable in fragments; `text` sends bytes as text (True) or str as binary (False). Raises ConnectionClosed."""
        if isinstance(message, Mapping):
            raise TypeError("data is a dict-like object")
        if isinstance(message, WHOLE):
            self.heartwire.send(as_kind(message, text))
        elif isinstance(message, Iterable):
            parts = parts_of(message, text)
            if parts is not None:
                self.heartwire.send(parts)
        else:
            raise TypeError("data must be str, bytes, or iterable")

    def ping(self, data: str | bytes | None = None) -> threading.Event:
        """Send a ping. `wait()` on the returned object for the pong, or the end."""
        given = payload_of(data)
        payload = os.urandom(4) if given is None else given
        if payload in self._pongs:
            raise ConcurrencyError("already waiting for a pong with the same data")
        waiter = self._pongs[payload] = _Pong(self.heartwire)
        try:
            self.heartwire.ping(payload)
        except BaseException:
            del self._pongs[payload]
            raise
        return waiter

    def pong(self, data: str | bytes = b"") -> None:
        """Send a pong that answers nothing."""
        self.heartwire.pong(payload_of(data) or b"")

    def close(self, code: int = 1000, reason: str = "") -> None:
        """Close, and wait for the end. Earlier messages can still be received."""
        if self.state is State.OPEN:
            self.protocol.closing(code, reason)
            self.heartwire.close(code, reason)

    def wait_closed(self, timeout: float | None = None) -> bool:
        """Wait until the connection is closed; False after `timeout` seconds."""
        try:
            self.heartwire._wait(lambda: self.heartwire._inbox.end, timeout)
        except TimeoutError:
            return False
        return True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Close: with 1000, after an exception with 1011, with 1001 if the program ends."""
        if self.state is State.OPEN and kind is not None:
            self.protocol.closing(1011 if issubclass(kind, Exception) else 1001, "")
            self.heartwire.__exit__(kind, error, trace)
        else:
            self.close()


class _Face(_sync.ClientConnection):
    """Heartwire's connection, whose `send` begins to wait at another mark than it goes on at."""

    write_high = 2**15

    def _drained(self) -> None:
        if self.socket.buffered_amount > self.write_high:
            super()._drained()


class reconnect(Opening):
    """Open connections again and again: `for ws in reconnect(uri):`; also a context manager. The parameters are those of `connect`."""

    _connection_type = ClientConnection
    _ignores_none = True

    def connect(self) -> ClientConnection:
        """Open it, through redirects."""
        for connection, rest in self._attempts():
            opened: ClientConnection = connection
            try:
                opened.handshake(self.additional_headers, self.user_agent_header, rest)
            except Exception as exc:
                self._redirected(exc)
            else:
                return opened
        raise AssertionError("the attempts end with an exception")

    def __enter__(self) -> ClientConnection:
        if hasattr(self, "connection"):
            raise RuntimeError("connect() isn't reentrant")
        self.connection = self.connect()
        return self.connection.__enter__()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        try:
            self.connection.__exit__(kind, error, trace)
        finally:
            del self.connection

    def __iter__(self) -> Iterator[ClientConnection]:
        retry = Retry(self.process_exception, self.reconnect_delays)
        while True:
            try:
                with self as connection:
                    yield connection
            except Exception as exc:
                delay = retry.failed(exc)
                self.logger.info("connect failed; reconnecting in %.1f seconds: %s", delay, exc)
                time.sleep(delay)
            else:
                retry.succeeded()


def connect(uri: str, *, legacy: bool | None = None, **kwargs: Any) -> Any:
    """Open a connection, also usable as a context manager. Takes the arguments of `reconnect`, and raises as asyncio's `connect` does.

    `legacy=False` gives a `reconnect` object instead, which does not open a connection yet.
    """
    opening = reconnect(uri, **kwargs)
    return opening if legacy is False else opening.connect()


def unix_connect(path: str | None = None, uri: str | None = None, **kwargs: Any) -> Any:
    """Connect to a server on a unix socket; the arguments are those of `connect`."""
    if path is None:
        raise ValueError("missing path argument")
    if uri is None:
        uri = "ws://localhost/" if kwargs.get("ssl") is None else "wss://localhost/"
    return connect(uri, unix=True, path=path, **kwargs)
