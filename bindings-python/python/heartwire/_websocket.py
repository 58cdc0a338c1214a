"""The class that users see: the browser's `WebSocket` with Python's manners. Thin over `Socket` and `_delivery`."""

from __future__ import annotations

from . import _bot, _delivery, _handlers, _log, _process
from ._bot import UNSET
from ._listening import Listening

TYPE_CHECKING = False
if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from collections.abc import Awaitable, Callable, Iterable
    from types import TracebackType
    from typing import Any, ClassVar, Literal, Union

    from typing_extensions import Self, Unpack

    from ._native import CloseEvent
    from ._options import Options
    from ._stats import Stats

    Url = Union[str, Callable[[], Union[str, Awaitable[str]]]]
    Protocols = Union[str, Iterable[str], Callable[[], Union[str, Iterable[str], Awaitable[Union[str, Iterable[str]]]]]]


#: Functions of the package that are called with each new socket.
observers: list[Callable[[WebSocket], None]] = []


class WebSocket(Listening):
    """A WebSocket that stays alive, reconnects politely, and closes properly.

    `url` is a str, or a function (also an async one) that is called for each attempt to connect. `protocols` are subprotocols to offer.
    Everything else is an option (docs/options.md), with times in seconds. The constructor checks its arguments and returns at once.

    Events are delivered on the asyncio loop that runs when the socket is made. Without one they are delivered in `run_forever()`, or on a
    thread of their own after `start()`. The socket connects as soon as its events can be delivered, so handlers that are set right after
    the constructor miss nothing. Any thread may use `send`, `close` and the properties.

    Options, which `heartwire.Options` and docs/options.md describe:

    - the request: headers, cookies, auth, origin, user_agent, follow_redirects, allow_insecure_redirect
    - staying alive: heartbeat, ping_interval, ping_timeout, idle_timeout, data_idle_timeout, keeper
    - reconnecting and closing: reconnect, send_queue, open_timeout, close_timeout, close_on_exit
    - for bots: ready, request, rate_limit
    - messages: compression, max_size, read_limit, write_limit, max_buffered, deliver_after_close
    - the network: tls, proxy, connect_to, unix_socket, local_address, address_family, happy_eyeballs_delay, connect_limit,
    connect_limit_until, tcp_nodelay, tcp_keepalive
    - the driver of the connection: driver

    Methods `on_open`, `on_message`, `on_error`, `on_close` and so on of a subclass are handlers.
    """

    __slots__ = ()

    CONNECTING: ClassVar[Literal[0]] = 0
    OPEN: ClassVar[Literal[1]] = 1
    CLOSING: ClassVar[Literal[2]] = 2
    CLOSED: ClassVar[Literal[3]] = 3

    def __init__(self, url: Url, protocols: Protocols = (), **options: Unpack[Options]) -> None:
        self._init(_delivery.running_loop(), url, protocols, options)

    def _init(self, loop: AbstractEventLoop | None, url: Url, protocols: Protocols, options: Any, face: object = None) -> None:
        import contextvars

        if face is not None and options.get("connect_limit_until", "auto") == "auto":
            # `connect` in both modules follows RFC 6455; only the class does as browsers do.
            options = {**options, "connect_limit_until": "tls"}
        options = _bot.bind_login(self, self if face is None else face, options)
        self._setup(url, protocols, options, contextvars.copy_context())
        if any(_handlers.is_async(function) for function in self._functions()):
            self._wants_loop = True
        _process.watch(self._close_on_exit)
        _log.heed_level()
        if type(self) is not WebSocket:
            _handlers.listen_by_methods(self)
        for observe in observers:
            observe(self)
        if loop is not None:
            _delivery.loop_hub(loop).attach(self)
        else:
            self._expect_run(_log.birthplace(url))

    def __init_subclass__(cls, **arguments: Any) -> None:
        super().__init_subclass__(**arguments)
        _handlers.adopt_methods(cls)

    def send_json(self, value: object, *, compress: bool | None = None, key: str | None = None, urgent: bool = False) -> None:
        """Send a value as JSON text."""
        import json

        self.send(json.dumps(value, ensure_ascii=False, separators=(",", ":")), compress, key=key, urgent=urgent)

    def request(
        self,
        value: object,
        *,
        timeout: float | None = UNSET,
        resend: bool | None = None,
        deliver: bool | None = None,
        key: str | None = None,
        urgent: bool = False,
    ) -> Awaitable[Any]:
        """Send a request as JSON text, with an id if it has none, and return an awaitable for its parsed reply.

        Without a running asyncio loop that is a `concurrent.futures.Future`: `ws.request(...).result()`. The request waits until the
        connection is open and ready. `timeout` (seconds from the call on; None means no limit), `resend` and `deliver` default to those of
        the option `request`; `key` and `urgent` are as for `send`. Fails with WebSocketError: `request_timeout`, `request_failed` (the
        reply is its `body`), `connection_lost`, `rate_limited`. Raises OptionError (`invalid_data`) if the value has no place for an id, or
        its id is in use.
        """
        call = {"timeout": timeout, "resend": resend, "deliver": deliver, "key": key, "urgent": urgent}
        return _bot.request(self, value, call)  # type: ignore[no-any-return]

    async def wait_ready(self) -> None:
        """Wait until the present connection is ready, or the next one: after `open`, or after the login (`ready`).

        Raises the error of the last `close` event, or InvalidStateError, if there will be none.
        """
        await _bot.wait_ready(self)

    @property
    def stats(self) -> Stats:
        """The counts so far, over all connections of this socket. `heartwire.stats()` sums up all sockets of the process."""
        from . import _stats

        return _stats.read(self)

    def run_forever(self) -> None:
        """Deliver the events on this thread until the socket is closed; see `heartwire.run_forever`."""
        _delivery.run_forever(self)

    def start(self, *, daemon: bool = False) -> Self:
        """Deliver the events on a thread of its own, which keeps the process alive until the socket is closed unless `daemon`."""
        _delivery.start(self, daemon)
        return self

    def join(self, timeout: float | None = None) -> bool:
        """Wait until the last event was delivered by another thread; False if `timeout` seconds were not enough."""
        return _delivery.join(self, timeout)

    async def wait_closed(self) -> CloseEvent:
        """Wait for the last event, and return it. If no loop or thread delivers the events yet, the running loop does from now on."""
        return await _delivery.wait_closed(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Close (1011 after an exception, 1001 for Ctrl+C and exit), and wait for the answer as long as that may take."""
        _delivery.leave(self, kind)
        if _delivery.hub_of(self) is None:
            _delivery.run_forever(self)
        else:
            _delivery.join(self, None)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Close (1011 after an exception, 1001 for Ctrl+C and exit), and wait for the answer as long as that may take."""
        _delivery.leave(self, kind)
        await _delivery.wait_closed(self)

    def __repr__(self) -> str:
        """Return the URL without possible secrets."""
        try:
            state = ("connecting", "open", "closing", "closed")[self.ready_state]
            place = _log.public(self.url)
        except Exception:
            return f"<{type(self).__name__} (not initialised, or of the parent process)>"
        return f"<{type(self).__name__} {place} {state}>"
