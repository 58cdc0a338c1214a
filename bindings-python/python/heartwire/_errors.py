"""What goes wrong, as exceptions. Knows no socket."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from ._native import CloseEvent


class WebSocketError(Exception):
    """What went wrong, in which phase, and what follows. Never holds a secret.

    `code` is a stable name (see docs/errors.md), `phase` says where it happened, `message` is in plain words. A refused upgrade has
    `status`, `headers` and the first 4 KiB of `body`. `retryable` says whether trying again may help, `retry_in` when the next attempt
    comes, `retry_after` what the server asked for, both in seconds. `faults` are the faults of the options: path, value given (None where
    it may be a secret) and rule of each. What lies beneath is in `__cause__`.
    """

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
        """Give the words with the code and the phase."""
        words = f"{self.message} ({self.code}, {self.phase})"
        return words if self.retry_in is None else f"{words}; next attempt in {self.retry_in:.1f} s"

    def __reduce__(self) -> tuple[Any, ...]:
        return (_restore, (type(self), self.message, self.__dict__))


class OptionError(WebSocketError, ValueError):
    """An argument or an option was not acceptable: nothing was done, nothing was sent."""


class InvalidStateError(WebSocketError):
    """The call needs a socket in another state."""


_CLASSES: dict[str, type[WebSocketError]] = {
    "invalid_option": OptionError,
    "invalid_url": OptionError,
    "invalid_protocol": OptionError,
    "invalid_header": OptionError,
    "invalid_data": OptionError,
    "invalid_close": OptionError,
    "invalid_state": InvalidStateError,
}


def _restore(cls: type[WebSocketError], message: str, fields: dict[str, Any]) -> WebSocketError:
    error = cls(message)
    error.__dict__.update(fields)
    return error


def from_core(code: str, message: str, fields: dict[str, Any], causes: list[str]) -> WebSocketError:
    """Make the exception for an error of the core, with its chain of causes (outermost first)."""
    error = _CLASSES.get(code, WebSocketError)(message, code=code, **fields)
    above: BaseException = error
    for words in causes:
        above.__cause__ = Exception(words)
        above = above.__cause__
    return error


class ConnectionClosed(Exception):
    """The connection of `connect()` is closed: `code` and `reason` of the close, and `error`, the cause of an abnormal one."""

    def __init__(self, code: int, reason: str, error: WebSocketError | None = None) -> None:
        super().__init__(code, reason, error)
        self.code = code
        self.reason = reason
        self.error = error
        self.__cause__ = error

    def __str__(self) -> str:
        """Give code, reason and cause."""
        words = f"the connection is closed: {self.code}"
        if self.reason:
            words += f" ({self.reason})"
        return words if self.error is None else f"{words}: {self.error}"


class ConnectionClosedOK(ConnectionClosed):
    """Both sides said goodbye with 1000 or 1001."""


class ConnectionClosedError(ConnectionClosed):
    """The connection ended in another way."""


def closed(event: CloseEvent) -> ConnectionClosed:
    """Make the exception for the last CloseEvent."""
    ok = event.was_clean and event.code in (1000, 1001, 1005)
    return (ConnectionClosedOK if ok else ConnectionClosedError)(event.code, event.reason, event.error)
