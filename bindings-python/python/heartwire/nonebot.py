"""A driver of NoneBot2 for WebSocket clients, alone or with others: `DRIVER=heartwire.nonebot`, `DRIVER=~fastapi+heartwire.nonebot`.

docs/nonebot.md. Without `nonebot2` its import raises an error with the reason.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from functools import wraps
from typing import TYPE_CHECKING, Any

try:
    from nonebot.drivers import Timeout, WebSocketClientMixin, combine_driver
    from nonebot.drivers import WebSocket as BaseWebSocket
    from nonebot.drivers.none import Driver as NoneDriver
    from nonebot.exception import WebSocketClosed
except ImportError as error:
    raise ImportError("heartwire.nonebot is a driver of NoneBot2: pip install nonebot2") from error

from ._aio import ClientConnection, connect
from ._errors import ConnectionClosed

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable

    from nonebot.drivers import Request

__all__ = ["Driver", "Mixin", "WebSocket"]


class Mixin(WebSocketClientMixin):  # type: ignore[misc] # NoneBot2 is not installed everywhere
    """WebSocket clients on Heartwire. Adapters open them, and connect again as they always do."""

    @property
    def type(self) -> str:
        """The name of the driver."""
        return "heartwire"

    @asynccontextmanager
    async def websocket(self, setup: Request) -> AsyncGenerator[WebSocket, None]:
        """Open the connection that a request asks for: its URL, headers, cookies, proxy and timeouts."""
        options: dict[str, Any] = {"headers": list({**setup.headers, **setup.cookies.as_header(setup)}.items())}
        if setup.proxy is not None:
            options["proxy"] = str(setup.proxy)
        timeout = setup.timeout
        if isinstance(timeout, Timeout):
            opening, closing = _given(timeout.connect) or _given(timeout.read) or _given(timeout.total), _given(timeout.close)
        else:
            opening = closing = _given(timeout)
        if opening is not None:
            options["open_timeout"] = opening
        if closing is not None:
            options["close_timeout"] = closing
        async with connect(str(setup.url), **options) as connection:
            yield WebSocket(request=setup, connection=connection)


def _given(seconds: Any) -> float | None:
    """Return a timeout, or None if NoneBot2 has none (or its own mark for none): then Heartwire's default holds."""
    return float(seconds) if isinstance(seconds, (int, float)) else None


def _telling_of_the_end(method: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    @wraps(method)
    async def telling(*arguments: Any) -> Any:
        try:
            return await method(*arguments)
        except ConnectionClosed as error:
            raise WebSocketClosed(error.code, error.reason) from error

    return telling


class WebSocket(BaseWebSocket):  # type: ignore[misc]
    """A connection as adapters use it; `connection` is Heartwire's own."""

    def __init__(self, *, request: Request, connection: ClientConnection) -> None:
        super().__init__(request=request)
        self.connection = connection

    @property
    def closed(self) -> bool:
        """Whether the connection is closed."""
        return self.connection.close_code is not None

    async def accept(self) -> None:
        """Refuse: that is for servers."""
        raise NotImplementedError("a client's connection is accepted by the server")

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close, and wait for the end."""
        await self.connection.close(code, reason)

    @_telling_of_the_end
    async def receive(self) -> str | bytes:
        """Return the next message. Raises WebSocketClosed after the last."""
        return await self.connection.recv()

    @_telling_of_the_end
    async def receive_text(self) -> str:
        """Return the next message, which must be text."""
        message = await self.connection.recv()
        if isinstance(message, bytes):
            raise TypeError("WebSocket received unexpected frame type: bytes")
        return message

    @_telling_of_the_end
    async def receive_bytes(self) -> bytes:
        """Return the next message, which must be binary."""
        message = await self.connection.recv()
        if isinstance(message, str):
            raise TypeError("WebSocket received unexpected frame type: str")
        return message

    @_telling_of_the_end
    async def send_text(self, data: str) -> None:
        """Send text."""
        await self.connection.send(data)

    @_telling_of_the_end
    async def send_bytes(self, data: bytes) -> None:
        """Send binary."""
        await self.connection.send(data)


#: The driver alone: WebSocket clients and nothing else.
Driver = combine_driver(NoneDriver, Mixin)
