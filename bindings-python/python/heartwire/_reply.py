"""The reply of a request without an asyncio loop: a `concurrent.futures.Future`. In its own file, because its import is slow."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

from ._delivery import hub_of
from ._errors import InvalidStateError
from ._json import parsed

if TYPE_CHECKING:
    from collections.abc import Generator

    from ._native import Socket


class Reply(Future):  # type: ignore[type-arg]
    """The reply of a request: `result()` waits for it, `cancel()` ends it; a coroutine may await it."""

    def __init__(self, socket: Socket) -> None:
        super().__init__()
        self._socket = socket
        self.ticket: int | None = None

    def settle(self, reply: str | None, error: Any) -> None:
        """Take the end of the request."""
        if not self.set_running_or_notify_cancel():
            return
        if error is None:
            self.set_result(parsed(reply))
        else:
            self.set_exception(error)

    def cancel(self) -> bool:
        """Cancel the request. A reply that still arrives is an ordinary message."""
        cancelled = super().cancel()
        if cancelled and self.ticket is not None:
            self._socket._cancel_request(self.ticket)
        return cancelled

    def result(self, timeout: float | None = None) -> Any:
        """Wait for the reply, at most `timeout` seconds, and return it. Raise the error of a request that failed."""
        if not self.done() and getattr(hub_of(self._socket), "thread", None) is threading.current_thread():
            raise InvalidStateError(
                "result() would wait for itself: this thread delivers the events. Use add_done_callback(), or an `async def` handler",
                code="invalid_state",
                phase="closed",
            )
        return super().result(timeout)

    def __await__(self) -> Generator[Any, None, Any]:
        import asyncio

        return asyncio.wrap_future(self).__await__()
