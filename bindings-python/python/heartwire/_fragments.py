"""One message sent in fragments as its parts come: which is the last, never half a message, all of it on one connection."""

from __future__ import annotations

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
    """A message under way: `put()` its parts, then `end()` it. Leaving the block before that closes the connection that it was begun on."""

    def __init__(self, socket: WebSocket, compress: bool | None, closed: Callable[[CloseEvent], Exception]) -> None:
        self._socket = socket
        self._closed = closed
        self._compress = compress
        self._held: str | bytes | None = None
        self._begun = False
        self._closes = 0

    def put(self, part: Data) -> None:
        """Take a part; it leaves once the next is there, for the last one is marked."""
        if not isinstance(part, WHOLE):
            kinds = "a str, bytes, bytearray or memoryview"
            raise TypeError(f"a fragment must be {kinds}, not {type(part).__name__}")
        if self._held is not None and isinstance(part, str) is not isinstance(self._held, str):
            raise TypeError("the fragments of a message must be all text or all binary")
        if self._held is not None:
            self._send(self._held, last=False)
        self._held = part if isinstance(part, str) else bytes(part)  # a buffer may be used again for the next part

    def end(self) -> None:
        """Send the last part. Without parts nothing is sent."""
        if self._held is not None:
            self._send(self._held, last=True)
        self._begun = False

    def _send(self, part: str | bytes, last: bool) -> None:
        if not self._begun:
            self._closes = self._socket._closes
        elif self._is_lost():
            end = self._socket._last_close
            assert end is not None, "a close was counted"
            raise self._closed(end)
        self._socket._send_fragment(part, not self._begun, last, self._compress)
        self._begun = True

    def _is_lost(self) -> bool:
        return self._socket._closes != self._closes

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        if self._begun and not self._is_lost():
            self._socket._abandon_message()  # half a message cannot be taken back, and nothing else may follow it
