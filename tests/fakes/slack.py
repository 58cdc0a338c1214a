"""Slack's Socket Mode: a URL for each connection, envelopes to be acknowledged within 3 s, `disconnect` before the server ends it."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from aiohttp import web

from .fake import Fake, Peer

TOKEN = "xapp-token"


class Slack(Fake):
    """The service. Envelopes go to the newest connection that has not announced its end."""

    def __init__(self) -> None:
        self.tickets: set[str] = set()
        self.given = 0
        self.unanswered: dict[str, asyncio.TimerHandle] = {}
        self.envelopes = 0
        super().__init__()

    def routes(self) -> list[web.RouteDef]:
        return [web.post("/api/apps.connections.open", self._open)]

    async def _open(self, request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return web.json_response({"ok": False, "error": "invalid_auth"})
        self.given += 1
        ticket = f"ticket-{self.given}"
        self.tickets.add(ticket)
        return web.json_response({"ok": True, "url": f"{self.url}/link/?ticket={ticket}"})

    def refuse(self, request: web.Request) -> web.Response | None:
        ticket = request.query.get("ticket", "")
        if ticket not in self.tickets:
            self.broken.append("a URL that was used before")
            return web.Response(status=404)
        self.tickets.remove(ticket)
        return None

    async def serve(self, peer: Peer) -> None:
        await peer.send({"type": "hello", "num_connections": 1, "connection_info": {"app_id": "A1"}})

    async def hear(self, peer: Peer, message: Any) -> None:
        envelope = message.get("envelope_id")
        if envelope not in self.unanswered:
            return await self.kick(peer, 4000, f"an acknowledgement of nothing: {json.dumps(message)}")
        self.unanswered.pop(envelope).cancel()
        self.note("ack", peer=peer.number, envelope=envelope, text=message.get("payload", {}).get("text"))

    async def _envelope(self, peer: Peer, text: str) -> str:
        self.envelopes += 1
        name = f"envelope-{self.envelopes}"
        self.unanswered[name] = asyncio.get_running_loop().call_later(3, self._missed, name)
        command = {"command": "/echo", "text": text, "user_name": "ann"}
        # A service does not send to a client that has closed.
        receiver = self.peers[-1] if peer.socket.closed else peer
        await receiver.send({"type": "slash_commands", "envelope_id": name, "accepts_response_payload": True, "payload": command})
        return name

    def _missed(self, name: str) -> None:
        self.broken.append(f"{name} was not acknowledged within 3 s")

    def command(self, text: str, peer: int = -1) -> str:
        """Somebody gives the command; the envelope's name."""
        return self.call(self._envelope, self.peers[peer], text)

    def announce_end(self, peer: int = -1) -> None:
        """The server asks for a new connection."""
        self.call(self.peers[peer].send, {"type": "disconnect", "reason": "warning", "debug_info": {"host": "fake"}})
