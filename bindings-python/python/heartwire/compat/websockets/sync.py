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
from ..._inbox import listen_privately
from ._arguments import USER_AGENT, queue_marks, request_headers, time_limit
from ._connection import _as_kind, _decoded, _kinds
from ._data import Request, Response, State
from ._opening import Opening, Retry, backoff, process_exception
from ._outcome import opening_failed, response_of
from ._transport import Transport
from .exceptions import ConcurrencyError, ConnectionClosedOK

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from types import TracebackType

    from typing_extensions import Self

    from ..._native import CloseEvent, OpenEvent, PongEvent
    from ._data import Data, HeadersLike
    from ._outcome import ClientProtocol

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


class ClientConnection:
    """A connection to receive from and send to, made by `connect()`. Its members may be used from any thread.

    Messages arrive whole: `recv_streaming()` gives each as one fragment. `heartwire` is Heartwire's own connection.
    """

    heartwire: _sync.ClientConnection

    def __init__(
        self,
        protocol: ClientProtocol,
        *,
        ping_interval: float | None = 20,
        ping_timeout: float | None = 20,
        close_timeout: float | None = 10,
        max_queue: int | tuple[int | None, int | None] | None = 16,
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
        self._pongs: dict[bytes, _Pong] = {}

    def handshake(
        self, additional_headers: HeadersLike | None = None, user_agent_header: str | None = None, timeout: float | None = None
    ) -> None:
        """Open the connection. Raises the exceptions of `connect()`."""
        arguments, uri = self.protocol.arguments, self.protocol.uri
        headers, own = request_headers(arguments, uri, additional_headers, user_agent_header)
        self.request = Request(uri.resource_name, headers)
        options = {
            **arguments.options,
            "headers": own,
            "user_agent": user_agent_header or "",
            "open_timeout": timeout,
            "close_timeout": time_limit(self.close_timeout),
            "ping_interval": self.ping_interval,
            "ping_timeout": self.ping_timeout,
            "max_buffered": 2**53 - 1,
            "deliver_after_close": True,
        }
        face = self.heartwire = _sync.ClientConnection(self.protocol.address, arguments.subprotocols, options, self.protocol.closed)
        face._inbox.high, face._inbox.low = self._queue_marks
        if self._queue_marks[0] == float("inf"):
            face._inbox.size_high = self._queue_marks[0]
        listen_privately(face.socket, open=self._on_open, pong=self._on_pong, close=self._on_close)
        try:
            face._open()
        except BaseException as error:
            face.socket.terminate()
            if not isinstance(error, Exception):
                raise
            words = "timed out while waiting for handshake response"
            self.protocol.handshake_exc = opening_failed(error, self.protocol.address, words)
            raise self.protocol.handshake_exc  # noqa: B904 - its cause is set

    def _on_open(self, event: OpenEvent) -> None:
        self.protocol.opened(self.heartwire.socket, event.extensions)
        self.response = response_of(101, event.headers)
        self.transport.opened(self.heartwire.socket, self.protocol.server_hostname)

    def _on_pong(self, event: PongEvent) -> None:
        waiter = self._pongs.pop(event.payload, None)
        if waiter is not None:
            waiter.set()

    def _on_close(self, event: CloseEvent) -> None:
        self.protocol.ended(event)
        for waiter in self._pongs.values():
            waiter.set()

    @property
    def state(self) -> State:
        """The state of the connection, as of the last call."""
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

    def recv(self, timeout: float | None = None, decode: bool | None = None) -> Data:
        """Return the next message; `decode` makes it str (True) or bytes (False). Raises TimeoutError and ConnectionClosed."""
        message = self.heartwire.recv(timeout)
        return message if decode is None else _decoded(message, decode)

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
            self.heartwire.send(message if text is None else _as_kind(message, text))
        elif isinstance(message, Iterable):
            parts = iter(message)
            first = next(parts, None)
            if first is not None:  # an empty iterable sends nothing
                self.heartwire.send(_kinds([first], parts, text))  # type: ignore[arg-type]
        else:
            raise TypeError("data must be str, bytes, or iterable")

    def ping(self, data: str | bytes | None = None) -> threading.Event:
        """Send a ping. `wait()` on the returned object for the pong, or the end."""
        if data is not None and not isinstance(data, WHOLE):
            raise TypeError("data must be str or bytes-like")
        payload = os.urandom(4) if data is None else data.encode() if isinstance(data, str) else bytes(data)
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
        if not isinstance(data, WHOLE):
            raise TypeError("data must be str or bytes-like")
        self.heartwire.pong(data)

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


class reconnect(Opening):
    """Open connections again and again: `for ws in reconnect(uri):`; also a context manager. The parameters are those of `connect`."""

    def __init__(
        self,
        uri: str,
        *,
        origin: str | None = None,
        extensions: Sequence[Any] | None = None,
        subprotocols: Sequence[str] | None = None,
        compression: str | None = "deflate",
        additional_headers: HeadersLike | None = None,
        user_agent_header: str | None = USER_AGENT,
        proxy: str | bool | None = True,
        process_exception: Callable[[Exception], Exception | None] = process_exception,
        open_timeout: float | None = 10,
        ping_interval: float | None = 20,
        ping_timeout: float | None = 20,
        close_timeout: float | None = 10,
        reconnect_delays: Callable[[], Iterator[float]] = backoff,
        max_size: int | tuple[int | None, int | None] | None = 2**20,
        max_queue: int | tuple[int | None, int | None] | None = 16,
        logger: Any = None,
        create_connection: Callable[..., ClientConnection] | None = None,
        **kwargs: Any,
    ) -> None:
        self._take(
            uri,
            origin=origin,
            extensions=extensions,
            subprotocols=subprotocols,
            compression=compression,
            proxy=proxy,
            max_size=max_size,
            more={name: value for name, value in kwargs.items() if value is not None},
            additional_headers=additional_headers,
            user_agent_header=user_agent_header,
            process_exception=process_exception,
            open_timeout=open_timeout,
            reconnect_delays=reconnect_delays,
            logger=logger,
            factory=create_connection or ClientConnection,
            manners={
                "ping_interval": ping_interval,
                "ping_timeout": ping_timeout,
                "close_timeout": close_timeout,
                "max_queue": max_queue,
            },
        )

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
