"""A gateway with a login and heartbeats that carry the last sequence number, each within its time. It kicks a bot that is late or wrong."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from .fake import Fake, Peer


class Gateway(Fake):
    """The heartbeat is to come each second; the most that one may be late is `patience`, for a machine that does other things as well."""

    def __init__(self, answers_login: bool = True, patience: float = 10) -> None:
        self.answers_login, self.answers_heartbeats = answers_login, True
        self.patience = patience
        #: When each sequence number left, and when each heartbeat came.
        self.sent: list[float] = []
        self.beats: list[float] = []
        self.opened = 0.0
        super().__init__()

    async def serve(self, peer: Peer) -> None:
        self.opened = time.monotonic()

    async def hear(self, peer: Peer, message: Any) -> None:
        if message == {"op": "login"}:
            self.note("login")
            if self.answers_login:
                await peer.send({"op": "welcome"})
                self._talk = asyncio.ensure_future(self._send_events(peer))
        elif message.get("op") == 1:
            await self._heartbeat(peer, message["d"])
        else:
            await self.kick(peer, 4001, f"not expected: {message}")

    async def _send_events(self, peer: Peer) -> None:
        while not peer.socket.closed:
            self.sent.append(time.monotonic())
            await peer.send({"op": 0, "s": len(self.sent)})
            await asyncio.sleep(0.1)  # the rhythm of this server, not a wait

    async def _heartbeat(self, peer: Peer, sequence: int | None) -> None:
        now = time.monotonic()
        last = self.beats[-1] if self.beats else self.opened
        self.beats.append(now)
        if now - last > 1 + self.patience:
            return await self.kick(peer, 4009, f"{now - last:.1f} s without a heartbeat")
        # A sequence number that left so long ago has arrived.
        known = sum(at < now - self.patience for at in self.sent)
        if not known <= (sequence or 0) <= len(self.sent):
            return await self.kick(peer, 4007, f"a heartbeat with the sequence {sequence}, and {known} to {len(self.sent)} have come")
        lag = now - self.sent[sequence - 1] if sequence else 0.0
        self.note("heartbeat", sequence=sequence, lag=lag)
        if self.answers_heartbeats:
            await peer.send({"op": 11})
