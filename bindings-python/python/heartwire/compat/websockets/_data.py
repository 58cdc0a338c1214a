"""Headers, requests, responses, close frames and URIs: those of the package `websockets` if it is installed; else our own."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ._own_data import (
        CLOSE_CODE_EXPLANATIONS,
        Close,
        CloseCode,
        Data,
        Headers,
        HeadersLike,
        Request,
        Response,
        State,
    )
    from ._own_uri import WebSocketURI, parse_uri

    INSTALLED: bool
else:
    try:
        from websockets.datastructures import Headers, HeadersLike
        from websockets.frames import CLOSE_CODE_EXPLANATIONS, Close, CloseCode
        from websockets.http11 import Request, Response
        from websockets.protocol import State
        from websockets.typing import Data
        from websockets.uri import WebSocketURI, parse_uri

        #: Whether the package `websockets` is installed.
        INSTALLED = True
    except ImportError:
        from ._own_data import (
            CLOSE_CODE_EXPLANATIONS,
            Close,
            CloseCode,
            Data,
            Headers,
            HeadersLike,
            Request,
            Response,
            State,
        )
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
    "Request",
    "Response",
    "State",
    "WebSocketURI",
    "parse_uri",
]
