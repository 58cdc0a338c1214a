"""The shared part of the fakes: a server on its own thread, its records, and the broken rules. It must not know a service."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from aiohttp import WSMsgType, web

T = TypeVar("T")


class Peer:
    """A bot's connection, as the fake has it."""

    def __init__(self, socket: web.WebSocketResponse, number: int, request: web.Request) -> None:
        self.socket = socket
        self.number = number
        self.path = request.path
        self.query = dict(request.query)
        self.closed_with: int | None = None

    async def send(self, message: dict[str, Any]) -> None:
        if not self.socket.closed:
            await self.socket.send_str(json.dumps(message))

    async def close(self, code: int, reason: str = "") -> None:
        self.closed_with = code
        await self.socket.close(code=code, message=reason.encode())


class Fake:
    """A server that runs until `close()`. What it saw is `seen`; a rule that a bot broke is in `broken`."""

    def __init__(self) -> None:
        self.seen: list[dict[str, Any]] = []
        self.broken: list[str] = []
        self.peers: list[Peer] = []
        self._changed = threading.Condition()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.call(self._start)

    def routes(self) -> list[web.RouteDef]:
        """The HTTP endpoints that the service has beside its WebSocket."""
        return []

    async def serve(self, peer: Peer) -> None:
        """Greets a bot; `hear` then gets its messages."""

    async def hear(self, peer: Peer, message: Any) -> None:
        """Takes a message of a bot, parsed as JSON."""

    async def left(self, peer: Peer, code: int | None) -> None:
        """A bot's connection has ended."""

    async def _start(self) -> None:
        application = web.Application()
        application.add_routes([*self.routes(), web.get("/{path:.*}", self._upgrade)])
        self._runner = web.AppRunner(application, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        port = self._runner.addresses[0][1]
        self.url, self.api = f"ws://127.0.0.1:{port}", f"http://127.0.0.1:{port}"

    async def _stop(self) -> None:
        await self._runner.cleanup()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _upgrade(self, request: web.Request) -> web.StreamResponse:
        refusal = self.refuse(request)
        if refusal is not None:
            return refusal
        socket = web.WebSocketResponse(autoping=True)
        await socket.prepare(request)
        peer = Peer(socket, len(self.peers), request)
        self.peers.append(peer)
        self.note("open", peer=peer.number, path=peer.path)
        await self.serve(peer)
        async for message in socket:
            if message.type is not WSMsgType.TEXT:
                await self.kick(peer, 1003, "text messages only")
                continue
            try:
                value = json.loads(message.data)
            except ValueError:
                await self.kick(peer, 1007, f"no JSON: {message.data[:80]}")
                continue
            await self.hear(peer, value)
        code = peer.closed_with or socket.close_code
        self.note("close", peer=peer.number, code=code)
        await self.left(peer, code)
        return socket

    def refuse(self, request: web.Request) -> web.Response | None:
        """Gives the answer to an upgrade that is refused."""
        return None

    async def kick(self, peer: Peer, code: int, rule: str) -> None:
        """Ends the connection of a bot that has broken a rule."""
        self.broken.append(rule)
        self.note("kicked", peer=peer.number, code=code, rule=rule)
        await peer.close(code, rule[:100])

    def note(self, event: str, **fields: Any) -> None:
        """Records an event."""
        with self._changed:
            self.seen.append({"event": event, **fields})
            self._changed.notify_all()

    def all(self, event: str, **fields: Any) -> list[dict[str, Any]]:
        """All that happened of this kind."""
        wanted = {"event": event, **fields}
        return [seen for seen in self.seen if wanted.items() <= seen.items()]

    def wait_for(self, event: str, count: int = 1, within: float = 20, **fields: Any) -> dict[str, Any]:
        """The `count`-th of its kind, earlier or later."""
        with self._changed:
            self._changed.wait_for(lambda: len(self.all(event, **fields)) >= count, within)
            found = self.all(event, **fields)
        assert len(found) >= count, f"no {event} {fields} ({count}) in {within} s, but {self.seen[-30:]}; broken: {self.broken}"
        return found[count - 1]

    def call(self, function: Callable[..., Coroutine[Any, Any, T]], *arguments: Any) -> T:
        """Runs a coroutine of the fake's from the test."""
        return asyncio.run_coroutine_threadsafe(function(*arguments), self._loop).result(20)

    def close(self) -> None:
        self.call(self._stop)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()


class Window:
    """Counts the events of the last `per` seconds."""

    def __init__(self, most: int, per: float) -> None:
        self.most, self.per = most, per
        self.times: list[float] = []

    def admit(self) -> bool:
        """Whether one more is within the limit."""
        now = time.monotonic()
        self.times = [at for at in self.times if now - at < self.per]
        self.times.append(now)
        return len(self.times) <= self.most
