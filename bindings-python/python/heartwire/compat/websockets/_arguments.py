"""The arguments of `connect`, checked and turned into the options of Heartwire: shared by asyncio and threads. Opens nothing.

An argument that Heartwire cannot honour is refused by name; none is accepted and ignored.
"""

from __future__ import annotations

import platform
import socket
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from ... import __version__
from .._tls import tls_options
from ._data import Headers, HeadersLike, WebSocketURI, parse_uri
from .exceptions import InvalidProxy

#: The largest value that the option `max_size` takes.
_NO_LIMIT = 2**53 - 1
_A_YEAR = 31536000
USER_AGENT = f"Python/{platform.python_version()} heartwire/{__version__}"

_PROXIES = ("http", "https", "socks5", "socks5h", "socks4a")

#: The reasons for refusing an argument of `websockets`.
_REFUSED = {
    "sock": "Heartwire dials itself; use host and port, unix_connect() or a proxy",
    "socket": "Heartwire dials itself; use host and port, unix_connect() or a proxy",
    "proxy_ssl": "the proxy's certificate is checked by what the platform trusts",
    "proxy_server_hostname": "the proxy's certificate is checked for the host of its URL",
    "ssl_handshake_timeout": "open_timeout bounds the handshake, too",
    "ssl_shutdown_timeout": "close_timeout bounds the end, too",
    "klass": "it is an argument of the legacy API; use create_connection",
    "create_protocol": "it is an argument of the legacy API; use create_connection",
    "timeout": "it is an argument of the legacy API; use close_timeout",
    "loop": "the running loop is used",
    "ssl_context": "it is deprecated; use ssl",
    "read_limit": "it is an argument of the legacy API; use max_queue",
}


class Arguments:
    """The arguments that do not change from one attempt to the next."""

    def __init__(
        self,
        uri: WebSocketURI,
        *,
        origin: str | None,
        extensions: Any,
        subprotocols: Any,
        compression: str | None,
        proxy: str | bool | None,
        max_size: int | tuple[int | None, int | None] | None,
        more: dict[str, Any],
    ) -> None:
        if not uri.secure and more.get("ssl") is not None:
            raise ValueError("ssl argument is incompatible with a ws:// URI")
        if isinstance(subprotocols, str):
            raise TypeError("subprotocols must be a list, not a str")
        if compression not in ("deflate", None):
            raise ValueError(f"unsupported compression: {compression}")
        self.options: dict[str, Any] = {
            "compression": _compression(extensions, compression),
            "max_size": _max_size(max_size),
            "connect_limit_until": "tls",
        }
        if origin is not None:
            self.options["origin"] = origin
        self.subprotocols = list(subprotocols or ())
        more = dict(more)
        if more.get("sock") is None:
            more.pop("sock", None)
        self.legacy_headers = more.pop("extra_headers", None)
        self._way(uri, proxy, more)
        self._tls(uri, more)
        for name in more:
            raise TypeError(f"heartwire.compat.websockets does not support the argument {name!r}: {_REFUSED.get(name, 'it is unknown')}")

    def _way(self, uri: WebSocketURI, proxy: str | bool | None, more: dict[str, Any]) -> None:
        options = self.options
        self.unix = bool(more.pop("unix", False))
        path = more.pop("path", None)
        if self.unix:
            if path is None and more.get("sock") is None:
                raise ValueError("no path and sock were specified")
            if path is not None and more.get("sock") is not None:
                raise ValueError("path and sock can not be specified at the same time")
            options["unix_socket"], proxy = path, None
        elif path is not None:
            raise TypeError("path is an argument of unix_connect()")
        host, port = more.pop("host", None), more.pop("port", None)
        self.has_host = host is not None or port is not None
        if self.has_host:
            host = uri.host if host is None else host
            options["connect_to"] = f"[{host}]:{port or uri.port}" if ":" in host else f"{host}:{port or uri.port}"
        options["proxy"] = _proxy(uri, proxy, more)
        local = more.pop("local_addr", None)
        if local is not None:
            if local[1]:
                raise ValueError(f"local_addr: only the address can be chosen, not the port; got {local!r}")
            options["local_address"] = local[0]
        family = more.pop("family", 0)
        if family:
            kinds = {socket.AF_INET: "ipv4", socket.AF_INET6: "ipv6"}
            if family not in kinds:
                raise ValueError(f"family must be AF_INET or AF_INET6; got {family!r}")
            options["address_family"] = kinds[family]
        delay = more.pop("happy_eyeballs_delay", None)
        if delay is not None:
            options["happy_eyeballs_delay"] = delay

    def _tls(self, uri: WebSocketURI, more: dict[str, Any]) -> None:
        context, name = more.pop("ssl", True if uri.secure else None), more.pop("server_hostname", None)
        if not uri.secure:
            if name is not None:
                raise ValueError("server_hostname is incompatible with a ws:// URI")
            return
        if context is None:
            raise ValueError("ssl=None is incompatible with a wss:// URI")
        if context is True:
            if name is not None:
                self.options["tls"] = {"server_name": name}
            return
        self.options["tls"] = tls_options(context, name)


def request_headers(
    arguments: Arguments, uri: WebSocketURI, additional: HeadersLike | None, user_agent: str | None
) -> tuple[Headers, list[tuple[str, str]]]:
    """Return the headers of a request, as far as they are known beforehand, and those of them that are the user's."""
    own = list(Headers(additional).raw_items()) if additional is not None else []
    given = {name.lower() for name, _ in own}
    host = f"[{uri.host}]" if ":" in uri.host else uri.host
    place = host if uri.port == (443 if uri.secure else 80) else f"{host}:{uri.port}"
    headers = Headers()
    if "host" not in given:
        headers["Host"] = place
    headers.update({"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"})
    if arguments.subprotocols:
        headers["Sec-WebSocket-Protocol"] = ", ".join(arguments.subprotocols)
    if "origin" in arguments.options:
        headers["Origin"] = arguments.options["origin"]
    if user_agent and "user-agent" not in given:
        headers["User-Agent"] = user_agent
    for name, value in own:
        headers[name] = value
    return headers, own


def _compression(extensions: Any, compression: str | None) -> bool | dict[str, Any]:
    """Return the option `compression`: of the extensions that `websockets` knows, Heartwire speaks permessage-deflate."""
    offered = list(extensions or ())
    for factory in offered:
        if type(factory).__name__ != "ClientPerMessageDeflateFactory":
            raise TypeError(f"extensions: Heartwire speaks permessage-deflate alone; got {factory!r}")
    if not offered:
        return compression == "deflate"
    factory = offered[0]
    settings = dict(factory.compress_settings or {})
    options: dict[str, Any] = {"level": settings.pop("level", 1)}
    settings.pop("memLevel", None)  # how much memory zlib takes, which another encoder takes in its own way
    if settings:
        raise TypeError(f"extensions: compress_settings knows level here; got {', '.join(settings)}")
    for name in ("server_no_context_takeover", "client_no_context_takeover", "server_max_window_bits", "client_max_window_bits"):
        value = getattr(factory, name)
        if value is not None and value is not True:
            options[name] = value
        elif value is True and name.endswith("takeover"):
            options[name] = True
    return options


def _max_size(limit: Any) -> int:
    if isinstance(limit, tuple):
        whole, fragment = limit
        if fragment is not None:
            raise TypeError(f"max_size: a limit for fragments is not supported, only one for messages; got {limit!r}")
        limit = whole
    return _NO_LIMIT if limit is None else int(limit)


def _of_environment(uri: WebSocketURI) -> str | None:
    """Return the proxy that `websockets` would find: of the environment, or the settings of macOS and Windows."""
    if proxy_bypass(f"{uri.host}:{uri.port}"):
        return None
    proxies = getproxies()
    for name in ("wss", "socks", "https") if uri.secure else ("ws", "socks", "https", "http"):
        if name in proxies:
            found = proxies[name]
            # Systems spell a SOCKS proxy like this.
            return f"socks5h://{found[7:]}" if name == "socks" and found.startswith("http://") else found
    return None


def _proxy(uri: WebSocketURI, proxy: str | bool | None, more: dict[str, Any]) -> str | bool:
    if proxy is True:
        proxy = _of_environment(uri)
    if not proxy or not isinstance(proxy, str):
        return False
    scheme = urlsplit(proxy).scheme
    if scheme not in _PROXIES:
        raise InvalidProxy(proxy, f"scheme {scheme} isn't supported")
    if "proxy_ssl" in more:
        if scheme == "https" and more["proxy_ssl"] is None:
            raise ValueError("proxy_ssl=None is incompatible with an https:// proxy")
        if scheme == "http" and more["proxy_ssl"] is not None:
            raise ValueError("proxy_ssl argument is incompatible with an http:// proxy")
        if more["proxy_ssl"] is True:
            del more["proxy_ssl"]  # this is the only behaviour here
    return proxy


def time_limit(seconds: float | None) -> float:
    """Return a time that must be finite, if `websockets` takes None for no limit."""
    return _A_YEAR if seconds is None else max(0.001, seconds)


def queue_marks(limit: int | tuple[int | None, int | None] | None) -> tuple[float, float]:
    """Return the high-water and low-water marks for received messages."""
    high, low = limit if isinstance(limit, tuple) else (limit, None)
    if high is None:
        return float("inf"), float("inf")
    if high < 1:
        raise ValueError(f"max_queue must be at least 1; got {limit!r}")
    return high, high // 4 if low is None else low


def write_marks(limit: int | tuple[int, int | None]) -> tuple[int, int]:
    """Return the high-water and low-water marks for unsent bytes."""
    high, low = limit if isinstance(limit, tuple) else (limit, None)
    return high, max(1, high // 4 if low is None else low)


__all__ = ["USER_AGENT", "Arguments", "parse_uri", "queue_marks", "request_headers", "time_limit", "write_marks"]
