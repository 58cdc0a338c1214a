"""Headers, requests, responses, close frames and URIs: those of the package `websockets` if it is installed; else our own."""

from __future__ import annotations

from ._own_data import *  # noqa: F403
from ._own_uri import WebSocketURI, parse_uri

TYPE_CHECKING = False
#: Whether the package `websockets` is installed.
INSTALLED = True

if not TYPE_CHECKING:
    try:
        from websockets.datastructures import Headers, HeadersLike, MultipleValuesError
        from websockets.frames import CLOSE_CODE_EXPLANATIONS, Close, CloseCode
        from websockets.http11 import Request, Response
        from websockets.protocol import State
        from websockets.typing import Data
        from websockets.uri import WebSocketURI, parse_uri
    except ImportError:
        # All of them are ours, also where an old version of the package has some.
        from ._own_data import *  # noqa: F403
        from ._own_uri import WebSocketURI, parse_uri

        INSTALLED = False

__all__ = [
    "CLOSE_CODE_EXPLANATIONS",
    "INSTALLED",
    "Close",
    "CloseCode",
    "Data",
    "Headers",
    "HeadersLike",
    "MultipleValuesError",
    "Request",
    "Response",
    "State",
    "WebSocketURI",
    "parse_uri",
]
