"""`heartwire.sync.connect`: the blocking face, with the names of `websockets.sync`. Thin over `WebSocket`; the caller's thread delivers."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from . import _bot
from ._bot import UNSET
from ._delivery import ThreadHub, leave
from ._errors import ConnectionClosedOK, InvalidStateError, WebSocketError, closed
from ._fragments import WHOLE, Fragments
from ._inbox import Inbox, Received, listen_privately
from ._json import parsed
from ._shutdown import shutdown_blocking as shutdown
from ._websocket import WebSocket

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from types import TracebackType

    from typing_extensions import Self, Unpack

    from ._fragments import Data
    from ._native import CloseEvent, ErrorEvent, Event
    from ._options import Options
    from ._websocket import Protocols, Url

__all__ = ["ClientConnection", "connect", "shutdown"]


class SharedInbox(Inbox):
    """An inbox that the thread which delivers fills while others take from it."""

    __slots__ = ("_lock",)

    def __init__(self, socket: WebSocket, closed: Callable[[CloseEvent], Exception]) -> None:
        super().__init__(socket, closed)
        self._lock = threading.Lock()

    def add(self, item: str | bytes) -> None:
        with self._lock:
            super().add(item)

    def get(self) -> str | bytes:
        with self._lock:
            return super().get()

    def await_receiver(self) -> bool:
        with self._lock:
            return super().await_receiver()


class _CallersHub(ThreadHub):
    """A hub that takes its turns while a call waits. Otherwise the background stands in."""

    __slots__ = ("_wakes",)

    def __init__(self) -> None:
        super().__init__()
        #: The socket that gets a turn, and when.
        self._wakes: tuple[float, int] | None = None

    def wake_later(self, token: int, seconds: float) -> None:
        """Give a socket a turn in so many seconds, if a call waits then."""
        self._wakes = (time.monotonic() + seconds, token)

    def take_turn(self, timeout: float | None) -> None:
        """Wait, at most `timeout` seconds, and deliver once."""
        if self._wakes is not None:
            at, token = self._wakes
            rest = max(0.0, at - time.monotonic())
            if rest == 0.0:
                self._wakes = None
                self._wake(token)
            else:
                timeout = rest if timeout is None else min(timeout, rest)
        super().take_turn(timeout)

    def stalled(self, function: object | None, seconds: float) -> None:
        """Do nothing: the caller may do other things in between."""


class ClientConnection(Received):
    """A connection to receive from and send to. All methods may be used from any thread."""

    _inbox_type = SharedInbox

    def __init__(self, url: Url, protocols: Protocols, options: Any, closed: Callable[[CloseEvent], Exception] = closed) -> None:
        #: The WebSocket underneath: for more events, `terminate()` and the properties.
        self.socket = socket = WebSocket.__new__(WebSocket, url)
        socket._init(None, url, protocols, options, self)
        if socket._wants_loop:
            raise TypeError("an async function needs an asyncio loop: use heartwire.connect")
        self._inbox = self._inbox_type(socket, closed)
        self._hub = _CallersHub()
        self._turn = threading.Condition()
        self._pumping = False
        self._is_open = False
        self._drains = 0
        self._error: WebSocketError | None = None
        # With a login, the connection counts as open once that is done.
        opened: Any = {"ready" if socket._logs_in else "open": self._on_open}
        listen_privately(socket, **opened, message=self._inbox.put, error=self._on_error, close=self._on_close, drain=self._on_drain)
        self._hub.attach(socket)

    def _on_open(self, event: Event) -> None:
        self._is_open = True

    def _on_error(self, event: ErrorEvent) -> None:
        self._error = event.error

    def _on_drain(self, event: Event) -> None:
        self._drains += 1

    def _on_close(self, event: CloseEvent) -> None:
        if not event.will_reconnect:
            self._inbox.end = event

    def _wait(self, ready: Callable[[], object], timeout: float | None = None) -> None:
        """Wait until `ready()`. One of the threads that wait delivers the events for all of them."""
        if self._pumping and self._hub.thread is threading.current_thread():
            raise InvalidStateError(
                "a function that is called while events are delivered cannot wait for others: use the declarative `ready`",
                code="invalid_state",
                phase="closed",
            )
        deadline = None if timeout is None else time.monotonic() + timeout
        with self._turn:
            while not ready():
                rest = None if deadline is None else deadline - time.monotonic()
                if rest is not None and rest <= 0:
                    raise TimeoutError(f"nothing came within {timeout:g} s")
                if self._pumping:
                    self._turn.wait(rest)
                    continue
                self._pumping = True
                self._turn.release()
                try:
                    self._hub.thread = threading.current_thread()
                    self._hub.take_turn(rest)
                finally:
                    self._turn.acquire()
                    self._pumping = False
                    self._turn.notify_all()

    def _open(self) -> None:
        self._wait(lambda: self._is_open or self._inbox.end)
        if not self._is_open:
            raise self._error or self._inbox.error()

    def recv(self, timeout: float | None = None) -> str | bytes:
        """Return the next message. Raise TimeoutError if none arrives in time, ConnectionClosed after the last."""
        message: str | bytes | None = None

        def ready() -> bool:
            nonlocal message
            if self._inbox.messages:
                message = self._inbox.get()
                return True
            return self._inbox.end is not None

        self._wait(ready, timeout)
        if message is None:
            raise self._inbox.error()
        return message

    def __iter__(self) -> Iterator[str | bytes]:
        """Return messages until both sides have sent a Close."""
        try:
            while True:
                yield self.recv()
        except ConnectionClosedOK:
            return

    def request(
        self,
        value: object,
        *,
        timeout: float | None = UNSET,
        resend: bool | None = None,
        deliver: bool | None = None,
        key: str | None = None,
        urgent: bool = False,
    ) -> Any:
        """Send a request as JSON text, with an id if it has none, and wait for its parsed reply; see `WebSocket.request`."""
        call = {"timeout": timeout, "resend": resend, "deliver": deliver, "key": key, "urgent": urgent}
        ends: list[tuple[str | None, Any]] = []
        ticket = _bot.begin(self.socket, value, lambda reply, error: ends.append((reply, error)), call)
        try:
            self._wait(lambda: ends)
        except BaseException:
            self.socket._cancel_request(ticket)
            raise
        reply, error = ends[0]
        if error is not None:
            raise error
        return parsed(reply)

    def wait_ready(self, timeout: float | None = None) -> None:
        """Wait until the present connection is ready, or the next one; raise TimeoutError if none is in time."""
        self._wait(lambda: self.socket._is_ready or self._inbox.end, timeout)
        if not self.socket._is_ready:
            raise self._inbox.error()

    def send(
        self,
        message: Data | Sequence[Data] | Iterator[Data],
        *,
        compress: bool | None = None,
        text: bool | None = None,
        key: str | None = None,
        urgent: bool = False,
    ) -> None:
        """Send a message (an iterable: in fragments), and wait while more than `write_limit` bytes wait to leave.

        `text` sets the kind: True for text, False for binary. Without it the first part of an iterable decides; an empty one is text.

        With `rate_limit` it waits until the message may leave; `key` and `urgent` are as in `heartwire.connect`. Raises ConnectionClosed if
        the connection is closed, or ends while it waits.
        """
        self._check_open()
        if self.socket._limited or key is not None or urgent:
            self._send_limited(message, compress, key, urgent)
            self._drained()
            return
        if isinstance(message, WHOLE) or not isinstance(message, Iterable) or isinstance(message, Mapping):
            self.socket.send(message, compress, text=text)
        else:
            with Fragments(self.socket, text, compress, self._inbox.closed) as fragments:
                for part in message:
                    fragments.put(part)
                    self._drained()
                fragments.end()
        self._drained()

    def _send_limited(self, message: Any, compress: bool | None, key: str | None, urgent: bool) -> None:
        ends: list[Any] = []
        if self.socket._send_waiting(message, compress, key, urgent, lambda _, error: ends.append(error)) is None:
            return
        self._wait(lambda: ends)
        if ends[0] is not None:
            raise ends[0]

    def _drained(self) -> None:
        socket, limit = self.socket, self.socket._write_limit
        if socket.buffered_amount <= limit or socket.ready_state not in (WebSocket.OPEN, WebSocket.CLOSING):
            return
        drains, closes = self._drains, socket._closes
        self._wait(lambda: socket.buffered_amount <= limit or self._drains != drains or socket._closes != closes)
        if socket._closes != closes and self._drains == drains and socket._last_close is not None:
            raise self._inbox.closed(socket._last_close)

    def _check_open(self) -> None:
        last = self.socket._last_close
        returns = last is not None and last.will_reconnect
        if self.socket.ready_state >= WebSocket.CLOSING and (self._inbox.end is not None or not returns):
            self._wait(lambda: self._inbox.end)
            raise self._inbox.error()

    def send_json(self, value: object, *, compress: bool | None = None, key: str | None = None, urgent: bool = False) -> None:
        """Send a value as JSON text."""
        import json

        self.send(json.dumps(value, ensure_ascii=False, separators=(",", ":")), compress=compress, key=key, urgent=urgent)

    def recv_json(self, timeout: float | None = None) -> Any:
        """Return the next message, parsed as JSON."""
        import json

        return json.loads(self.recv(timeout))

    def ping(self, data: str | bytes = b"") -> None:
        """Send a ping; `latency` has the round trip once the pong was received."""
        self._check_open()
        self.socket.ping(data)

    def pong(self, data: str | bytes = b"") -> None:
        """Send a pong that answers nothing."""
        self._check_open()
        self.socket.pong(data)

    def close(self, code: int = 1000, reason: str = "") -> None:
        """Close with any code that RFC 6455 allows, and wait for the end. Earlier messages can still be received."""
        self.socket._close(code, reason)
        self._wait(lambda: self._inbox.end)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if kind is None:
            self.close()
        else:
            leave(self.socket, kind)
            self._wait(lambda: self._inbox.end)


def connect(url: Url, protocols: Protocols = (), **options: Unpack[Options]) -> ClientConnection:
    """Open a connection, also usable as a context manager. Takes the arguments of `WebSocket`; raises WebSocketError if it cannot.

    Leaving its block closes it: with 1000; after an exception with 1011; with 1001 if the program ends (Ctrl+C, `sys.exit()`).
    """
    connection = ClientConnection(url, protocols, options)
    try:
        connection._open()
    except BaseException:
        connection.socket.terminate()
        raise
    return connection
