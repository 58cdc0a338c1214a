"""The exceptions. Knows no socket."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from ._native import CloseEvent


class Error(Exception):
    """The base of all exceptions of Heartwire."""

    __module__ = "heartwire"


class WebSocketError(Error):
    """An error: its message, its phase, and whether a retry may help. Never holds a secret.

    `code` is a stable name (see docs/errors.md), `phase` names the step that failed, `message` is in plain words. A refused upgrade has
    `status`, `headers` and the first 4 KiB of `body`. `retryable` says whether a retry may help, `retry_in` is the time until the next
    attempt, and `retry_after` the delay that the server asked for, both in seconds. `faults` are the faults of the options: path, given
    value (None if it may be a secret) and rule of each. `__cause__` is the cause; if a function of yours failed, it is that function's
    exception.

    If the network failed, the error is also the built-in exception for that, with its `errno`: `ConnectionRefusedError` or another
    `ConnectionError`, `TimeoutError`, `socket.gaierror`, `ssl.SSLError`. All of these are an `OSError`.
    """

    __module__ = "heartwire"

    code: str
    phase: str
    message: str
    status: int | None
    headers: list[tuple[str, str]]
    body: bytes
    retryable: bool
    retry_after: float | None
    retry_in: float | None
    faults: list[tuple[str, str | None, str]]

    def __init__(
        self,
        message: str,
        *,
        code: str = "internal",
        phase: str = "process",
        status: int | None = None,
        headers: Iterable[tuple[str, str]] = (),
        body: bytes = b"",
        retryable: bool = False,
        retry_after: float | None = None,
        retry_in: float | None = None,
        faults: Iterable[tuple[str, str | None, str]] = (),
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.phase = phase
        self.status = status
        self.headers = list(headers)
        self.body = body
        self.retryable = retryable
        self.retry_after = retry_after
        self.retry_in = retry_in
        self.faults = list(faults)

    def __str__(self) -> str:
        """Return the message with the code and the phase."""
        words = f"{self.message} ({self.code}, {self.phase})"
        return words if self.retry_in is None else f"{words}; next attempt in {self.retry_in:.1f} s"

    def __reduce__(self) -> tuple[Any, ...]:
        base: type[OSError] | None = type(self).__dict__.get("_base")
        public = type(self) if base is None else WebSocketError
        # By name: old protocols of pickle make OSError of its subclasses.
        name = None if base is None else (base.__module__, base.__qualname__)
        return (_restore, (public, name, self.message, self.__dict__, getattr(self, "errno", None)))


class OptionError(WebSocketError, ValueError):
    """An argument or an option was not acceptable: nothing was done, nothing was sent."""

    __module__ = "heartwire"


class InvalidStateError(WebSocketError):
    """The call needs a socket in another state."""

    __module__ = "heartwire"


_CLASSES: dict[str, type[WebSocketError]] = {
    "invalid_option": OptionError,
    "invalid_url": OptionError,
    "invalid_protocol": OptionError,
    "invalid_header": OptionError,
    "invalid_data": OptionError,
    "invalid_close": OptionError,
    "invalid_state": InvalidStateError,
}

_also: dict[type[OSError], type[WebSocketError]] = {}
"""The classes of errors that are also one of the built-in ones, made when the first of them happens."""


def _also_a(base: type[OSError]) -> type[WebSocketError]:
    known = _also.get(base)
    if known is None:
        # To users, one class: only `except` tells the difference.
        body = {"__module__": "heartwire", "__doc__": WebSocketError.__doc__, "_base": base}
        known = _also.setdefault(base, type("WebSocketError", (WebSocketError, base), body))
    return known


def _built_in(code: str, phase: str, number: int | None, words: str) -> tuple[type[OSError] | None, int | None]:
    """Return the built-in exception that Python's own sockets would have raised, and its `errno`."""
    import errno

    if code == "open_timeout" or (phase == "liveness" and code != "internal"):
        return TimeoutError, errno.ETIMEDOUT
    if phase == "dns":
        import socket

        return socket.gaierror, socket.EAI_AGAIN if "emporary failure" in words else socket.EAI_NONAME
    if phase == "tls" and number is None:
        try:
            import ssl
        except ImportError:  # a Python without it
            return OSError, None
        return ssl.SSLCertVerificationError if code == "tls_certificate" else ssl.SSLError, ssl.SSL_ERROR_SSL.value
    if phase in ("tcp", "proxy", "tls") or code == "connection_lost":
        if number is None and code == "connection_refused":
            number = errno.ECONNREFUSED
        kind = OSError if number is None else type(OSError(number, words))
        return ConnectionError if kind is OSError else kind, number
    return None, None


def _restore(
    cls: type[WebSocketError], base: tuple[str, str] | None, message: str, fields: dict[str, Any], number: int | None
) -> WebSocketError:
    if base is not None:
        from importlib import import_module

        cls = _also_a(getattr(import_module(base[0]), base[1]))
    error = cls(message)
    _number(error, number)
    error.__dict__.update(fields)
    return error


def _number(error: WebSocketError, number: int | None) -> None:
    if isinstance(error, OSError):
        error.errno = number
        error.strerror = error.message


def from_core(code: str, message: str, fields: dict[str, Any], causes: list[str], number: int | None) -> WebSocketError:
    """Make the exception for an error of the core, with its chain of causes (outermost first) and the `errno` of the innermost."""
    base, own = _built_in(code, fields["phase"], number, " ".join([message, *causes]))
    cls = _CLASSES.get(code, WebSocketError) if base is None else _also_a(base)
    error = cls(message, code=code, **fields)
    _number(error, own)
    above: BaseException = error
    for index, words in enumerate(causes, 1):
        above.__cause__ = Error(words)
        if number is not None and index == len(causes):
            import os

            above.__cause__ = OSError(number, os.strerror(number))
        above = above.__cause__
    return error


def attach_failure(error: WebSocketError | None, failure: BaseException) -> None:
    """Make the exception of a user's function the cause of the error that reports it."""
    if error is None:
        return
    if error.code == "provider_failed":
        error.__cause__ = failure
        return
    # `should_reconnect` failed while a connection's end was being reported: the end of the chain holds its message.
    above: BaseException = error
    while above.__cause__ is not None:
        if str(above.__cause__).startswith("should_reconnect failed"):
            above.__cause__ = failure
            return
        above = above.__cause__


class ConnectionClosed(Error):
    """The connection of `connect()` is closed: `code` and `reason` of the close, and `error`, the cause of an abnormal one."""

    __module__ = "heartwire"

    code: int
    reason: str
    error: WebSocketError | None

    def __init__(self, code: int, reason: str, error: WebSocketError | None = None) -> None:
        super().__init__(code, reason, error)
        self.code = code
        self.reason = reason
        self.error = error
        self.__cause__ = error

    def __str__(self) -> str:
        """Return code, reason and cause."""
        words = f"the connection is closed: {self.code}"
        if self.reason:
            words += f" ({self.reason})"
        return words if self.error is None else f"{words}: {self.error}"


class ConnectionClosedOK(ConnectionClosed):
    """Both sides sent a Close with 1000 or 1001."""

    __module__ = "heartwire"


class ConnectionClosedError(ConnectionClosed):
    """The connection ended in another way."""

    __module__ = "heartwire"


def closed(event: CloseEvent) -> ConnectionClosed:
    """Make the exception for the last CloseEvent."""
    ok = event.was_clean and event.code in (1000, 1001, 1005)
    return (ConnectionClosedOK if ok else ConnectionClosedError)(event.code, event.reason, event.error)
