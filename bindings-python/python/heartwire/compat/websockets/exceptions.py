"""The exceptions: those of the package `websockets` if it is installed, so that `except` finds them by either name; else our own."""

from __future__ import annotations

from ._own_data import MultipleValuesError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ._own_exceptions import (
        ConcurrencyError,
        ConnectionClosed,
        ConnectionClosedError,
        ConnectionClosedOK,
        InvalidHandshake,
        InvalidHeader,
        InvalidHeaderFormat,
        InvalidHeaderValue,
        InvalidMessage,
        InvalidOrigin,
        InvalidProxy,
        InvalidProxyMessage,
        InvalidProxyStatus,
        InvalidState,
        InvalidStatus,
        InvalidUpgrade,
        InvalidURI,
        NegotiationError,
        PayloadTooBig,
        ProtocolError,
        ProxyError,
        SecurityError,
        WebSocketException,
    )

__all__ = [
    "ConcurrencyError",
    "ConnectionClosed",
    "ConnectionClosedError",
    "ConnectionClosedOK",
    "InvalidHandshake",
    "InvalidHeader",
    "InvalidHeaderFormat",
    "InvalidHeaderValue",
    "InvalidMessage",
    "InvalidOrigin",
    "InvalidProxy",
    "InvalidProxyMessage",
    "InvalidProxyStatus",
    "InvalidState",
    "InvalidStatus",
    "InvalidURI",
    "InvalidUpgrade",
    "MultipleValuesError",
    "NegotiationError",
    "PayloadTooBig",
    "ProtocolError",
    "ProxyError",
    "SecurityError",
    "WebSocketException",
]


def _take_names() -> None:
    from . import _own_exceptions as own

    try:
        import websockets.exceptions as theirs
    except ImportError:
        theirs = own  # type: ignore[misc]
    for name in __all__:
        # An older version of the package lacks some of them.
        globals().setdefault(name, getattr(theirs, name, None) or getattr(own, name, None))


_take_names()
