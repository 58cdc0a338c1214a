"""One message sent in parts as they arrive, for the APIs that wait between them. The core knows which part is the last."""

from __future__ import annotations

from . import _native

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Union

    from typing_extensions import Self

    from ._native import CloseEvent
    from ._websocket import WebSocket

    Data = Union[str, bytes, bytearray, memoryview]

#: The types of a message, or of a part of one. Every other iterable is a message in parts.
WHOLE = (str, bytes, bytearray, memoryview)


class Fragments:
    """A message that is being sent: `put()` its parts, then `end()` it. Leaving the block earlier closes its connection."""

    def __init__(self, socket: WebSocket, text: bool | None, compress: bool | None, closed: Callable[[CloseEvent], Exception]) -> None:
        self._socket = socket
        self._closed = closed
        self._message = _native.Fragments(socket, text, compress)

    def put(self, part: Data) -> None:
        """Take a part. It leaves once the next part is there, because the last one is marked. Raise ConnectionClosed after the end."""
        self._check()
        self._message.put(part)

    def end(self) -> None:
        """Send the last part. A message without parts is empty."""
        self._check()
        self._message.end()

    def _check(self) -> None:
        if self._message.is_lost:
            end = self._socket._last_close
            assert end is not None, "a connection has ended"
            raise self._closed(end)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self._message.abandon()
