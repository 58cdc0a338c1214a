"""Whether the pages for those who come from another library name every option and member of it: as introspection of the installed package finds them.

It owns the list of packages and pages, and what of a package is its inside. It plays nothing.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import aiohttp
import websocket
import websockets.asyncio.client as asyncio_client
import websockets.exceptions
import websockets.sync.client as sync_client

DOCS = Path(__file__).resolve().parents[3] / "docs"
#: Public by their names, and called by the packages themselves: events of asyncio's protocols, and parts between their classes.
INSIDE = {
    *("abort_pings", "acknowledge_pings", "acknowledge_pending_pings", "close_socket", "connection_lost", "connection_made", "data_received"),
    *("drain", "eof_received", "handshake", "keepalive", "pause_writing", "process_event", "recv_bufsize", "recv_events", "resume_writing"),
    *("send_context", "send_data", "set_recv_exc", "start_keepalive", "create_dispatcher", "client_notakeover"),
}
#: Attributes of connections, which no class shows.
OF_WEBSOCKETS = ("id", "latency", "logger", "protocol", "request", "response", "transport")
OF_APP = ("sock", "keep_running", "last_ping_tm", "last_pong_tm", "last_close_frame")
OF_CLIENT = ("connected", "sock")
#: Arguments that `connect` hands on to asyncio's `create_connection`, by the documentation of websockets.
HANDED_ON = ("ssl", "server_hostname", "host", "port", "sock", "family", "local_addr", "happy_eyeballs_delay", "proxy_ssl", "proxy_server_hostname")


def parameters(*functions: Callable[..., object]) -> set[str]:
    """The names of parameters."""
    found = {name for function in functions for name in inspect.signature(function).parameters}
    return {name for name in found if not name.startswith("_")} - {"self", "kwargs", "options", "url", "uri"}


def members(*classes: type) -> set[str]:
    """The public members of classes."""
    return {name for one in classes for name in dir(one) if not name.startswith("_")}


def documented(function: Callable[..., object]) -> set[str]:
    """The options that a docstring lists in numpy's way."""
    return set(re.findall(r"^ +(\w+): ", function.__doc__ or "", re.MULTILINE)) - {"ie"}


WEBSOCKETS = {
    *parameters(asyncio_client.connect, sync_client.connect),
    *members(asyncio_client.ClientConnection, sync_client.ClientConnection),
    *OF_WEBSOCKETS,
    *HANDED_ON,
    *("unix_connect", "process_redirect"),
}
WEBSOCKET_CLIENT = {
    *parameters(websocket.WebSocketApp, websocket.WebSocketApp.run_forever, websocket.WebSocket, websocket.create_connection),
    *members(websocket.WebSocketApp, websocket.WebSocket),
    *documented(websocket.WebSocket.connect),
    *OF_APP,
    *OF_CLIENT,
    *("ABNF", "enableTrace", "setdefaulttimeout", "getdefaulttimeout", "set_reconnect", "create_connection"),
}
AIOHTTP = parameters(aiohttp.ClientSession.ws_connect) | members(aiohttp.ClientWebSocketResponse) | {"ws_receive", "ws_close"}
#: The names that a page, or a section of it, must have.
PAGES: list[tuple[str, str, set[str]]] = [
    ("migrating-python.md", "## From `websockets`", WEBSOCKETS | {name for name in websockets.exceptions.__all__ if "Parameter" not in name}),
    ("migrating-python.md", "## From `websocket-client`", WEBSOCKET_CLIENT | {name for name in dir(websocket) if name.endswith("Exception")}),
    ("migrating-python.md", "## From `aiohttp`", AIOHTTP),
    ("compat-websockets.md", "", WEBSOCKETS),
    ("compat-websocket-client.md", "", WEBSOCKET_CLIENT),
]


def unnamed(text: str, wanted: Iterable[str]) -> list[str]:
    """The names that stand in no code of a text."""
    words = {word for code in re.findall(r"`([^`]+)`", text) for word in re.findall(r"\w+", code)}
    return sorted(name for name in wanted if name not in words and name not in INSIDE)


def main() -> int:
    failed = 0
    for page, heading, wanted in PAGES:
        text = re.sub(r"^```.*?^```", "", (DOCS / page).read_text(), flags=re.MULTILINE | re.DOTALL)
        _, found, section = text.partition(heading) if heading else ("", "all", text)
        missing = unnamed(section.split("\n## From")[0], wanted) if found else ["the section"]
        failed += bool(missing)
        print(f"{page} {heading.strip('# ')}: {'names all ' + str(len(wanted)) if not missing else 'lacks ' + ', '.join(missing)}")
    print(f"{len(PAGES) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
