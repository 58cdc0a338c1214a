"""`connect` for asyncio, with the parameters of `websockets.asyncio.client.connect`."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from ._connection import ClientConnection
from ._opening import Opening, Retry

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Generator
    from types import TracebackType

__all__ = ["ClientConnection", "connect", "unix_connect"]


class connect(Opening):
    """Open a connection: `async with connect(uri) as ws:`, `ws = await connect(uri)`, or `async for ws in connect(uri):`.

    The parameters are those of `websockets`; those that Heartwire cannot honour are refused by name. `extra_headers`, the old name of
    `additional_headers`, is accepted. Raises OSError, TimeoutError, InvalidURI, InvalidHandshake and its kinds; `__cause__` is Heartwire's
    own error.
    """

    _connection_type = ClientConnection

    async def connect(self) -> ClientConnection:
        """Open it, through redirects."""
        for connection, rest in self._attempts():
            opened: ClientConnection = connection
            try:
                await opened.handshake(self.additional_headers, self.user_agent_header, open_timeout=rest)
            except Exception as exc:
                self._redirected(exc)
            else:
                return opened
        raise AssertionError("the attempts end with an exception")

    def __await__(self) -> Generator[Any, None, ClientConnection]:
        return self.connect().__await__()

    async def __aenter__(self) -> ClientConnection:
        if hasattr(self, "connection"):
            raise RuntimeError("connect() isn't reentrant")
        self.connection = await self
        return await self.connection.__aenter__()

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        try:
            await self.connection.__aexit__(kind, error, trace)
        finally:
            del self.connection

    async def __aiter__(self) -> AsyncIterator[ClientConnection]:
        retry = Retry(self.process_exception, self.reconnect_delays)
        while True:
            try:
                async with self as connection:
                    yield connection
            except Exception as exc:
                delay = retry.failed(exc)
                self.logger.info("connect failed; reconnecting in %.1f seconds: %s", delay, exc)
                await asyncio.sleep(delay)
            else:
                retry.succeeded()


def unix_connect(path: str | None = None, uri: str | None = None, **kwargs: Any) -> connect:
    """Connect to a server on a unix socket; the arguments are those of `connect`."""
    if uri is None:
        uri = "ws://localhost/" if kwargs.get("ssl") is None else "wss://localhost/"
    return connect(uri, unix=True, path=path, **kwargs)
