"""The object behind `connection.transport` of `websockets`: it drops the connection, and gives the known facts about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..._websocket import WebSocket


class TlsObject:
    """The known facts about TLS: the name that was requested and checked."""

    def __init__(self, server_hostname: str) -> None:
        self.server_hostname = server_hostname

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"heartwire.compat.websockets: ssl_object has no {name!r}; TLS is Heartwire's own")


class Transport:
    """The transport of a connection. It does not read or write."""

    def __init__(self) -> None:
        self._socket: WebSocket | None = None
        self._known: dict[str, Any] = {}

    def opened(self, socket: WebSocket, server_hostname: str | None) -> None:
        """Show the connection that is open now; under TLS, `server_hostname` is the name that was checked."""
        self._socket = socket
        addresses = socket._addresses
        if addresses is not None:
            self._known = {"sockname": addresses[0], "peername": addresses[1]}
        if server_hostname is not None:
            self._known["ssl_object"] = TlsObject(server_hostname)

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Return `sockname`, `peername` or `ssl_object`; the default for everything else."""
        return self._known.get(name, default)

    def abort(self) -> None:
        """Drop the connection at once."""
        if self._socket is not None:
            self._socket.terminate()

    close = abort

    def is_closing(self) -> bool:
        """Tell whether the connection is at its end."""
        return self._socket is None or self._socket.ready_state >= 2

    def get_write_buffer_size(self) -> int:
        """Return the bytes that wait to leave."""
        return 0 if self._socket is None else self._socket.buffered_amount

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"heartwire.compat.websockets: the transport has no {name!r}; the connection is Heartwire's own")
