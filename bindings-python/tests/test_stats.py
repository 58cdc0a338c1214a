"""`ws.stats` and `heartwire.stats()`: the counts of every connection, the messages that wait, and the sum of the process."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from typing import Any

import pytest

import heartwire
from heartwire import WebSocket
from heartwire.testing import FaultServer
from raw_server import BOUND

TWO_CONNECTIONS = [
    [
        {"do": "accept", "extensions": "permessage-deflate"},
        {"do": "ping", "payload": "theirs", "wait": True},
        {"do": "send", "text": "hello"},
        {"do": "expect", "size": 5000},
        {"do": "expect", "text": "small"},
        {"do": "reset"},
    ],
    [{"do": "accept"}, {"do": "expect", "text": "again"}, {"do": "send", "text": "bye"}, {"do": "wait_close"}],
]


def test_both_connections_of_a_socket_are_counted() -> None:
    pongs: list[heartwire.PongEvent] = []
    opened: list[int] = []
    with FaultServer(TWO_CONNECTIONS) as server:
        ws = WebSocket(server.url, reconnect={"min_delay": 0.01, "max_delay": 0.02}, ping_interval=None)

        @ws.on("open")
        def count() -> None:
            opened.append(1)
            if len(opened) == 2:
                ws.send("again")

        @ws.on("pong")
        def answer(event: heartwire.PongEvent) -> None:
            pongs.append(event)
            ws.send("a" * 5000)
            ws.send("small")

        ws.onmessage = lambda event: ws.ping("mine") if event.data == "hello" else ws.close(1000)
        ws.run_forever()
    stats = ws.stats
    assert (stats.attempts, stats.opens, stats.ends) == (2, 2, {1006: 1, 1000: 1})
    assert (stats.sent.messages, stats.sent.bytes, stats.sent.pings) == (3, 5010, 1)
    assert 20 < stats.sent.wire_bytes < 1000, "5000 letters a, compressed"
    assert (stats.received.messages, stats.received.bytes, stats.received.pings) == (2, 8, 1)
    # A header of two bytes and the payload: ping, text, pong; text, and Close with a code.
    assert stats.received.wire_bytes == (2 + 6 + 2 + 5 + 2 + 4) + (2 + 3 + 2 + 2)
    (pong,) = pongs
    assert stats.latency.measured == 1
    assert stats.latency.last == stats.latency.min == pong.latency
    assert stats.latency.median == pytest.approx(pong.latency, rel=0.07)
    assert (stats.throttled, stats.dropped, stats.slow_handlers) == (0, 0, 0)
    assert (stats.waiting.to_send, stats.waiting.bytes_to_send) == (0, 0)


def test_messages_that_wait_are_counted_and_those_that_had_to_wait() -> None:
    script = [{"do": "accept"}, {"do": "expect", "text": "three"}, {"do": "expect", "text": "two"}, {"do": "close", "code": 1000}]
    seen: list[Any] = []
    with FaultServer(script) as server:
        ws = WebSocket(server.url, reconnect={"max_retries": 0}, send_queue=True, rate_limit={"messages": 1, "per": 0.1, "reserve": 0})
        ws.send("two")
        assert (ws.stats.waiting.to_send, ws.stats.waiting.bytes_to_send, ws.stats.attempts) == (1, 3, 0)
        # Messages of open handlers leave before the queue.
        ws.onopen = lambda: ws.send("three")
        ws.onthrottled = lambda: seen.append(ws.stats)
        ws.run_forever()
        assert not [record for record in server.records() if record["event"] == "failed"]
    assert seen[0].waiting.to_send >= 1
    assert seen[0].throttled >= 1
    assert ws.stats.waiting.to_send == 0
    assert ws.stats.throttled >= 1


def test_heartbeats_and_slow_handlers_are_counted() -> None:
    script = [
        {"do": "accept"},
        {"do": "send", "text": "block"},
        {"do": "expect", "text": "beat", "within": 30},
        {"do": "send", "text": "beaten"},
        {"do": "mark", "name": "stood in"},
        {"do": "wait_close", "within": 30},
    ]
    with FaultServer(script) as server:
        heartbeat = {"message": "beat", "interval": 0.2, "response": "beaten"}
        ws = WebSocket(server.url, keeper=0.1, ping_interval=None, heartbeat=heartbeat)  # type: ignore[arg-type]

        @ws.on("message")
        def block(event: heartwire.MessageEvent) -> None:
            if event.data == "block":
                server.wait_for({"event": "mark", "name": "stood in"}, BOUND)
            else:
                ws.close()

        ws.run_forever()
    stats = ws.stats
    assert stats.slow_handlers >= 1
    assert stats.heartbeats.answered == 1
    assert stats.heartbeats.sent >= 1
    assert stats.heartbeats.missed == 0


def test_the_apis_that_wait_have_the_same_counts() -> None:
    async def talk(url: str) -> heartwire.Stats:
        async with heartwire.connect(url) as ws:
            await ws.send("hi")
            await ws.recv()
        return ws.stats

    with FaultServer() as server:
        stats = asyncio.run(talk(server.url))
        with heartwire.sync.connect(server.url) as ws:
            ws.send("hi")
            ws.recv()
        assert (ws.stats.sent.messages, ws.stats.received.bytes) == (stats.sent.messages, stats.received.bytes) == (1, 2)


PROCESS = """
import gc, os, sys
import heartwire
from heartwire.testing import FaultServer

assert heartwire.stats() == heartwire.stats()
assert heartwire.stats().attempts == 0
kept = []
with FaultServer() as server:
    for keeps in (True, False):
        with heartwire.sync.connect(server.url) as ws:
            ws.send("hi")
            ws.recv()
        if keeps:
            kept.append(ws)
    first = heartwire.stats()
    del ws
    gc.collect()
    second = heartwire.stats()
assert first == second, (first, second)
assert (second.opens, second.sent.messages, second.received.bytes, second.ends) == (2, 2, 4, {1000: 2}), second
if sys.platform != "win32":
    child = os.fork()
    if child == 0:
        # The child has opened nothing, and a socket of the parent tells it nothing.
        os._exit(0 if heartwire.stats().attempts == 0 and kept[0].stats.attempts == 0 else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
print("summed up")
"""


def test_the_process_sums_up_living_and_gone_sockets() -> None:
    # From 3.12 on Python warns of each fork beside a thread.
    run = subprocess.run([sys.executable, "-W", "ignore::DeprecationWarning", "-c", PROCESS], capture_output=True, text=True, timeout=BOUND)
    assert (run.stdout, run.stderr) == ("summed up\n", "")
