"""The log of `websocket-client`: the logger `websocket`, and `enableTrace`."""

from __future__ import annotations

import logging

_logger = logging.getLogger("websocket")
_logger.addHandler(logging.NullHandler())
_level = _logger.level
_handler: logging.Handler | None = None
_tracing = False

__all__ = ["debug", "dump", "enableTrace", "error", "isEnabledForDebug", "isEnabledForError", "isEnabledForTrace", "trace", "warning"]


def enableTrace(traceable: bool, handler: logging.Handler | None = None, level: str = "DEBUG") -> None:
    """Log each frame that is sent and received, with its data, to `handler` (standard error unless given). False stops it."""
    global _handler, _tracing
    if _handler is not None:
        _logger.removeHandler(_handler)
        _handler = None
    if traceable:
        _handler = logging.StreamHandler() if handler is None else handler
        _logger.addHandler(_handler)
    _logger.setLevel(getattr(logging, level) if traceable else _level)
    _tracing = traceable


def isEnabledForTrace() -> bool:
    """Tell whether frames are logged."""
    return _tracing


def isEnabledForError() -> bool:
    """Tell whether errors are logged."""
    return _logger.isEnabledFor(logging.ERROR)


def isEnabledForDebug() -> bool:
    """Tell whether details are logged."""
    return _logger.isEnabledFor(logging.DEBUG)


def error(msg: str) -> None:
    """Log an error."""
    _logger.error("%s", msg)


def warning(msg: str) -> None:
    """Log a warning."""
    _logger.warning("%s", msg)


def info(msg: str) -> None:
    """Log a message."""
    _logger.info("%s", msg)


def debug(msg: str) -> None:
    """Log a detail."""
    _logger.debug("%s", msg)


def trace(msg: str) -> None:
    """Log a frame, while `enableTrace` is on."""
    if _tracing:
        _logger.debug("%s", msg)


def dump(title: str, message: str) -> None:
    """Log some lines under a title, while `enableTrace` is on."""
    for line in (f"--- {title} ---", message, "-----------------------"):
        trace(line)
