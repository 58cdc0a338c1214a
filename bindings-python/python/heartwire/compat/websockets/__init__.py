"""Replaces `websockets`: its client for asyncio (`connect`) and for threads (`.sync`), on Heartwire. docs/compat-websockets.md.

`install()` makes programs that import `websockets` get this package. Call it before they do.
"""

from __future__ import annotations

from ._data import CLOSE_CODE_EXPLANATIONS, Close, CloseCode, Data, Headers, HeadersLike, Request, Response, State
from ._install import install
from .client import ClientConnection, connect, unix_connect
from .exceptions import *  # noqa: F403
from .exceptions import __all__ as _exceptions

__all__ = [
    "CLOSE_CODE_EXPLANATIONS",
    "ClientConnection",
    "Close",
    "CloseCode",
    "Data",
    "Headers",
    "HeadersLike",
    "Request",
    "Response",
    "State",
    "connect",
    "install",
    "unix_connect",
    *_exceptions,
]
