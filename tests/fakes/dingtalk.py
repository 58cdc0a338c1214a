"""DingTalk's stream mode: a ticket for each connection, pings of the server's that must be answered, messages that must be acknowledged."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from aiohttp import web

from .fake import Fake, Peer

CLIENT, SECRET = "a-client", "a-secret"
TOPIC = "/v1.0/im/bot/messages/get"


class DingTalk(Fake):
    """The service. `interval`: the seconds between its pings, of which each must be answered before the next."""

    def __init__(self, interval: float = 0.5) -> None:
        self.interval = interval
        self.tickets: set[str] = set()
        self.given = 0
        self.pings = 0
        self.messages = 0
        self.owed: set[str] = set()
        self.pinging: asyncio.Task[None] | None = None
        super().__init__()

    def routes(self) -> list[web.RouteDef]:
        return [web.post("/v1.0/gateway/connections/open", self._open), web.post("/robot/sendBySession", self._reply)]

    async def _open(self, request: web.Request) -> web.Response:
        asked = await request.json()
        if (asked.get("clientId"), asked.get("clientSecret")) != (CLIENT, SECRET):
            return web.json_response({"code": "Forbidden.InvalidAuthentication"}, status=401)
        if {"type": "CALLBACK", "topic": TOPIC} not in asked.get("subscriptions", []):
            self.broken.append("no subscription to the bot's messages")
        self.given += 1
        ticket = f"ticket-{self.given}"
        self.tickets.add(ticket)
        return web.json_response({"endpoint": f"{self.url}/connect", "ticket": ticket})

    async def _reply(self, request: web.Request) -> web.Response:
        said = await request.json()
        self.note("said", text=said["text"]["content"])
        return web.json_response({"errcode": 0})

    def refuse(self, request: web.Request) -> web.Response | None:
        ticket = request.query.get("ticket", "")
        if ticket not in self.tickets:
            self.broken.append("a ticket that was used before")
            return web.Response(status=401)
        self.tickets.remove(ticket)
        return None

    async def serve(self, peer: Peer) -> None:
        self.owed.clear()
        self.pinging = asyncio.ensure_future(self._ping(peer))

    async def _ping(self, peer: Peer) -> None:
        while not peer.socket.closed:
            if any(name.startswith("ping") for name in self.owed):
                await self.kick(peer, 4000, "a ping was not answered")
                return
            self.pings += 1
            await self._push(peer, "SYSTEM", "ping", f"ping-{self.pings}", {"opaque": str(self.pings)})
            # A loaded machine may be late by much.
            await asyncio.sleep(self.interval if self.pings < 3 else 3)

    async def _push(self, peer: Peer, kind: str, topic: str, name: str, data: dict[str, Any]) -> None:
        self.owed.add(name)
        headers = {"topic": topic, "messageId": name, "contentType": "application/json", "time": "0"}
        await peer.send({"specVersion": "1.0", "type": kind, "headers": headers, "data": json.dumps(data)})

    async def hear(self, peer: Peer, message: Any) -> None:
        name = message.get("headers", {}).get("messageId")
        if message.get("code") != 200 or name not in self.owed:
            return await self.kick(peer, 4000, f"an answer to nothing: {json.dumps(message)}")
        self.owed.remove(name)
        if name.startswith("ping") and json.loads(message["data"]).get("opaque") != name.removeprefix("ping-"):
            return await self.kick(peer, 4000, "a pong without the ping's data")
        self.note("answered", peer=peer.number, name=name)

    def say(self, text: str) -> str:
        """Somebody writes to the bot; the message's name."""
        self.messages += 1
        name = f"message-{self.messages}"
        data = {"text": {"content": text}, "senderNick": "ann", "sessionWebhook": f"{self.api}/robot/sendBySession", "conversationId": "c"}
        self.call(self._push, self.peers[-1], "CALLBACK", TOPIC, name, data)
        return name

    def announce_end(self) -> None:
        """The server asks its clients to connect again."""
        self.call(self._push, self.peers[-1], "SYSTEM", "disconnect", "disconnect", {"reason": "upgrade"})
