"""The class that users see: the browser's `WebSocket` with Python's manners. Thin over `Socket` and `_delivery`."""

from __future__ import annotations

from . import _delivery, _process
from ._native import Socket

TYPE_CHECKING = False
if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from collections.abc import Awaitable, Callable, Sequence
    from types import TracebackType
    from typing import Any, ClassVar, Generic, Literal, TypeVar, Union, overload

    from typing_extensions import Self, Unpack

    from ._native import (  # noqa: F401 - named in quotes below
        CloseEvent,
        DroppedEvent,
        ErrorEvent,
        Event,
        HeartbeatEvent,
        MessageEvent,
        OpenEvent,
        PingEvent,
        PongEvent,
        ReconnectingEvent,
    )
    from ._options import Options

    E = TypeVar("E", bound=Event)
    F = TypeVar("F", bound=Callable[[Any], object])

    Url = Union[str, Callable[[], Union[str, Awaitable[str]]]]
    Protocols = Union[str, Sequence[str], Callable[[], Union[str, Sequence[str], Awaitable[Union[str, Sequence[str]]]]]]
    Kind = Literal["open", "message", "error", "close", "reconnecting", "ping", "pong", "heartbeat", "drain", "dropped"]

    class _Base(Generic[E]):
        pass
else:

    class _Base:
        def __class_getitem__(cls, item):
            return cls


def _check(socket: Socket, listener: object) -> None:
    """See to it that async functions find a loop."""
    if _delivery.is_async(listener):
        if isinstance(socket._hub, _delivery.ThreadHub):
            raise TypeError(
                "an `async def` handler needs an asyncio loop, and the events of this socket are delivered without one already: set it"
                " before run_forever() or start(), or make the socket inside of a running loop"
            )
        socket._wants_loop = True


class _Handler(_Base["E"]):
    """An `on...` attribute."""

    __slots__ = ("kind",)

    def __init__(self, kind: Kind) -> None:
        self.kind = kind

    if TYPE_CHECKING:

        @overload
        def __get__(self, socket: None, owner: type[Socket]) -> Self: ...
        @overload
        def __get__(self, socket: Socket, owner: type[Socket]) -> Callable[[E], object] | None: ...

    def __get__(self, socket: Socket | None, owner: type[Socket]) -> Self | Callable[[E], object] | None:
        return self if socket is None else socket._get_handler(self.kind)

    def __set__(self, socket: Socket, handler: Callable[[E], object] | None) -> None:
        if handler is not None:
            _check(socket, handler)
        socket._set_handler(self.kind, handler)


class WebSocket(Socket):
    """A WebSocket that stays alive, comes back politely, and says goodbye.

    `url` is a str, or a function (also an async one) that is called for each attempt to connect; `protocols` are subprotocols to offer;
    everything else is an option (docs/options.md), times in seconds. The constructor checks its arguments and returns at once.

    Events are delivered on the asyncio loop that runs where the socket is made; if none does, in `run_forever()`, or on a thread of its
    own after `start()`. The socket connects as soon as its events can be delivered, so handlers that are set right after the constructor
    miss nothing. `send`, `close` and the properties may be used from any thread.
    """

    __slots__ = ()

    CONNECTING: ClassVar[Literal[0]] = 0
    OPEN: ClassVar[Literal[1]] = 1
    CLOSING: ClassVar[Literal[2]] = 2
    CLOSED: ClassVar[Literal[3]] = 3

    onopen = on_open = _Handler["OpenEvent"]("open")
    onmessage = on_message = _Handler["MessageEvent"]("message")
    onerror = on_error = _Handler["ErrorEvent"]("error")
    onclose = on_close = _Handler["CloseEvent"]("close")
    onreconnecting = on_reconnecting = _Handler["ReconnectingEvent"]("reconnecting")
    onping = on_ping = _Handler["PingEvent"]("ping")
    onpong = on_pong = _Handler["PongEvent"]("pong")
    onheartbeat = on_heartbeat = _Handler["HeartbeatEvent"]("heartbeat")
    ondrain = on_drain = _Handler["Event"]("drain")
    ondropped = on_dropped = _Handler["DroppedEvent"]("dropped")

    def __init__(self, url: Url, protocols: Protocols = (), **options: Unpack[Options]) -> None:
        self._init(_delivery.running_loop(), url, protocols, options)

    def _init(self, loop: AbstractEventLoop | None, url: Url, protocols: Protocols, options: Any) -> None:
        import contextvars

        self._setup(url, protocols, options, contextvars.copy_context())
        if any(_delivery.is_async(function) for function in self._functions()):
            self._wants_loop = True
        _process.watch(self._close_on_exit)
        if loop is not None:
            _delivery.loop_hub(loop).attach(self)

    def add_event_listener(self, type: Kind, listener: Callable[[Any], object], *, once: bool = False) -> None:  # noqa: A002
        """Call `listener(event)` for each event of that name; the same function twice counts once."""
        _check(self, listener)
        self._add_listener(type, listener, once)

    def remove_event_listener(self, type: Kind, listener: Callable[[Any], object]) -> None:  # noqa: A002
        """Call it no more."""
        self._remove_listener(type, listener)

    addEventListener = add_event_listener
    removeEventListener = remove_event_listener

    if TYPE_CHECKING:

        @overload
        def on(self, type: Kind, listener: F) -> F: ...
        @overload
        def on(self, type: Literal["message"], listener: None = None) -> Callable[[Callable[[MessageEvent], object]], Any]: ...
        @overload
        def on(self, type: Kind, listener: None = None) -> Callable[[F], F]: ...

    def on(self, type: Kind, listener: F | None = None) -> Any:  # noqa: A002
        """Add a listener: `ws.on("message", f)`, or as a decorator, `@ws.on("message")`."""
        if listener is None:
            return lambda listener: self.on(type, listener)
        self.add_event_listener(type, listener)
        return listener

    if TYPE_CHECKING:

        @overload
        def once(self, type: Kind, listener: F) -> F: ...
        @overload
        def once(self, type: Kind, listener: None = None) -> Callable[[F], F]: ...

    def once(self, type: Kind, listener: F | None = None) -> Any:  # noqa: A002
        """Add a listener for the next event of that name alone; also as a decorator."""
        if listener is None:
            return lambda listener: self.once(type, listener)
        self.add_event_listener(type, listener, once=True)
        return listener

    def send_json(self, value: object, *, compress: bool | None = None) -> None:
        """Send a value as JSON text."""
        import json

        self.send(json.dumps(value, ensure_ascii=False, separators=(",", ":")), compress)

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
        """Wait for the last event, and give it. If nobody delivers the events yet, the running loop does from now on."""
        return await _delivery.wait_closed(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Close, and wait until the server has answered or `close_timeout` is over."""
        self.close()
        if _delivery.hub_of(self) is None:
            _delivery.run_forever(self)
        else:
            _delivery.join(self, None)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Close, and wait until the server has answered or `close_timeout` is over."""
        self.close()
        await _delivery.wait_closed(self)

    def __repr__(self) -> str:
        """Give the URL without what may be secret in it."""
        try:
            state = ("connecting", "open", "closing", "closed")[self.ready_state]
            place = _public(self.url)
        except Exception:
            return f"<{type(self).__name__} (not initialised, or of the parent process)>"
        return f"<{type(self).__name__} {place} {state}>"


def _public(url: str) -> str:
    """Give scheme, host and path: credentials and query are nobody's business."""
    scheme, _, rest = url.partition("://")
    rest = rest.partition("?")[0]
    authority, slash, path = rest.partition("/")
    return f"{scheme}://{authority.rpartition('@')[2]}{slash}{path}"
