"""`heartwire.opentelemetry`: metrics and spans, read with the SDK's exporters in memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

import heartwire
import heartwire.opentelemetry
from heartwire import WebSocket
from heartwire.testing import FaultServer

SECRET = "s3cret-0123456789"
READER = InMemoryMetricReader()


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    tracers = TracerProvider()
    tracers.add_span_processor(SimpleSpanProcessor(exporter))
    heartwire.opentelemetry.instrument(meter_provider=METERS, tracer_provider=tracers)
    yield exporter
    heartwire.opentelemetry.uninstrument()


METERS = MeterProvider(metric_readers=[READER])


def metrics() -> dict[str, list[tuple[Any, dict[str, Any]]]]:
    data: Any = READER.get_metrics_data()
    (resource,) = data.resource_metrics
    # The SDK measures itself, too.
    (scope,) = [scope for scope in resource.scope_metrics if scope.scope.name == "heartwire"]
    assert scope.scope.version == heartwire.__version__
    return {metric.name: [(point.value, dict(point.attributes)) for point in metric.data.data_points] for metric in scope.metrics}


def test_each_connection_is_a_span_without_secrets(spans: InMemorySpanExporter) -> None:
    script = [
        [{"do": "accept"}, {"do": "send", "text": "one"}, {"do": "expect", "text": "two"}, {"do": "reset"}],
        [{"do": "refuse", "status": 401}],
    ]
    with FaultServer(script) as server:
        url = f"ws://bot:{SECRET}@127.0.0.1:{server.port}/chat?token={SECRET}"
        ws = WebSocket(url, reconnect={"min_delay": 0.01, "max_delay": 0.02})
        ws.onmessage = lambda: ws.send("two")
        ws.run_forever()
    finished: tuple[ReadableSpan, ...] = spans.get_finished_spans()
    lost, refused = finished
    place = {"url.scheme": "ws", "server.address": "127.0.0.1", "server.port": server.port, "url.path": "/chat"}
    assert [span.kind for span in finished] == [SpanKind.CLIENT, SpanKind.CLIENT]
    assert dict(lost.attributes or {}) == {
        **place,
        "websocket.close.code": 1006,
        "websocket.messages.sent": 1,
        "websocket.messages.received": 1,
        "error.type": "connection_lost",
    }
    assert (refused.attributes or {})["error.type"] == "http_refused"
    assert lost.status.status_code is StatusCode.ERROR
    assert SECRET not in "".join(span.to_json() for span in finished)


def test_the_counts_of_the_process_are_metrics(spans: InMemorySpanExporter) -> None:
    before = metrics()
    with FaultServer() as server, heartwire.sync.connect(server.url) as ws:
        ws.send("hi")
        ws.recv()
    after = metrics()
    (span,) = spans.get_finished_spans()
    assert span.status.status_code is StatusCode.UNSET
    stats = heartwire.stats()
    assert after["heartwire.opens"] == [(stats.opens, {})]
    assert after["heartwire.opens"][0][0] == before["heartwire.opens"][0][0] + 1
    assert after["heartwire.messages"] == [
        (stats.sent.messages, {"network.io.direction": "transmit"}),
        (stats.received.messages, {"network.io.direction": "receive"}),
    ]
    assert (stats.ends[1000], {"websocket.close.code": 1000}) in after["heartwire.ends"]
    assert after["heartwire.waiting.to_send"] == [(stats.waiting.to_send, {})]


def test_after_uninstrument_there_are_no_spans(spans: InMemorySpanExporter) -> None:
    heartwire.opentelemetry.uninstrument()
    with FaultServer() as server, heartwire.sync.connect(server.url):
        pass
    assert spans.get_finished_spans() == ()
