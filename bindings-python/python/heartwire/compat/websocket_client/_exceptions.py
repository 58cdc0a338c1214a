"""The exceptions of `websocket-client`: the package's own if it is installed, so that `except` finds them by either name; else ours."""

from __future__ import annotations

TYPE_CHECKING = False


class WebSocketException(Exception):
    """The base of all of them."""


class WebSocketProtocolException(WebSocketException):
    """The peer broke the protocol."""


class WebSocketPayloadException(WebSocketException):
    """A message has the wrong form."""


class WebSocketConnectionClosedException(WebSocketException):
    """The connection is closed, or was lost."""


class WebSocketTimeoutException(WebSocketException):
    """It took too long."""


class WebSocketProxyException(WebSocketException):
    """The proxy did not let us through."""


class WebSocketBadStatusException(WebSocketException):
    """The server answered the upgrade with another status than 101."""

    def __init__(
        self,
        message: str,
        status_code: int,
        status_message: str | None = None,
        resp_headers: dict[str, str] | None = None,
        resp_body: bytes | None = None,
    ) -> None:
        super().__init__(message)
        self.status_code = status_code
        self.status_message = status_message
        self.resp_headers = resp_headers
        self.resp_body = resp_body


class WebSocketAddressException(WebSocketException):
    """The host has no address."""


#: Whether the package `websocket-client` is installed.
INSTALLED = False

if not TYPE_CHECKING:
    try:
        from websocket._exceptions import *  # noqa: F403

        INSTALLED = True
    except ImportError:
        pass

__all__ = [
    "WebSocketAddressException",
    "WebSocketBadStatusException",
    "WebSocketConnectionClosedException",
    "WebSocketException",
    "WebSocketPayloadException",
    "WebSocketProtocolException",
    "WebSocketProxyException",
    "WebSocketTimeoutException",
]
