"""The WebSocket client for chat bots: the browser's events, a connection that stays alive, reconnects politely, and closes properly."""

from __future__ import annotations

try:
    from ._native import __version__
except ImportError as _error:
    if _error.name != "heartwire._native":
        raise
    from ._missing import explain as _explain

    raise ImportError(_explain(_error), name=_error.name, path=_error.path) from _error

from ._delivery import run_forever
from ._errors import (
    ConnectionClosed,
    ConnectionClosedError,
    ConnectionClosedOK,
    Error,
    InvalidStateError,
    OptionError,
    WebSocketError,
)
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
    refuse_subinterpreters,
)
from ._shutdown import shutdown
from ._websocket import WebSocket

refuse_subinterpreters()

TYPE_CHECKING = bool()  # noqa: UP018 - jedi, which completes in editors, stops reading at a plain False
if TYPE_CHECKING:
    from ._aio import ClientConnection, connect
    from ._options import CompressionOptions, HeartbeatOptions, Options, ReconnectOptions, SendQueueOptions, TlsOptions
    from ._stats import Heartbeats, Latency, Stats, Traffic, Waiting, stats

#: Names that are imported on first use.
_OF_STATS = ("Heartbeats", "Latency", "Stats", "Traffic", "Waiting", "stats")

__all__ = [
    "ClientConnection",
    "CloseEvent",
    "CompressionOptions",
    "ConnectionClosed",
    "ConnectionClosedError",
    "ConnectionClosedOK",
    "DroppedEvent",
    "Error",
    "ErrorEvent",
    "Event",
    "HeartbeatEvent",
    "HeartbeatOptions",
    "Heartbeats",
    "InvalidStateError",
    "Latency",
    "MessageEvent",
    "OpenEvent",
    "OptionError",
    "Options",
    "PingEvent",
    "PongEvent",
    "ReconnectOptions",
    "ReconnectingEvent",
    "SendQueueOptions",
    "Stats",
    "ThrottledEvent",
    "TlsOptions",
    "Traffic",
    "Waiting",
    "WebSocket",
    "WebSocketError",
    "__version__",
    "connect",
    "run_forever",
    "shutdown",
    "stats",
]


def __getattr__(name: str) -> object:
    # Only programs that use asyncio import it.
    if name in ("connect", "ClientConnection"):
        from . import _aio

        return getattr(_aio, name)
    if name.endswith("Options") and name in __all__:
        from . import _options

        return getattr(_options, name)
    if name in _OF_STATS:
        from . import _stats

        return getattr(_stats, name)
    if name in ("sync", "testing"):
        import importlib

        return importlib.import_module(f"heartwire.{name}")
    raise AttributeError(f"module 'heartwire' has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*__all__, "sync", "testing"]
