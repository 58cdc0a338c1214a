"""The arguments of `WebSocket.connect` and `run_forever`, turned into the options of Heartwire. Opens nothing.

An argument that Heartwire cannot honour is refused by name; none is accepted and ignored.
"""

from __future__ import annotations

import socket
import ssl
from typing import Any, NoReturn
from urllib.parse import quote, urlsplit

from .._tls import tls_options
from ._exceptions import WebSocketException, WebSocketProxyException

_PROTOCOL = "sec-websocket-protocol"
_PROXIES = ("http", "socks4a", "socks5", "socks5h")

#: The arguments of `WebSocket.connect`, which `create_connection` hands to the class as well.
CONNECT = frozenset(
    [
        "header",
        "cookie",
        "origin",
        "suppress_origin",
        "host",
        "suppress_host",
        "connection",
        "subprotocols",
        "timeout",
        "redirect_limit",
        "socket",
        "http_proxy_host",
        "http_proxy_port",
        "http_proxy_auth",
        "http_proxy_timeout",
        "http_no_proxy",
        "proxy_type",
        "ping_interval",
        "ping_timeout",
    ]
)
#: The reasons for refusing an argument that differs from its default.
_REFUSED = {
    "socket": "Heartwire dials itself; use a proxy or unix sockets of heartwire.sync.connect",
    "connection": "the Connection header is Upgrade",
    "suppress_host": "HTTP demands a Host header",
    "http_proxy_timeout": "the timeout of the opening bounds the proxy, too",
    "fire_cont_frame": "messages come whole",
    "get_mask_key": "masks are Heartwire's own",
    "skip_utf8_validation": "text is always checked",
}
#: Those of them whose default is not None.
_DEFAULTS = {"connection": ("Upgrade", "Connection: Upgrade")}


def refuse(name: str, value: object) -> None:
    """Refuse an argument that Heartwire cannot honour, unless it has its default."""
    if value and value not in _DEFAULTS.get(name, ()):
        _no(name, _REFUSED[name])


def _no(name: str, why: str) -> NoReturn:
    raise WebSocketException(f"heartwire.compat.websocket_client does not support {name}: {why}")


def subprotocols_of(given: dict[str, Any]) -> list[str]:
    """Return the subprotocols to offer: those of the argument, or of a header, as some SDKs do it."""
    header = given.get("header")
    pairs = header.items() if isinstance(header, dict) else (line.partition(":")[::2] for line in header or ())
    named = [value for name, value in pairs if name.strip().lower() == _PROTOCOL]
    return list(given.get("subprotocols") or [part.strip() for value in named for part in value.split(",")])


def options_for(url: str, sockopt: Any, sslopt: dict[str, Any], timeout: float | None, given: dict[str, Any]) -> dict[str, Any]:
    """Return Heartwire's options for a connection to `url`; `given` are the arguments of `WebSocket.connect`."""
    parts = urlsplit(url)
    if parts.scheme not in ("ws", "wss"):
        raise ValueError(f"scheme {parts.scheme} is invalid" if parts.scheme and "://" in url else "url is invalid")
    if not parts.hostname:
        raise ValueError("hostname is invalid")
    given = dict(given)
    options: dict[str, Any] = {
        "user_agent": "",
        "compression": False,
        "max_size": 2**53 - 1,
        "max_buffered": 2**53 - 1,
        "open_timeout": timeout,
        "close_timeout": 3,
        "deliver_after_close": True,
        "follow_redirects": min(20, given.pop("redirect_limit", 3)),
        "headers": _headers(parts, given),
        "proxy": _proxy(parts.hostname, given),
        **_socket_options(sockopt or ()),
    }
    tls = _tls(dict(sslopt))
    if tls and parts.scheme == "wss":
        options["tls"] = tls
    for name in ("subprotocols", "timeout", "enable_multithread"):
        given.pop(name, None)
    for name, value in given.items():
        if name not in _REFUSED:
            raise TypeError(f"heartwire.compat.websocket_client does not know the argument {name!r}")
        refuse(name, value)
    return options


def _headers(parts: Any, given: dict[str, Any]) -> list[tuple[str, str]]:
    header, host, origin = given.pop("header", None), given.pop("host", None), given.pop("origin", None)
    cookie, suppress_origin = given.pop("cookie", None), given.pop("suppress_origin", False)
    lines = [f"{name}: {value}" for name, value in header.items() if value is not None] if isinstance(header, dict) else list(header or ())
    headers = [(name.strip(), value.strip()) for name, _, value in (line.partition(":") for line in lines)]
    names = {name.lower() for name, _ in headers}
    if host:
        headers.append(("Host", host))
    if not suppress_origin and "origin" not in names:
        place = parts.netloc.rpartition("@")[2]
        headers.append(("Origin", origin or f"{'https' if parts.scheme == 'wss' else 'http'}://{place}"))
    if cookie:
        headers.append(("Cookie", cookie))
    for name in ("sec-websocket-key", "sec-websocket-version"):
        if name in names:
            _no(f"the header {name}", "it is Heartwire's own")
    return [pair for pair in headers if pair[0].lower() != _PROTOCOL]


def _proxy(hostname: str, given: dict[str, Any]) -> str | bool:
    host, port = given.pop("http_proxy_host", None), given.pop("http_proxy_port", None)
    auth, kind = given.pop("http_proxy_auth", None), given.pop("proxy_type", None) or "http"
    exceptions = given.pop("http_no_proxy", None) or ()
    exceptions = exceptions.split(",") if isinstance(exceptions, str) else exceptions
    for exception in (entry.strip() for entry in exceptions):
        if exception == "*" or hostname == exception.lstrip(".") or hostname.endswith("." + exception.lstrip(".")):
            return False
    if not host:
        return True
    if kind not in _PROXIES:
        raise WebSocketProxyException(f"Only http, socks4a, socks5 and socks5h proxy protocols are supported; got {kind}")
    if not port:
        raise WebSocketProxyException("http_proxy_port is required with http_proxy_host")
    user = f"{quote(auth[0] or '', safe='')}:{quote(auth[1] or '', safe='')}@" if auth else ""
    return f"{kind}://{user}{host}:{port}"


def _socket_options(sockopt: Any) -> dict[str, Any]:
    options: dict[str, Any] = {}
    for entry in sockopt:
        level, name, value = entry
        if (level, name) == (socket.IPPROTO_TCP, socket.TCP_NODELAY):
            options["tcp_nodelay"] = bool(value)
        elif (level, name) == (socket.SOL_SOCKET, socket.SO_KEEPALIVE):
            options.setdefault("tcp_keepalive", 60 if value else None)
        elif (level, name) == (socket.IPPROTO_TCP, getattr(socket, "TCP_KEEPIDLE", -1)):
            options["tcp_keepalive"] = value
        else:
            _no(f"sockopt {entry!r}", "TCP_NODELAY, SO_KEEPALIVE and TCP_KEEPIDLE are")
    return options


def _tls(sslopt: dict[str, Any]) -> dict[str, Any]:
    name = sslopt.pop("server_hostname", None)
    context = sslopt.pop("context", None)
    if context is not None:
        return tls_options(context, name)
    tls: dict[str, Any] = {} if name is None else {"server_name": name}
    verifies = sslopt.pop("cert_reqs", ssl.CERT_REQUIRED) != ssl.CERT_NONE
    if not verifies:
        tls["verify"] = False
    if not sslopt.pop("check_hostname", True) and verifies:
        _no("sslopt['check_hostname'] = False", "a certificate is checked with its name, or not at all (cert_reqs)")
    for theirs, ours in {"ca_certs": "ca", "certfile": "cert", "keyfile": "key", "password": "password"}.items():
        value = sslopt.pop(theirs, None)
        if value is not None and not (ours == "ca" and not verifies):
            tls[ours] = value
    if "cert" in tls:
        tls.setdefault("key", tls["cert"])
    sslopt.pop("suppress_ragged_eofs", None)  # an end without close_notify is reported as a loss
    version = sslopt.pop("ssl_version", None)
    if version not in (None, getattr(ssl, "PROTOCOL_TLS_CLIENT", None), getattr(ssl, "PROTOCOL_TLS", None)):
        _no(f"sslopt['ssl_version'] = {version!r}", "TLS 1.2 and 1.3 are offered")
    for name, value in sslopt.items():
        if value is not None:
            _no(f"sslopt[{name!r}]", "cert_reqs, check_hostname, ca_certs, certfile, keyfile, password, server_hostname and context are")
    return tls
