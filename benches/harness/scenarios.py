"""The scenarios that are measured, each with its path at the server and its size. It must not know clients."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Scenario:
    """One situation. `count` messages at most are measured, and fewer of a slow client, at least `least`."""

    name: str
    title: str
    mode: str  # a client's work: echo, flood, send, connect, idle, blocked; `import` needs no server
    sample: str = "text-32"
    count: int = 0
    least: int = 0
    turn: int = 1
    pause: int = 0  # µs between the server's messages
    drop: int = 0  # s of silence after which the server drops a line
    tls: bool = False
    deflate: bool = False
    rounds: int | None = None  # if one run is enough

    @property
    def path(self) -> str:
        """Path and query at the server, without the batches."""
        if self.mode == "flood":
            options = {"sample": self.sample, "binary": self.binary, "deflate": self.deflate, "pause": self.pause}
            return "/flood?" + "&".join(f"{name}={int(value) if value is True else value}" for name, value in options.items() if value)
        if self.mode == "blocked":
            return f"/blocked?drop={self.drop}"
        return "/sink?" if self.mode == "send" else "/echo?"

    @property
    def binary(self) -> bool:
        return self.sample.startswith("binary")

    @property
    def figure(self) -> str:
        """The figure that matters most: `p50` in µs, `rate` a second, `memory` in bytes, `kept`, or `cpu` in µs."""
        return {"echo": "p50", "connect": "p50", "idle": "memory", "blocked": "kept", "import": "cpu"}.get(self.mode, "rate")


def _all() -> list[Scenario]:
    return [
        Scenario("echo-32", "round trip, 32 B", "echo", "text-32", 20_000, 2_000),
        Scenario("echo-1k", "round trip, 1 KiB", "echo", "text-1024", 20_000, 2_000),
        Scenario("echo-64k", "round trip, 64 KiB binary", "echo", "binary-65536", 6_000, 500),
        Scenario("flood-32", "receive flood, 32 B", "flood", "text-32", 2_000_000, 20_000),
        Scenario("flood-512", "receive flood, 512 B", "flood", "text-512", 600_000, 10_000),
        Scenario("flood-4k", "receive flood, 4 KiB", "flood", "text-4096", 100_000, 3_000),
        Scenario("flood-other-512", "receive flood, 512 B, not ASCII", "flood", "other-512", 400_000, 10_000),
        Scenario("flood-64k", "receive flood, 64 KiB binary", "flood", "binary-65536", 10_000, 500),
        Scenario("trickle-512", "trickle, 512 B each 0.5 ms", "flood", "text-512", 1_000, 500, pause=500),
        Scenario("send-32", "send flood, 32 B, one in a turn", "send", "text-32", 200_000, 5_000),
        Scenario("send-32-x100", "send flood, 32 B, 100 in a turn", "send", "text-32", 1_000_000, 5_000, turn=100),
        Scenario("send-512", "send flood, 512 B, one in a turn", "send", "text-512", 200_000, 5_000),
        Scenario("send-512-x100", "send flood, 512 B, 100 in a turn", "send", "text-512", 400_000, 5_000, turn=100),
        Scenario("deflate-300", "permessage-deflate, JSON of 300 B", "flood", "json", 200_000, 5_000, deflate=True),
        Scenario("tls-echo-32", "TLS round trip, 32 B", "echo", "text-32", 20_000, 2_000, tls=True),
        Scenario("tls-echo-1k", "TLS round trip, 1 KiB", "echo", "text-1024", 20_000, 2_000, tls=True),
        Scenario("tls-flood-512", "TLS receive flood, 512 B", "flood", "text-512", 400_000, 10_000, tls=True),
        Scenario("connect", "connect", "connect", count=1_000, least=100),
        Scenario("tls-connect", "TLS connect", "connect", count=200, least=50, tls=True),
        Scenario("idle-1000", "1,000 idle connections", "idle", count=1_000, least=1_000, rounds=1),
        Scenario("idle-5000", "5,000 idle connections", "idle", count=5_000, least=5_000, rounds=1),
        Scenario("blocked-5", "handler computes 6 s, server drops after 5 s", "blocked", drop=5, rounds=1),
        Scenario("blocked-2", "handler computes 6 s, server drops after 2 s", "blocked", drop=2, rounds=1),
        Scenario("import", "import, over the bare interpreter", "import", rounds=10),
    ]


SCENARIOS = {scenario.name: scenario for scenario in _all()}
QUICK = ["echo-32", "flood-32", "flood-512", "send-32-x100", "deflate-300", "tls-flood-512"]
