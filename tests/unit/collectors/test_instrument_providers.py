"""Providers batch so that the lag stays small, and send where the environment says."""

from __future__ import annotations

import gzip
import logging
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import psutil
import pytest
from opentelemetry._logs import SeverityNumber
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.resources import Resource

from collectors.instrument import Speaks, build, meter_provider, observe_process, start
from collectors.instrument.logs import severity
from collectors.instrument.providers import (
    METRIC_INTERVAL_MS,
    SCHEDULE_DELAY_MS,
    exporters_from_environment,
)
from slo.catalog import metrics
from tests.instrumented import IDENTITY


class Sink:
    """An OTLP endpoint over HTTP that keeps what it got."""

    def __init__(self) -> None:
        self.bodies: dict[str, list[bytes]] = {}
        self.changed = threading.Condition()
        sink = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                with sink.changed:
                    sink.bodies.setdefault(self.path, []).append(body)
                    sink.changed.notify_all()
                self.send_response(200)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"

    def wait_for(self, path: str, seconds: float) -> bytes:
        with self.changed:
            assert self.changed.wait_for(lambda: path in self.bodies, seconds), sorted(self.bodies)
            return b"".join(self.bodies[path])


@pytest.fixture
def sink() -> Iterator[Sink]:
    made = Sink()
    made.thread.start()
    yield made
    made.server.shutdown()
    made.thread.join()
    made.server.server_close()


def test_an_agent_sends_all_three_signals_where_the_environment_says(
    sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", sink.url)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf")
    monkeypatch.setenv("OTEL_METRIC_EXPORT_INTERVAL", "200")
    agent = start(IDENTITY, Speaks(action_types=("scale",)))

    with agent.action("scale"):
        agent.log.info("scaled")
    # Spans wait for a second at most, where the SDK would wait for five.
    spans = ExportTraceServiceRequest.FromString(sink.wait_for("/v1/traces", 4))
    logs = ExportLogsServiceRequest.FromString(sink.wait_for("/v1/logs", 4))
    sink.wait_for("/v1/metrics", 4)
    agent.stop()
    sent = ExportMetricsServiceRequest.FromString(b"".join(sink.bodies["/v1/metrics"]))

    assert spans.resource_spans[0].scope_spans[0].spans[0].name == "action scale"
    assert logs.resource_logs[0].scope_logs[0].log_records[0].body.string_value == "scaled"
    actions = [
        point.as_int
        for resource in sent.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
        if metric.name == "mas.agent.actions"
        for point in metric.sum.data_points
    ]
    assert max(actions) == 1
    assert min(actions) == 0


def test_the_defaults_keep_the_lag_below_what_is_promised() -> None:
    assert SCHEDULE_DELAY_MS < 5_000
    assert METRIC_INTERVAL_MS < 15_000


def test_an_unknown_protocol_is_refused() -> None:
    with pytest.raises(ValueError, match="must be grpc or http/protobuf, got 'http/json'"):
        exporters_from_environment({"OTEL_EXPORTER_OTLP_PROTOCOL": "http/json"})


@pytest.mark.parametrize("value", ["soon", "0", "-5", "nan"])
def test_a_malformed_delay_is_refused(value: str) -> None:
    exporters = exporters_from_environment({})

    with pytest.raises(ValueError, match=re.escape(f"milliseconds above 0, got '{value}'")):
        build(Resource.create(), exporters, {"OTEL_BSP_SCHEDULE_DELAY": value})
    exporters.spans.shutdown()
    exporters.metrics.shutdown()
    exporters.logs.shutdown()


def test_the_resources_of_a_process_are_those_of_the_catalogue() -> None:
    reader = InMemoryMetricReader()
    provider = meter_provider(IDENTITY.resource(), reader)

    observe_process(provider.get_meter("test"), psutil.Process())
    data = reader.get_metrics_data()

    assert data is not None
    found = {metric.name: metric for metric in data.resource_metrics[0].scope_metrics[0].metrics}
    wanted = {each.name for each in metrics().metrics if each.name.startswith("process.")}
    assert set(found) == wanted
    assert found["process.memory.usage"].data.data_points[0].value > 1_000_000
    assert found["process.uptime"].unit == "s"


def test_a_process_that_is_gone_is_left_out() -> None:
    class Gone(psutil.Process):
        def memory_info(self) -> None:
            raise psutil.NoSuchProcess(1)

    reader = InMemoryMetricReader()
    provider = meter_provider(IDENTITY.resource(), reader)
    observe_process(provider.get_meter("test"), Gone())
    data = reader.get_metrics_data()

    assert data is not None
    found = {metric.name for metric in data.resource_metrics[0].scope_metrics[0].metrics}
    assert "process.memory.usage" not in found
    assert "process.thread.count" in found


@pytest.mark.parametrize(
    ("level", "expected"),
    [
        (logging.DEBUG, SeverityNumber.DEBUG),
        (logging.INFO, SeverityNumber.INFO),
        (logging.WARNING, SeverityNumber.WARN),
        (35, SeverityNumber.WARN),
        (logging.ERROR, SeverityNumber.ERROR),
        (logging.CRITICAL, SeverityNumber.FATAL),
    ],
)
def test_levels_become_severities(level: int, expected: SeverityNumber) -> None:
    assert severity(level) is expected
