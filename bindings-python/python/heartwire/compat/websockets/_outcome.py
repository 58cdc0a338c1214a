"""Turns failed openings and ends of Heartwire into the exceptions of `websockets`. Opens nothing."""

from __future__ import annotations

import asyncio
import ssl
import sys
import uuid
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from ... import _errors
from ._data import Close, Headers, Response, State
from .exceptions import (
    ConnectionClosed,
    ConnectionClosedError,
    ConnectionClosedOK,
    InvalidHandshake,
    InvalidHeader,
    InvalidMessage,
    InvalidProxyMessage,
    InvalidProxyStatus,
    InvalidStatus,
    InvalidUpgrade,
    InvalidURI,
    NegotiationError,
    ProxyError,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..._native import CloseEvent
    from ..._websocket import WebSocket
    from ._arguments import Arguments
    from ._data import WebSocketURI

if sys.version_info >= (3, 11):
    _TimedOut = TimeoutError
else:

    class _TimedOut(TimeoutError, asyncio.TimeoutError):
        """Programs for asyncio catch asyncio's own."""


#: The close codes that we send if the peer is at fault.
_OUR_CODES = {"protocol_error": 1002, "invalid_payload": 1007, "message_too_big": 1009}
#: Ends without a code for the peer: they count as our error.
_LIVENESS = {"ping_timeout": "keepalive ping timeout", "idle_timeout": "idle timeout", "data_idle_timeout": "data idle timeout"}


def response_of(status: int, headers: Iterable[tuple[str, str]], body: bytes = b"") -> Response:
    """Return a response as `websockets` has it. The phrase is the standard's: Heartwire does not keep the server's."""
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        phrase = ""
    return Response(status, phrase, Headers(list(headers)), body)


def opening_failed(error: Exception, uri: str, timed_out: str = "timed out during opening handshake") -> Exception:
    """Return the exception that `websockets` raises if the connection cannot be opened; Heartwire's own is its cause."""
    if not isinstance(error, _errors.WebSocketError):
        return error
    translated = _TimedOut(timed_out) if error.code == "open_timeout" else _opening_failed(error, uri)
    if translated is not error and translated.__cause__ is None:
        translated.__cause__ = error
    return translated


def _opening_failed(error: _errors.WebSocketError, uri: str) -> Exception:
    code = error.code
    if code == "tls_certificate":
        known = {
            "wrong host": "Hostname mismatch",
            "expired": "certificate has expired",
            "unknown issuer": "unable to get local issuer certificate",
        }
        words = next((theirs for ours, theirs in known.items() if ours in error.message), "certificate rejected")
        return ssl.SSLCertVerificationError(1, f"[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: {words}: {error.message}")
    if code == "invalid_url":
        return InvalidURI(uri, error.message)
    if code in ("http_refused", "http_redirect") and error.status is not None:
        return InvalidStatus(response_of(error.status, error.headers, error.body))
    if code == "http_invalid":
        return _invalid_answer(error)
    if code in ("subprotocol_mismatch", "extension_mismatch"):
        return NegotiationError(error.message)
    if error.phase == "proxy":
        if error.status is not None:
            return InvalidProxyStatus(response_of(error.status, error.headers, error.body))
        if "cannot be reached" in error.message and isinstance(error, OSError):
            return error
        if "answer" in error.message and "SOCKS" not in error.message:
            return InvalidProxyMessage("did not receive a valid HTTP response from proxy")
        return ProxyError(error.message)
    return error


def _invalid_answer(error: _errors.WebSocketError) -> InvalidHandshake:
    if error.status == 101:
        for name in ("Upgrade", "Connection", "Sec-WebSocket-Accept"):
            if name.lower() in error.message.lower():
                values = [value for header, value in error.headers if header.lower() == name.lower()]
                kind = InvalidHeader if name.startswith("Sec") else InvalidUpgrade
                return kind(name, ", ".join(values) if values else None)
        return InvalidHandshake(error.message)
    failed = InvalidMessage("did not receive a valid HTTP response")
    if error.status is None and "ended the connection" in error.message:
        failed.__cause__ = EOFError("connection closed while reading HTTP status line")
        failed.__cause__.__cause__ = error
    return failed


class ClientProtocol:
    """The `connection.protocol` of `websockets`: the state, the URI, the end. It does not take part in the protocol."""

    def __init__(self, address: str, uri: WebSocketURI, arguments: Arguments, logger: Any) -> None:
        #: The URI as it was given.
        self.address = address
        self.uri = uri
        self.id = uuid.uuid4()
        self.logger = logger
        self.debug = False
        self.arguments = arguments
        self.extensions: list[Any] = []
        self.handshake_exc: Exception | None = None
        self.close_sent: Close | None = None
        self.close_rcvd: Close | None = None
        self.close_rcvd_then_sent: bool | None = None
        self._socket: WebSocket | None = None
        self._end: CloseEvent | None = None

    @property
    def server_hostname(self) -> str | None:
        """The name that TLS asks for and checks; None without TLS."""
        return self.arguments.options.get("tls", {}).get("server_name", self.uri.host) if self.uri.secure else None

    @property
    def state(self) -> State:
        """The state."""
        return State.CONNECTING if self._socket is None else State(self._socket.ready_state)

    @property
    def subprotocol(self) -> str | None:
        """The subprotocol in use."""
        return None if self._socket is None else self._socket.protocol or None

    @property
    def close_code(self) -> int | None:
        """The code of the close; None while it lasts; 1006 without a Close frame."""
        if self.state is not State.CLOSED:
            return None
        return 1006 if self.close_rcvd is None else self.close_rcvd.code

    @property
    def close_reason(self) -> str | None:
        """The reason of the close; None while it lasts."""
        if self.state is not State.CLOSED:
            return None
        return "" if self.close_rcvd is None else self.close_rcvd.reason

    @property
    def close_exc(self) -> ConnectionClosed:
        """The exception for the end. Raises AssertionError before it."""
        if self._end is None:
            raise AssertionError("connection isn't closed yet")
        return self.closed(self._end)

    def opened(self, socket: WebSocket, extensions: str) -> None:
        """Show the connection that is open now."""
        self._socket = socket
        self.extensions = [_deflate(offer) for offer in extensions.split(",") if offer.strip().startswith("permessage-deflate")]

    def closing(self, code: int, reason: str) -> None:
        """Note that this side sends its Close first."""
        if self.close_sent is None and self.state is State.OPEN:
            self.close_sent = Close(code, reason)

    def ended(self, event: CloseEvent) -> None:
        """Store the end of the connection."""
        if self._end is not None:
            return
        self._end = event
        error, code = event.error, event.code
        if event.was_clean:
            self.close_rcvd = Close(code, event.reason)
            self.close_rcvd_then_sent = self.close_sent is None
            self.close_sent = self.close_sent or Close(code, event.reason)
        elif error is not None and error.code in _OUR_CODES:
            self.close_sent = Close(_OUR_CODES[error.code], error.message)
        elif error is not None and error.code in _LIVENESS:
            self.close_sent = Close(1011, _LIVENESS[error.code])

    def closed(self, event: CloseEvent) -> ConnectionClosed:
        """Make the exception for the last event."""
        self.ended(event)
        error, code = event.error, event.code
        cause = None if error is None or error.code == "closed_by_peer" else error
        ok = event.was_clean and {self.close_sent.code if self.close_sent else code, code} <= {1000, 1001, 1005}
        order = self.close_rcvd_then_sent if self.close_rcvd and self.close_sent else None
        exception = (ConnectionClosedOK if ok else ConnectionClosedError)(self.close_rcvd, self.close_sent, order)
        exception.__cause__ = cause
        return exception


class PerMessageDeflate:
    """The extension in use, without the package `websockets`."""

    name = "permessage-deflate"

    def __init__(self, *agreed: Any) -> None:
        self.remote_no_context_takeover, self.local_no_context_takeover, self.remote_max_window_bits, self.local_max_window_bits = agreed


def _deflate(offer: str) -> Any:
    parameters = dict(part.strip().partition("=")[::2] for part in offer.split(";")[1:])
    bits = [int(parameters.get(f"{side}_max_window_bits") or 15) for side in ("server", "client")]
    agreed = ("server_no_context_takeover" in parameters, "client_no_context_takeover" in parameters, *bits)
    try:
        from websockets.extensions.permessage_deflate import PerMessageDeflate as Theirs
    except ImportError:
        return PerMessageDeflate(*agreed)
    return Theirs(*agreed)  # type: ignore[arg-type]
