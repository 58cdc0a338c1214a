"""The exceptions of `websockets`, for programs without that package. Knows no connection."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ._own_data import Close, Response


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
    "NegotiationError",
    "PayloadTooBig",
    "ProtocolError",
    "ProxyError",
    "SecurityError",
    "WebSocketException",
]


class WebSocketException(Exception):
    """The base of all of them."""


class ConnectionClosed(WebSocketException):
    """The connection is closed: `rcvd` and `sent` are the Close frames, `rcvd_then_sent` their order."""

    def __init__(self, rcvd: Close | None, sent: Close | None, rcvd_then_sent: bool | None = None) -> None:
        super().__init__(rcvd, sent, rcvd_then_sent)
        self.rcvd = rcvd
        self.sent = sent
        self.rcvd_then_sent = rcvd_then_sent

    def __str__(self) -> str:
        if self.rcvd is None:
            return "no close frame received or sent" if self.sent is None else f"sent {self.sent}; no close frame received"
        if self.sent is None:
            return f"received {self.rcvd}; no close frame sent"
        if self.rcvd_then_sent:
            return f"received {self.rcvd}; then sent {self.sent}"
        return f"sent {self.sent}; then received {self.rcvd}"

    @property
    def code(self) -> int:
        """The received code, or 1006 without one."""
        return 1006 if self.rcvd is None else self.rcvd.code

    @property
    def reason(self) -> str:
        """The reason received."""
        return "" if self.rcvd is None else self.rcvd.reason


class ConnectionClosedOK(ConnectionClosed):
    """Closed with 1000, 1001 or without a code, by both sides."""


class ConnectionClosedError(ConnectionClosed):
    """Closed in another way."""


class _About(WebSocketException):
    """An argument or a received value is not valid."""

    def __init__(self, value: str, msg: str) -> None:
        super().__init__(value, msg)
        self.msg = msg


class InvalidURI(_About):
    """The URI is not one of a WebSocket."""

    def __init__(self, uri: str, msg: str) -> None:
        super().__init__(uri, msg)
        self.uri = uri

    def __str__(self) -> str:
        return f"{self.uri} isn't a valid URI: {self.msg}"


class InvalidProxy(_About):
    """The proxy is not valid."""

    def __init__(self, proxy: str, msg: str) -> None:
        super().__init__(proxy, msg)
        self.proxy = proxy

    def __str__(self) -> str:
        return f"{self.proxy} isn't a valid proxy: {self.msg}"


class InvalidHandshake(WebSocketException):
    """The opening handshake failed."""


class SecurityError(InvalidHandshake):
    """The response breaks a rule of security."""


class ProxyError(InvalidHandshake):
    """The proxy did not let us through."""


class InvalidProxyMessage(ProxyError):
    """The proxy did not answer in HTTP."""


class _WithResponse(InvalidHandshake):
    """An HTTP response refuses the upgrade."""

    def __init__(self, response: Response) -> None:
        super().__init__(response)
        self.response = response


class InvalidProxyStatus(_WithResponse, ProxyError):
    """The proxy answered with another status than 200."""

    def __str__(self) -> str:
        return f"proxy rejected connection: HTTP {self.response.status_code:d}"


class InvalidMessage(InvalidHandshake):
    """The response is not HTTP, or no response arrived."""


class InvalidStatus(_WithResponse):
    """The server answered with another status than 101: `response` has it."""

    def __str__(self) -> str:
        return f"server rejected WebSocket connection: HTTP {self.response.status_code:d}"


class InvalidHeader(InvalidHandshake):
    """A header of the response is missing or wrong."""

    def __init__(self, name: str, value: str | None = None) -> None:
        super().__init__(name, value)
        self.name = name
        self.value = value

    def __str__(self) -> str:
        if self.value:
            return f"invalid {self.name} header: {self.value}"
        return f"{'missing' if self.value is None else 'empty'} {self.name} header"


class InvalidHeaderFormat(InvalidHeader):
    """The header cannot be parsed."""


class InvalidHeaderValue(InvalidHeader):
    """The header's value is wrong."""


class InvalidOrigin(InvalidHeader):
    """The origin is not allowed."""


class InvalidUpgrade(InvalidHeader):
    """The Upgrade or Connection header is not correct."""


class NegotiationError(InvalidHandshake):
    """The subprotocol or an extension could not be agreed on."""


class ProtocolError(WebSocketException):
    """A side broke the protocol."""


class PayloadTooBig(WebSocketException):
    """A message is too big."""


class InvalidState(WebSocketException, AssertionError):
    """The call needs another state."""


class ConcurrencyError(WebSocketException, RuntimeError):
    """Two calls at once, although only one is allowed."""
