"""Metrics and spans for OpenTelemetry: `pip install "heartwire[opentelemetry]"`, then `instrument()`. See docs/guides/opentelemetry.md."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from opentelemetry import metrics, trace
from opentelemetry.metrics import CallbackOptions, Observation
from opentelemetry.trace import SpanKind, Status, StatusCode

import heartwire

from ._inbox import listen_privately
from ._websocket import observers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from opentelemetry.metrics import MeterProvider
    from opentelemetry.trace import Span, Tracer, TracerProvider

    from ._native import CloseEvent, OpenEvent
    from ._stats import Stats
    from ._websocket import WebSocket

__all__ = ["instrument", "uninstrument"]

_active: _Spans | None = None
_metered = False


def instrument(*, meter_provider: MeterProvider | None = None, tracer_provider: TracerProvider | None = None) -> None:
    """Report the counts of the process as metrics, and one span for each connection of sockets that are made from now on.

    Without arguments the global providers are used. The metrics are read when the reader of the provider collects them. A second call
    changes the tracer; the metrics stay with the first provider, because OpenTelemetry has no way to remove an instrument.
    """
    global _active, _metered
    uninstrument()
    _active = _Spans(trace.get_tracer("heartwire", heartwire.__version__, tracer_provider))
    observers.append(_active.watch)
    if not _metered:
        _metered = True
        _meter(metrics.get_meter("heartwire", heartwire.__version__, meter_provider))


def uninstrument() -> None:
    """Make no more spans for sockets that are made from now on."""
    global _active
    if _active is not None:
        observers.remove(_active.watch)
        _active = None


class _Spans:
    """Makes the spans."""

    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer

    def watch(self, socket: WebSocket) -> None:
        span: Span | None = None
        before = (0, 0)

        def opened(event: OpenEvent) -> None:
            nonlocal span
            span = self._tracer.start_span("websocket", kind=SpanKind.CLIENT, attributes=_place(socket.url))

        def closed(event: CloseEvent) -> None:
            nonlocal span, before
            # An attempt that failed is a span, too: it ends where it begins.
            ended = span or self._tracer.start_span("websocket", kind=SpanKind.CLIENT, attributes=_place(socket.url))
            span = None
            # Messages may have come before the program saw `open`, so the counts since the last `close` belong to this connection.
            (sent, received), earlier = _messages(socket.stats), before
            before = (sent, received)
            ended.set_attribute("websocket.close.code", event.code)
            ended.set_attribute("websocket.messages.sent", sent - earlier[0])
            ended.set_attribute("websocket.messages.received", received - earlier[1])
            if event.error is not None:
                ended.set_attribute("error.type", event.error.code)
                ended.set_status(Status(StatusCode.ERROR, event.error.message))
            ended.end()

        listen_privately(socket, open=opened, close=closed)


def _messages(stats: Stats) -> tuple[int, int]:
    return stats.sent.messages, stats.received.messages


def _place(url: str) -> dict[str, Any]:
    """Give scheme, host, port and path: credentials and the query may be secret."""
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "wss" else 80)
    return {"url.scheme": parts.scheme, "server.address": parts.hostname or "", "server.port": port, "url.path": parts.path}


def _meter(meter: metrics.Meter) -> None:
    Value = tuple[float, dict[str, Any]]

    def observe(read: Callable[[Stats], Iterable[Value]]) -> Callable[[CallbackOptions], Iterable[Observation]]:
        return lambda options: [Observation(value, attributes) for value, attributes in read(heartwire.stats())]

    def both(name: str) -> Callable[[Stats], Iterable[Value]]:
        return lambda stats: [
            (getattr(stats.sent, name), {"network.io.direction": "transmit"}),
            (getattr(stats.received, name), {"network.io.direction": "receive"}),
        ]

    def one(read: Callable[[Stats], float]) -> Callable[[Stats], Iterable[Value]]:
        return lambda stats: [(read(stats), {})]

    def latency(stats: Stats) -> Iterable[Value]:
        told = stats.latency
        times = (("last", told.last), ("min", told.min), ("median", told.median), ("p99", told.p99))
        return [(time, {"statistic": name}) for name, time in times if time is not None]

    def heartbeats(stats: Stats) -> Iterable[Value]:
        return [(count, {"outcome": outcome}) for outcome, count in stats.heartbeats._asdict().items()]

    for name, read, unit, description in (
        ("attempts", one(lambda stats: stats.attempts), "{attempt}", "Attempts to open a connection"),
        ("opens", one(lambda stats: stats.opens), "{connection}", "Connections that opened"),
        ("messages", both("messages"), "{message}", "Data messages"),
        ("io", both("bytes"), "By", "Bytes of data messages before compression"),
        ("wire.io", both("wire_bytes"), "By", "Bytes of all frames after compression, without TLS"),
        ("pings", both("pings"), "{ping}", "Pings"),
        ("heartbeats", heartbeats, "{heartbeat}", "Text heartbeats"),
        ("throttled", one(lambda stats: stats.throttled), "{message}", "Messages that had to wait for the rate limit"),
        ("dropped", one(lambda stats: stats.dropped), "{message}", "Messages of the send queue that were dropped"),
        ("slow_handlers", one(lambda stats: stats.slow_handlers), "{time}", "Times that handlers were slower than `keeper`"),
    ):
        meter.create_observable_counter(f"heartwire.{name}", [observe(read)], unit, description)

    def ends(stats: Stats) -> Iterable[Value]:
        return [(count, {"websocket.close.code": code}) for code, count in stats.ends.items()]

    meter.create_observable_counter("heartwire.ends", [observe(ends)], "{connection}", "Ends of connections and attempts")
    meter.create_observable_gauge("heartwire.latency", [observe(latency)], "s", "Round trips of pings")
    for name, read, unit, description in (
        ("to_send", one(lambda stats: stats.waiting.to_send), "{message}", "Messages that have not left"),
        ("bytes_to_send", one(lambda stats: stats.waiting.bytes_to_send), "By", "Bytes of messages that have not left"),
        ("bytes_to_handle", one(lambda stats: stats.waiting.bytes_to_handle), "By", "Bytes of messages that were not handled"),
    ):
        meter.create_observable_up_down_counter(f"heartwire.waiting.{name}", [observe(read)], unit, description)
