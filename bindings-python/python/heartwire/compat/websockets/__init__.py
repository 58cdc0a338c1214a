"""Replaces `websockets`: its client for asyncio (`connect`) and for threads (`.sync`), on Heartwire. docs/compat-websockets.md.

`install()` makes programs that import `websockets` get this package. Call it before they do.
"""

from __future__ import annotations

from . import exceptions
from ._data import CLOSE_CODE_EXPLANATIONS, Close, CloseCode, Data, Headers, HeadersLike, Request, Response, State
from ._install import install
from ._own_exceptions import *  # noqa: F403 - type checkers read these names
from .client import ClientConnection, connect, unix_connect
from .exceptions import *  # noqa: F403

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
]
__all__ += exceptions.__all__
