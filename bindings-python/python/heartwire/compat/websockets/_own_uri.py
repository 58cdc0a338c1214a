"""Parses URIs as `websockets` does, for programs without that package. Knows no connection."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from ._own_exceptions import InvalidURI


@dataclass
class WebSocketURI:
    """A URI in its parts."""

    secure: bool
    host: str
    port: int
    path: str
    query: str
    username: str | None = None
    password: str | None = None

    @property
    def resource_name(self) -> str:
        """The path and the query, in the form of the request."""
        return (self.path or "/") + (f"?{self.query}" if self.query else "")


def parse_uri(uri: str) -> WebSocketURI:
    """Take a URI apart. Raises InvalidURI."""
    try:
        parts = urlsplit(uri)
        port = parts.port
    except ValueError as error:
        raise InvalidURI(uri, str(error)) from error
    if parts.scheme not in ("ws", "wss"):
        raise InvalidURI(uri, "scheme isn't ws or wss")
    if parts.hostname is None:
        raise InvalidURI(uri, "hostname isn't provided")
    if parts.fragment:
        raise InvalidURI(uri, "fragment identifier is meaningless")
    if parts.username is not None and parts.password is None:
        raise InvalidURI(uri, "username provided without password")
    secure = parts.scheme == "wss"
    user, password = (None if part is None else unquote(part) for part in (parts.username, parts.password))
    return WebSocketURI(secure, parts.hostname, port or (443 if secure else 80), parts.path, parts.query, user, password)
