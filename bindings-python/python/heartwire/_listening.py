"""The listeners of a socket, and their types: `on...` attributes, `on`, `once`, the standard's names. Knows no network.

The types are stated for each event, so type checkers know the event of a lambda, and refuse a function for another event.
"""

from __future__ import annotations

from . import _handlers
from ._handlers import OnEvent
from ._native import Socket

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Literal, TypeVar, Union, overload

    from ._handlers import Bare, EventName, Handler
    from ._native import (
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
        ThrottledEvent,
    )

    FOpen = TypeVar("FOpen", bound=Union[Callable[[OpenEvent], object], Bare])
    FMessage = TypeVar("FMessage", bound=Union[Callable[[MessageEvent], object], Bare])
    FError = TypeVar("FError", bound=Union[Callable[[ErrorEvent], object], Bare])
    FClose = TypeVar("FClose", bound=Union[Callable[[CloseEvent], object], Bare])
    FReconnecting = TypeVar("FReconnecting", bound=Union[Callable[[ReconnectingEvent], object], Bare])
    FPing = TypeVar("FPing", bound=Union[Callable[[PingEvent], object], Bare])
    FPong = TypeVar("FPong", bound=Union[Callable[[PongEvent], object], Bare])
    FHeartbeat = TypeVar("FHeartbeat", bound=Union[Callable[[HeartbeatEvent], object], Bare])
    FDrain = TypeVar("FDrain", bound=Union[Callable[[Event], object], Bare])
    FThrottled = TypeVar("FThrottled", bound=Union[Callable[[ThrottledEvent], object], Bare])
    FDropped = TypeVar("FDropped", bound=Union[Callable[[DroppedEvent], object], Bare])

    class _Attributes(Socket):
        # pyright takes the type of assigned values from here, and still lets subclasses define methods of these names.
        onopen: OnEvent[OpenEvent]
        on_open: OnEvent[OpenEvent]
        onmessage: OnEvent[MessageEvent]
        on_message: OnEvent[MessageEvent]
        onerror: OnEvent[ErrorEvent]
        on_error: OnEvent[ErrorEvent]
        onclose: OnEvent[CloseEvent]
        on_close: OnEvent[CloseEvent]
        onreconnecting: OnEvent[ReconnectingEvent]
        on_reconnecting: OnEvent[ReconnectingEvent]
        onping: OnEvent[PingEvent]
        on_ping: OnEvent[PingEvent]
        onpong: OnEvent[PongEvent]
        on_pong: OnEvent[PongEvent]
        onheartbeat: OnEvent[HeartbeatEvent]
        on_heartbeat: OnEvent[HeartbeatEvent]
        ondrain: OnEvent[Event]
        on_drain: OnEvent[Event]
        ondropped: OnEvent[DroppedEvent]
        on_dropped: OnEvent[DroppedEvent]
        onready: OnEvent[Event]
        on_ready: OnEvent[Event]
        onthrottled: OnEvent[ThrottledEvent]
        on_throttled: OnEvent[ThrottledEvent]
else:
    _Attributes = Socket


class Listening(_Attributes):
    """A socket with the listeners of its user."""

    __slots__ = ()

    onopen = on_open = OnEvent["OpenEvent"]("open")
    onmessage = on_message = OnEvent["MessageEvent"]("message")
    onerror = on_error = OnEvent["ErrorEvent"]("error")
    onclose = on_close = OnEvent["CloseEvent"]("close")
    onreconnecting = on_reconnecting = OnEvent["ReconnectingEvent"]("reconnecting")
    onping = on_ping = OnEvent["PingEvent"]("ping")
    onpong = on_pong = OnEvent["PongEvent"]("pong")
    onheartbeat = on_heartbeat = OnEvent["HeartbeatEvent"]("heartbeat")
    ondrain = on_drain = OnEvent["Event"]("drain")
    ondropped = on_dropped = OnEvent["DroppedEvent"]("dropped")
    onready = on_ready = OnEvent["Event"]("ready")
    onthrottled = on_throttled = OnEvent["ThrottledEvent"]("throttled")

    if TYPE_CHECKING:

        @overload
        def on(self, type: Literal["open"], listener: None = None) -> Callable[[FOpen], FOpen]: ...
        @overload
        def on(self, type: Literal["open"], listener: Handler[OpenEvent]) -> Handler[OpenEvent]: ...

        @overload
        def on(self, type: Literal["message"], listener: None = None) -> Callable[[FMessage], FMessage]: ...
        @overload
        def on(self, type: Literal["message"], listener: Handler[MessageEvent]) -> Handler[MessageEvent]: ...

        @overload
        def on(self, type: Literal["error"], listener: None = None) -> Callable[[FError], FError]: ...
        @overload
        def on(self, type: Literal["error"], listener: Handler[ErrorEvent]) -> Handler[ErrorEvent]: ...

        @overload
        def on(self, type: Literal["close"], listener: None = None) -> Callable[[FClose], FClose]: ...
        @overload
        def on(self, type: Literal["close"], listener: Handler[CloseEvent]) -> Handler[CloseEvent]: ...

        @overload
        def on(self, type: Literal["reconnecting"], listener: None = None) -> Callable[[FReconnecting], FReconnecting]: ...
        @overload
        def on(self, type: Literal["reconnecting"], listener: Handler[ReconnectingEvent]) -> Handler[ReconnectingEvent]: ...

        @overload
        def on(self, type: Literal["ping"], listener: None = None) -> Callable[[FPing], FPing]: ...
        @overload
        def on(self, type: Literal["ping"], listener: Handler[PingEvent]) -> Handler[PingEvent]: ...

        @overload
        def on(self, type: Literal["pong"], listener: None = None) -> Callable[[FPong], FPong]: ...
        @overload
        def on(self, type: Literal["pong"], listener: Handler[PongEvent]) -> Handler[PongEvent]: ...

        @overload
        def on(self, type: Literal["heartbeat"], listener: None = None) -> Callable[[FHeartbeat], FHeartbeat]: ...
        @overload
        def on(self, type: Literal["heartbeat"], listener: Handler[HeartbeatEvent]) -> Handler[HeartbeatEvent]: ...

        @overload
        def on(self, type: Literal["drain", "ready"], listener: None = None) -> Callable[[FDrain], FDrain]: ...
        @overload
        def on(self, type: Literal["drain", "ready"], listener: Handler[Event]) -> Handler[Event]: ...

        @overload
        def on(self, type: Literal["dropped"], listener: None = None) -> Callable[[FDropped], FDropped]: ...
        @overload
        def on(self, type: Literal["throttled"], listener: None = None) -> Callable[[FThrottled], FThrottled]: ...
        @overload
        def on(self, type: Literal["dropped"], listener: Handler[DroppedEvent]) -> Handler[DroppedEvent]: ...
        @overload
        def on(self, type: Literal["throttled"], listener: Handler[ThrottledEvent]) -> Handler[ThrottledEvent]: ...

    def on(self, type: EventName, listener: Any = None) -> Any:  # noqa: A002
        """Call a function for each event of that name: `ws.on("message", f)`, or as a decorator, `@ws.on("message")`.

        The function takes the event, or nothing; it may be `async def`. The same function twice counts once.
        """
        if listener is None:
            return lambda listener: self.on(type, listener)
        self._add_listener(type, listener, False, _handlers.check(self, listener))
        return listener

    if TYPE_CHECKING:

        @overload
        def once(self, type: Literal["open"], listener: None = None) -> Callable[[FOpen], FOpen]: ...
        @overload
        def once(self, type: Literal["open"], listener: Handler[OpenEvent]) -> Handler[OpenEvent]: ...

        @overload
        def once(self, type: Literal["message"], listener: None = None) -> Callable[[FMessage], FMessage]: ...
        @overload
        def once(self, type: Literal["message"], listener: Handler[MessageEvent]) -> Handler[MessageEvent]: ...

        @overload
        def once(self, type: Literal["error"], listener: None = None) -> Callable[[FError], FError]: ...
        @overload
        def once(self, type: Literal["error"], listener: Handler[ErrorEvent]) -> Handler[ErrorEvent]: ...

        @overload
        def once(self, type: Literal["close"], listener: None = None) -> Callable[[FClose], FClose]: ...
        @overload
        def once(self, type: Literal["close"], listener: Handler[CloseEvent]) -> Handler[CloseEvent]: ...

        @overload
        def once(self, type: Literal["reconnecting"], listener: None = None) -> Callable[[FReconnecting], FReconnecting]: ...
        @overload
        def once(self, type: Literal["reconnecting"], listener: Handler[ReconnectingEvent]) -> Handler[ReconnectingEvent]: ...

        @overload
        def once(self, type: Literal["ping"], listener: None = None) -> Callable[[FPing], FPing]: ...
        @overload
        def once(self, type: Literal["ping"], listener: Handler[PingEvent]) -> Handler[PingEvent]: ...

        @overload
        def once(self, type: Literal["pong"], listener: None = None) -> Callable[[FPong], FPong]: ...
        @overload
        def once(self, type: Literal["pong"], listener: Handler[PongEvent]) -> Handler[PongEvent]: ...

        @overload
        def once(self, type: Literal["heartbeat"], listener: None = None) -> Callable[[FHeartbeat], FHeartbeat]: ...
        @overload
        def once(self, type: Literal["heartbeat"], listener: Handler[HeartbeatEvent]) -> Handler[HeartbeatEvent]: ...

        @overload
        def once(self, type: Literal["drain", "ready"], listener: None = None) -> Callable[[FDrain], FDrain]: ...
        @overload
        def once(self, type: Literal["drain", "ready"], listener: Handler[Event]) -> Handler[Event]: ...

        @overload
        def once(self, type: Literal["dropped"], listener: None = None) -> Callable[[FDropped], FDropped]: ...
        @overload
        def once(self, type: Literal["throttled"], listener: None = None) -> Callable[[FThrottled], FThrottled]: ...
        @overload
        def once(self, type: Literal["dropped"], listener: Handler[DroppedEvent]) -> Handler[DroppedEvent]: ...
        @overload
        def once(self, type: Literal["throttled"], listener: Handler[ThrottledEvent]) -> Handler[ThrottledEvent]: ...

    def once(self, type: EventName, listener: Any = None) -> Any:  # noqa: A002
        """Call a function for the next event of that name alone; also as a decorator.

        On an asyncio loop all messages of one read are delivered before a task runs that the first of them woke. To await message
        after message without missing one, use `heartwire.connect` and its `recv()`.
        """
        if listener is None:
            return lambda listener: self.once(type, listener)
        self._add_listener(type, listener, True, _handlers.check(self, listener))
        return listener

    if TYPE_CHECKING:

        @overload
        def add_event_listener(self, type: Literal["open"], listener: Handler[OpenEvent], *, once: bool = False) -> None: ...

        @overload
        def add_event_listener(self, type: Literal["message"], listener: Handler[MessageEvent], *, once: bool = False) -> None: ...

        @overload
        def add_event_listener(self, type: Literal["error"], listener: Handler[ErrorEvent], *, once: bool = False) -> None: ...

        @overload
        def add_event_listener(self, type: Literal["close"], listener: Handler[CloseEvent], *, once: bool = False) -> None: ...

        @overload
        def add_event_listener(
            self, type: Literal["reconnecting"], listener: Handler[ReconnectingEvent], *, once: bool = False
        ) -> None: ...

        @overload
        def add_event_listener(self, type: Literal["ping"], listener: Handler[PingEvent], *, once: bool = False) -> None: ...

        @overload
        def add_event_listener(self, type: Literal["pong"], listener: Handler[PongEvent], *, once: bool = False) -> None: ...

        @overload
        def add_event_listener(self, type: Literal["heartbeat"], listener: Handler[HeartbeatEvent], *, once: bool = False) -> None: ...

        @overload
        def add_event_listener(self, type: Literal["drain", "ready"], listener: Handler[Event], *, once: bool = False) -> None: ...

        @overload
        def add_event_listener(self, type: Literal["dropped"], listener: Handler[DroppedEvent], *, once: bool = False) -> None: ...
        @overload
        def add_event_listener(self, type: Literal["throttled"], listener: Handler[ThrottledEvent], *, once: bool = False) -> None: ...

    def add_event_listener(self, type: EventName, listener: Any, *, once: bool = False) -> None:  # noqa: A002
        """Call `listener(event)` for each event of that name, or for the next one if `once`; the same function twice counts once."""
        self._add_listener(type, listener, once, _handlers.check(self, listener))

    def remove_event_listener(self, type: EventName, listener: Callable[..., object]) -> None:  # noqa: A002
        """Stop calling it."""
        self._remove_listener(type, listener)

    addEventListener = add_event_listener
    removeEventListener = remove_event_listener


_handlers.declare(Listening)
