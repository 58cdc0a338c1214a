"""Writes to the logger `heartwire`: opens, ends, retries, failures without a listener, warnings. Knows no network."""

from __future__ import annotations

import sys

from ._native import watch_frames

TYPE_CHECKING = False
if TYPE_CHECKING:
    from logging import Logger
    from types import FrameType

    from ._errors import WebSocketError
    from ._native import CloseEvent, Event, ReconnectingEvent, Socket


def warn(words: str) -> None:
    """Log a warning of the core, or of a socket that is gone."""
    _logger().warning("%s", words)


def note(socket: Socket, event: Event, unheard: bool) -> None:
    """Log an event of a connection's life. `unheard`: it reports a failure, and no function listens to it."""
    # A program without `logging` shows warnings only.
    if not unheard and "logging" not in sys.modules:
        return
    logger = _logger()
    told: object = event
    place = public(socket.url)
    error: WebSocketError | None = getattr(told, "error", None)
    if unheard and error is not None:
        hint = "set ws.onerror to handle it" if event.type == "error" else "set ws.onclose to handle it"
        # The user's own function failed: its traceback shows the place.
        trace = error if error.code == "provider_failed" else None
        (logger.error if error.retry_in is None else logger.warning)("%s: %s (%s)", place, error, hint, exc_info=trace)
    heed_level()
    if logger.isEnabledFor(20):
        words = _words(told)
        if words:
            logger.info("%s: %s", place, words)


def heed_level() -> None:
    """Have frames kept for the log, of connections that begin from now on, if `heartwire.frames` shows DEBUG."""
    logging = sys.modules.get("logging")
    watch_frames(logging is not None and logging.getLogger("heartwire.frames").isEnabledFor(10))


def frames(lines: list[str], lost: int) -> None:
    """Log frames, and how many came too fast for that."""
    import logging

    logger = logging.getLogger("heartwire.frames")
    for line in lines:
        logger.debug("%s", line)
    if lost:
        logger.debug("%d frames more came too fast to be logged", lost)


def _words(event: object) -> str:
    kind = getattr(event, "type", "")
    if kind == "open":
        # Without the subprotocol, in which some services take a secret.
        return "open"
    if kind == "close":
        closed: CloseEvent = event  # type: ignore[assignment]
        reason = f" {closed.reason!r}" if closed.reason else ""
        cause = "" if closed.error is None else f": {closed.error.message} ({closed.error.code})"
        return f"closed, {closed.code}{reason}{cause}"
    if kind == "reconnecting":
        planned: ReconnectingEvent = event  # type: ignore[assignment]
        cause = "" if planned.cause is None else f", because {planned.cause.message} ({planned.cause.code})"
        return f"attempt {planned.attempt} in {planned.delay:.1f} s{cause}"
    return ""


def public(url: str) -> str:
    """Return scheme, host and path, without credentials and query."""
    scheme, _, rest = url.partition("://")
    rest = rest.partition("?")[0]
    authority, slash, path = rest.partition("/")
    return f"{scheme}://{authority.rpartition('@')[2]}{slash}{path}"


def birthplace(url: object) -> str:
    """Name a socket by its URL and by the line of the user's program that makes it."""
    frame: FrameType | None = sys._getframe(1)
    # Skip constructors, ours and those of subclasses.
    while frame is not None and (frame.f_code.co_name in ("__init__", "_init") or frame.f_globals.get("__package__") == "heartwire"):
        frame = frame.f_back
    place = "" if frame is None else f" (made at {frame.f_code.co_filename}:{frame.f_lineno})"
    return f"the socket for {public(url) if isinstance(url, str) else 'a URL by a function'}{place}"


def _logger() -> Logger:
    import logging

    return logging.getLogger("heartwire")
