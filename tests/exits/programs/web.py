"""Bots in a web server: an ASGI application whose socket lives from its startup to its shutdown, or to the end of the process; and a
WSGI application with a socket for each worker (gunicorn reads this file as its configuration, too)."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from typing import Any

import heartwire

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

URL = os.environ["EXITS_URL"]
kept: list[heartwire.WebSocket] = []


def keep_socket() -> heartwire.WebSocket:
    """Make a socket that no code closes."""
    ws = heartwire.WebSocket(URL, reconnect=True)
    ws.onopen = lambda _: ws.send(f"ready {os.getpid()}")
    kept.append(ws)
    return ws


async def bare(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """Make a socket at startup, and leave it to the end of the process."""
    if scope["type"] == "lifespan":
        await receive()
        keep_socket()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})


async def block(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """Hold a connection in a block that the shutdown leaves."""
    if scope["type"] == "lifespan":
        await receive()
        async with heartwire.connect(URL) as ws:
            await ws.send(f"ready {os.getpid()}")
            await send({"type": "lifespan.startup.complete"})
            await receive()
        await send({"type": "lifespan.shutdown.complete"})


def wsgi(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
    """Answer nothing: the socket is that of the worker."""
    start_response("204 No Content", [])
    return []


def post_worker_init(worker: object) -> None:
    """Have a socket for each worker of gunicorn."""
    keep_socket().start(daemon=True)
