"""Twitch's EventSub over WebSocket: a welcome, a subscription within 10 s, keepalives, `session_reconnect`; a client must send nothing."""

from __future__ import annotations

import asyncio
from typing import Any

from aiohttp import web

from .fake import Fake, Peer

CLIENT, TOKEN = "a-client", "a-token"


class Twitch(Fake):
    """The service, with its API. `patience`: the seconds in which a session must subscribe."""

    def __init__(self, patience: float = 10.0) -> None:
        self.patience = patience
        self.sessions = 0
        self.subscribed: set[str] = set()
        self.old: Peer | None = None
        self.last: str | None = None
        self.messages = 0
        super().__init__()

    def routes(self) -> list[web.RouteDef]:
        return [web.post("/helix/eventsub/subscriptions", self._subscribe)]

    async def _subscribe(self, request: web.Request) -> web.Response:
        if (request.headers.get("Client-Id"), request.headers.get("Authorization")) != (CLIENT, f"Bearer {TOKEN}"):
            return web.json_response({"error": "Unauthorized"}, status=401)
        asked = await request.json()
        session = asked["transport"]["session_id"]
        if asked["transport"]["method"] != "websocket" or session != f"session-{self.sessions}":
            self.broken.append(f"a subscription for {asked['transport']}")
        if session in self.subscribed:
            self.broken.append("subscribed twice: a session that was reconnected keeps its subscriptions")
        self.subscribed.add(session)
        self.note("subscribed", session=session, type=asked["type"])
        return web.json_response({"data": [{"status": "enabled"}]}, status=202)

    async def _notify(self, peer: Peer, kind: str, payload: dict[str, Any]) -> None:
        self.messages += 1
        metadata = {"message_id": f"m{self.messages}", "message_type": kind, "message_timestamp": "2026-01-01T00:00:00Z"}
        await peer.send({"metadata": metadata, "payload": payload})

    async def serve(self, peer: Peer) -> None:
        moved = peer.path.startswith("/reconnect")
        if moved and self.old and self.last is not None:
            await self._chat(self.old, self.last)
        if not moved:
            self.sessions += 1
            asyncio.get_running_loop().call_later(self.patience, self._unused, peer, f"session-{self.sessions}")
        keepalive = int(peer.query.get("keepalive_timeout_seconds", 10))
        session = {"id": f"session-{self.sessions}", "status": "connected", "keepalive_timeout_seconds": keepalive}
        await self._notify(peer, "session_welcome", {"session": session})

    def _unused(self, peer: Peer, session: str) -> None:
        if session not in self.subscribed and not peer.socket.closed:
            self.kicking = asyncio.ensure_future(self.kick(peer, 4003, "nothing was subscribed to in time"))

    async def hear(self, peer: Peer, message: Any) -> None:
        await self.kick(peer, 4001, "a client must send nothing")

    async def left(self, peer: Peer, code: int | None) -> None:
        newer = any(other.number > peer.number and not other.socket.closed for other in self.peers)
        if peer is self.old and not newer:
            self.broken.append("the old connection was closed before the new one was welcome")

    def say(self, text: str, peer: int = -1) -> None:
        """Somebody writes in the chat."""
        self.call(self._chat, self.peers[peer], text)

    async def _chat(self, peer: Peer, text: str) -> None:
        event = {"chatter_user_name": "ann", "message": {"text": text}}
        await self._notify(peer, "notification", {"subscription": {"type": "channel.chat.message"}, "event": event})

    def move(self, last: str) -> None:
        """The server asks the bot to connect to another URL. The old connection carries the message `last` before the new one's welcome."""
        self.old, self.last = self.peers[-1], last
        session = {"id": f"session-{self.sessions}", "status": "reconnecting", "reconnect_url": f"{self.url}/reconnect"}
        self.call(self._notify, self.old, "session_reconnect", {"session": session})
