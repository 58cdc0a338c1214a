"""`heartwire.connect`: the face for asyncio, with the names of `websockets`. Thin over `WebSocket`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from . import _bot
from ._bot import UNSET
from ._delivery import hub_of, leave, loop_hub, other_loop
from ._errors import ConnectionClosedOK, InvalidStateError, WebSocketError, closed
from ._fragments import WHOLE, Fragments
from ._inbox import Inbox, Received, listen_privately
from ._websocket import WebSocket

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterator, Sequence
    from types import TracebackType

    from typing_extensions import Unpack

    from ._fragments import Data
    from ._native import CloseEvent, ErrorEvent, Event, PongEvent
    from ._options import Options
    from ._websocket import Protocols, Url


#: In these states messages are still being sent.
_TAKING = (WebSocket.OPEN, WebSocket.CLOSING)


class ClientConnection(Received):
    """A connection to receive from and send to, made by `connect()`."""

    def __init__(self, url: Url, protocols: Protocols, options: Any, closed: Callable[[CloseEvent], Exception] = closed) -> None:
        self._loop = asyncio.get_running_loop()
        self._receiver: asyncio.Future[None] | None = None
        self._senders: list[asyncio.Future[None]] = []
        self._sending = asyncio.Lock()
        self._pings: dict[bytes, list[asyncio.Future[float]]] = {}
        self._next_ping = 0
        self._error: WebSocketError | None = None
        self._opened: asyncio.Future[None] = self._loop.create_future()
        #: The WebSocket underneath: for more events, `terminate()` and the properties.
        self.socket = socket = WebSocket.__new__(WebSocket, url)
        socket._init(self._loop, url, protocols, options, self)
        self._inbox = Inbox(socket, closed)
        # With a login, the connection counts as open once that is done.
        opened: Any = {"ready" if socket._logs_in else "open": self._on_open}
        listen_privately(
            socket,
            **opened,
            message=self._on_message,
            error=self._on_error,
            close=self._on_close,
            drain=self._on_drain,
            pong=self._on_pong,
        )

    def _come_here(self) -> None:
        """Move to the running loop if the connection's own is closed; refuse another loop while it is open."""
        loop = asyncio.get_running_loop()
        if loop is self._loop or self._inbox.end is not None:
            return
        if not self._loop.is_closed():
            raise other_loop("this connection")
        # Tasks of the closed loop no longer wait.
        self._loop = loop
        self._receiver = None
        self._senders = []
        self._pings = {}
        self._sending = asyncio.Lock()
        if hub_of(self.socket) is None and not self.socket._finished:
            loop_hub(loop).attach(self.socket)

    def _on_open(self, event: Event) -> None:
        if not self._opened.done():
            self._opened.set_result(None)

    def _on_message(self, event: Any) -> None:
        self._inbox.put(event)
        self._wake_receiver()

    def _on_error(self, event: ErrorEvent) -> None:
        self._error = event.error

    def _on_drain(self, event: Event) -> None:
        senders, self._senders = self._senders, []
        for sender in senders:
            if not sender.done():
                sender.set_result(None)

    def _on_pong(self, event: PongEvent) -> None:
        for waiter in self._pings.pop(event.payload, ()):
            if not waiter.done():
                waiter.set_result(event.latency or 0.0)

    def _on_close(self, event: CloseEvent) -> None:
        pings, self._pings = self._pings, {}
        if not event.will_reconnect:
            self._inbox.end = event
            if not self._opened.done():
                error = event.error or self._error
                self._opened.set_exception(error if error is not None else self._inbox.error())
                self._opened.exception()  # the caller of connect() may be gone
            self._wake_receiver()
        senders, self._senders = self._senders, []
        lost: list[asyncio.Future[Any]] = [*senders, *(waiter for waiters in pings.values() for waiter in waiters)]
        for waiter in lost:
            if not waiter.done():
                waiter.set_exception(self._inbox.closed(event))
                waiter.exception()  # the caller may be gone

    def _wake_receiver(self) -> None:
        if self._receiver is not None and not self._receiver.done():
            self._receiver.set_result(None)

    async def recv(self) -> str | bytes:
        """Return the next message; raise ConnectionClosed after the last. Cancelling it loses nothing."""
        self._come_here()
        if self._receiver is not None:
            raise InvalidStateError("another recv() waits already", code="invalid_state", phase="closed")
        while not self._inbox.messages:
            if self._inbox.end is not None:
                raise self._inbox.error()
            self._receiver = asyncio.get_running_loop().create_future()
            try:
                await self._receiver
            finally:
                self._receiver = None
        return self._inbox.get()

    async def __aiter__(self) -> AsyncIterator[str | bytes]:
        """Return messages until both sides have sent a Close."""
        try:
            while True:
                yield await self.recv()
        except ConnectionClosedOK:
            return

    async def send(
        self,
        message: Data | Sequence[Data] | Iterator[Data] | AsyncIterable[Data],
        *,
        compress: bool | None = None,
        text: bool | None = None,
        key: str | None = None,
        urgent: bool = False,
    ) -> None:
        """Send a message (an iterable: in fragments), and wait while more than `write_limit` bytes wait to leave.

        `text` sets the kind: True for text, False for binary. Without it the first part of an iterable decides; an empty one is text.

        With `rate_limit` it waits until the message may leave. Messages with one `key` keep their order. An `urgent` one waits for no
        login, and uses the reserve. Raises ConnectionClosed if the connection is closed, or ends while it waits.
        """
        self._come_here()
        if self.socket._limited or key is not None or urgent:
            await self._send_limited(message, compress, key, urgent)
            return
        async with self._sending:
            await self._check_open()
            if isinstance(message, WHOLE) or not isinstance(message, (AsyncIterable, Iterable)) or isinstance(message, Mapping):
                self.socket.send(message, compress, text=text)  # type: ignore[arg-type] # it refuses a dict, for example
            else:
                with Fragments(self.socket, text, compress, self._inbox.closed) as fragments:
                    if isinstance(message, AsyncIterable):
                        async for part in message:
                            fragments.put(part)
                            await self._drained()
                    else:
                        parts: Iterable[Any] = message
                        for part in parts:
                            fragments.put(part)
                            await self._drained()
                    fragments.end()
            await self._drained()

    async def _send_limited(self, message: Any, compress: bool | None, key: str | None, urgent: bool) -> None:
        await self._check_open()
        socket = self.socket
        await _bot.on_loop(self._loop, lambda settle: socket._send_waiting(message, compress, key, urgent, settle), socket)
        await self._drained()

    async def request(
        self,
        value: object,
        *,
        timeout: float | None = UNSET,
        resend: bool | None = None,
        deliver: bool | None = None,
        key: str | None = None,
        urgent: bool = False,
    ) -> Any:
        """Send a request as JSON text, with an id if it has none, and return its parsed reply; see `WebSocket.request`."""
        return await self.socket.request(value, timeout=timeout, resend=resend, deliver=deliver, key=key, urgent=urgent)

    async def wait_ready(self) -> None:
        """Wait until the present connection is ready, or the next one."""
        await self.socket.wait_ready()

    async def _check_open(self) -> None:
        self._come_here()
        if self.socket.ready_state >= WebSocket.CLOSING and not self._will_return():
            if self._inbox.end is None:
                await self.socket.wait_closed()
            raise self._inbox.error()

    def _will_return(self) -> bool:
        last = self.socket._last_close
        return self._inbox.end is None and last is not None and last.will_reconnect

    async def _drained(self) -> None:
        while self.socket.buffered_amount > self.socket._write_limit and self.socket.ready_state in _TAKING:
            sender = self._loop.create_future()
            self._senders.append(sender)
            await sender

    async def send_json(self, value: object, *, compress: bool | None = None, key: str | None = None, urgent: bool = False) -> None:
        """Send a value as JSON text."""
        import json

        await self.send(json.dumps(value, ensure_ascii=False, separators=(",", ":")), compress=compress, key=key, urgent=urgent)

    async def recv_json(self) -> Any:
        """Return the next message, parsed as JSON."""
        import json

        return json.loads(await self.recv())

    async def ping(self, data: str | bytes | None = None) -> Awaitable[float]:
        """Send a ping. Await the returned value for the pong: it is the round trip in seconds."""
        await self._check_open()
        if data is None:
            self._next_ping += 1
            data = b"#%d" % self._next_ping
        payload = data.encode() if isinstance(data, str) else bytes(data)
        waiter: asyncio.Future[float] = self._loop.create_future()
        self._pings.setdefault(payload, []).append(waiter)
        try:
            self.socket.ping(payload)
        except BaseException:
            self._pings[payload].remove(waiter)
            raise
        return waiter

    async def pong(self, data: str | bytes = b"") -> None:
        """Send a pong that answers nothing."""
        await self._check_open()
        self.socket.pong(data)

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close with any code that RFC 6455 allows, and wait for the end. Earlier messages can still be received."""
        self.socket._close(code, reason)
        if not self._loop.is_running():
            self._come_here()
        await self.socket.wait_closed()

    async def wait_closed(self) -> None:
        """Wait until the connection is closed for good."""
        if not self._loop.is_running():
            self._come_here()
        await self.socket.wait_closed()


class connect:
    """Open a connection: `async with connect(url) as ws:`, or `ws = await connect(url)`.

    Takes the arguments of `WebSocket`. Raises WebSocketError if the connection cannot be opened; with `reconnect` it waits through the
    attempts that `reconnect` allows. Leaving the block closes the connection: with 1000; after an exception with 1011; with 1001 if the
    program ends (Ctrl+C, `sys.exit()`) or the task is cancelled.
    """

    def __init__(self, url: Url, protocols: Protocols = (), **options: Unpack[Options]) -> None:
        self._arguments = (url, protocols, options)
        self._connection: ClientConnection | None = None

    def __await__(self) -> Generator[Any, None, ClientConnection]:
        """Open it."""
        return self._open().__await__()

    async def _open(self) -> ClientConnection:
        connection = ClientConnection(*self._arguments)
        try:
            await connection._opened
        except BaseException:
            connection.socket.terminate()
            raise
        return connection

    async def __aenter__(self) -> ClientConnection:
        self._connection = await self
        return self._connection

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._connection is not None:
            if kind is None:
                await self._connection.close()
            else:
                leave(self._connection.socket, kind)
                await self._connection.wait_closed()
