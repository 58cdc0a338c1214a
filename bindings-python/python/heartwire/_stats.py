"""The counts of a socket, and of all sockets of the process, as named tuples. Imported when they are asked for."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

from ._native import counts

if TYPE_CHECKING:
    from ._native import Socket


class Traffic(NamedTuple):
    """One direction."""

    messages: int
    """Data messages."""
    bytes: int
    """Their bytes, before compression."""
    wire_bytes: int
    """The bytes of all frames, control frames too: after compression, with headers, without TLS."""
    pings: int
    """Pings."""


class Latency(NamedTuple):
    """The round trips of pings, in seconds. The median and the 99th percentile are right within 7 %; the others are exact."""

    measured: int
    """How many were measured."""
    last: float | None
    """The last one."""
    min: float | None
    """The shortest."""
    median: float | None
    """Half of them were no longer."""
    p99: float | None
    """99 of 100 were no longer."""


class Heartbeats(NamedTuple):
    """The text heartbeats."""

    sent: int
    """Those that were sent."""
    answered: int
    """Those whose response came."""
    missed: int
    """Those whose response did not come in time."""


class Waiting(NamedTuple):
    """Messages that wait at the moment."""

    to_send: int
    """Messages that have not left: in the send queue, in the rate limit's lines, or because the server does not read."""
    bytes_to_send: int
    """Their bytes."""
    bytes_to_handle: int
    """Bytes of messages that were read and that the program has not handled yet, with a little for each event."""


class Stats(NamedTuple):
    """The counts of a socket over all its connections (`ws.stats`), or of all sockets of the process (`heartwire.stats()`)."""

    attempts: int
    """Attempts to open a connection."""
    opens: int
    """Connections that opened."""
    ends: dict[int, int]
    """Ends of connections and of attempts, by the code of their `close` event."""
    sent: Traffic
    """The traffic to the server."""
    received: Traffic
    """The traffic from the server."""
    latency: Latency
    """The round trips of pings."""
    heartbeats: Heartbeats
    """The text heartbeats."""
    waiting: Waiting
    """Messages that wait at the moment."""
    throttled: int
    """Messages that had to wait for the rate limit."""
    dropped: int
    """Messages of the send queue that were dropped."""
    slow_handlers: int
    """How often handlers, or other work on the same loop, took so long that a thread of Heartwire had to stand in (`keeper`)."""


def read(socket: Socket | None) -> Stats:
    """Give the counts of a socket; of none: those of the process."""
    given = json.loads(counts(socket))
    return Stats(
        attempts=given["attempts"],
        opens=given["opens"],
        ends={int(code): count for code, count in given["ends"].items()},
        sent=Traffic(**given["sent"]),
        received=Traffic(**given["received"]),
        latency=Latency(**given["latency"]),
        heartbeats=Heartbeats(**given["heartbeats"]),
        waiting=Waiting(**given["waiting"]),
        throttled=given["throttled"],
        dropped=given["dropped"],
        slow_handlers=given["slow_handlers"],
    )


def stats() -> Stats:
    """Sum up what all sockets have counted that this process has started, of those that are gone, too."""
    return read(None)
