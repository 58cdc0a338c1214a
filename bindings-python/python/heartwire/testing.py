"""A server for the tests of bots. It behaves or misbehaves by its script, and records all that it received. See docs/testing.md."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import _native

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

__all__ = ["FaultServer"]


class FaultServer(_native.FaultServer):
    """A WebSocket server on 127.0.0.1; without a script it echoes. Use it in a `with` statement, or `stop()` it."""

    __slots__ = ()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()
