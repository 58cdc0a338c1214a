"""Replaces `websocket-client` (`import websocket`), on Heartwire. docs/compat-websocket-client.md.

`install()` makes programs that import `websocket` get this package. Call it before they do.
"""

from __future__ import annotations

from ._abnf import *  # noqa: F403
from ._abnf import __all__ as _of_frames
from ._app import WebSocketApp, set_reconnect
from ._core import WebSocket, create_connection, getdefaulttimeout, setdefaulttimeout
from ._exceptions import *  # noqa: F403
from ._exceptions import __all__ as _of_exceptions
from ._install import install
from ._logging import *  # noqa: F403
from ._logging import __all__ as _of_logging

__all__ = [
    "WebSocket",
    "WebSocketApp",
    "create_connection",
    "getdefaulttimeout",
    "install",
    "set_reconnect",
    "setdefaulttimeout",
    *_of_frames,
    *_of_exceptions,
    *_of_logging,
]
