"""Discord's gateway (API version 10): HELLO, identify and resume, heartbeats with the last sequence number, 120 messages in 60 s."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

from .fake import Fake, Peer, Window

TOKEN = "a-discord-token"
SESSION = "a-session"


class Discord(Fake):
    """The gateway. `interval`: the seconds of its heartbeat."""

    def __init__(self, interval: float = 0.5) -> None:
        self.interval = interval
        self.answers_heartbeats = True
        self.dispatched: list[dict[str, Any]] = []
        self.session_lives = False
        self.times: list[tuple[float, int | None]] = [(0.0, None)]
        self.state: dict[int, dict[str, Any]] = {}
        super().__init__()

    async def serve(self, peer: Peer) -> None:
        if peer.query != {"v": "10", "encoding": "json"}:
            return await self.kick(peer, 4012, "the URL must name the API version and the encoding")
        watch = asyncio.ensure_future(self._watch(peer))
        self.state[peer.number] = {"ready": False, "beat": time.monotonic(), "window": Window(120, 60), "watch": watch}
        await peer.send({"op": 10, "d": {"heartbeat_interval": int(self.interval * 1000)}, "s": None, "t": None})

    async def _watch(self, peer: Peer) -> None:
        """A bot that is silent for two intervals is gone."""
        while not peer.socket.closed:
            await asyncio.sleep(self.interval / 4)
            if time.monotonic() - self.state[peer.number]["beat"] > self.interval * 2 + 2:
                await self.kick(peer, 4009, "no heartbeat came in time")

    async def hear(self, peer: Peer, message: Any) -> None:
        state, op, data = self.state[peer.number], message.get("op"), message.get("d")
        if not state["window"].admit():
            await self.kick(peer, 4008, "more than 120 messages in 60 s")
        elif len(json.dumps(message)) > 4096:
            await self.kick(peer, 4002, "a message of more than 4096 bytes")
        elif op == 1:
            await self._heartbeat(peer, data)
        elif op in (2, 6) and state["ready"]:
            await self.kick(peer, 4005, "identified twice")
        elif op in (2, 6) and data["token"] != TOKEN:
            await self.kick(peer, 4004, "the token is wrong")
        elif op == 2:
            await self._identify(peer, data)
        elif op == 6:
            await self._resume(peer, data)
        elif not state["ready"]:
            await self.kick(peer, 4003, "something was sent before identify")
        elif op == 3:
            self.note("presence", peer=peer.number, status=data["status"])
        else:
            await self.kick(peer, 4001, f"there is no op {op}")

    async def _heartbeat(self, peer: Peer, sequence: int | None) -> None:
        # The sequence that may have reached the bot when it sent this: any that was the last within these two seconds.
        now = time.monotonic()
        self.state[peer.number]["beat"] = now
        since = max((at for at, _ in self.times if at <= now - 2), default=0.0)
        if sequence not in [number for at, number in self.times if at >= since]:
            return await self.kick(peer, 4007, f"a heartbeat with the sequence {sequence}")
        self.note("heartbeat", peer=peer.number, sequence=sequence)
        if self.answers_heartbeats:
            await peer.send({"op": 11, "d": None, "s": None, "t": None})

    async def _identify(self, peer: Peer, data: Any) -> None:
        if not isinstance(data.get("intents"), int) or not {"os", "browser", "device"} <= set(data.get("properties", {})):
            return await self.kick(peer, 4002, "identify lacks its properties or intents")
        self.note("identify", peer=peer.number)
        self.state[peer.number]["ready"] = self.session_lives = True
        self.dispatched.clear()
        self.times = [(0.0, None)]
        ready = {"session_id": SESSION, "resume_gateway_url": self.url + "/resume", "user": {"username": "bot"}}
        await self._dispatch("READY", ready)

    async def _resume(self, peer: Peer, data: Any) -> None:
        if peer.path.rstrip("/") != "/resume":
            return await self.kick(peer, 4000, "resumed elsewhere than at resume_gateway_url")
        if not self.session_lives or data["session_id"] != SESSION:
            return await peer.send({"op": 9, "d": False, "s": None, "t": None})
        self.note("resume", peer=peer.number, sequence=data["seq"])
        self.state[peer.number]["ready"] = True
        for event in self.dispatched:
            if event["s"] > data["seq"]:
                await peer.send(event)
        await self._dispatch("RESUMED", {})

    async def left(self, peer: Peer, code: int | None) -> None:
        if peer.number in self.state:
            self.state[peer.number]["watch"].cancel()
        if code in (1000, 1001):
            # The bot has left for good: "closing with 1000 or 1001 invalidates the session".
            self.session_lives = False

    async def _dispatch(self, kind: str, data: Any) -> None:
        event = {"op": 0, "t": kind, "s": len(self.dispatched) + 1, "d": data}
        self.dispatched.append(event)
        self.times.append((time.monotonic(), event["s"]))
        for peer in self.peers:
            if peer.number in self.state and self.state[peer.number]["ready"]:
                await peer.send(event)

    def say(self, text: str) -> None:
        """Somebody writes a message."""
        self.call(self._dispatch, "MESSAGE_CREATE", {"content": text, "author": {"username": "ann"}})

    def demand(self, op: int, data: object = None) -> None:
        """Sends something else than an event to the bot: 7 (reconnect), 9 (invalid session), 1 (a heartbeat, please)."""
        self.call(self.peers[-1].send, {"op": op, "d": data, "s": None, "t": None})
