"""The way out of one process: the OpenTelemetry SDK and its OTLP exporters.

Every agent is a resource of its own. The agents of one process share its exporters and
its batches, as threads of one program would: a batch tells their resources apart.
"""

from __future__ import annotations

from typing import Final

from opentelemetry.exporter.otlp.proto.grpc import _log_exporter as grpc_logs
from opentelemetry.exporter.otlp.proto.grpc import metric_exporter as grpc_metrics
from opentelemetry.exporter.otlp.proto.grpc import trace_exporter as grpc_traces
from opentelemetry.exporter.otlp.proto.http import _log_exporter as http_logs
from opentelemetry.exporter.otlp.proto.http import metric_exporter as http_metrics
from opentelemetry.exporter.otlp.proto.http import trace_exporter as http_traces
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics.export import (
    MetricExporter,
    MetricExportResult,
    MetricsData,
    PeriodicExportingMetricReader,
)
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from alerts.gameday.fleet.topology import Protocol
from alerts.gameday.fleet.voice import ForeignAgent, PlainAgent
from collectors.instrument import (
    Agent,
    Exporters,
    Identity,
    Providers,
    Speaks,
    meter_provider,
    observe_process,
)
from collectors.instrument.providers import CHANNEL_OPTIONS, SCHEDULE_DELAY_MS

EXPORT_SECONDS: Final = 5.0


class SharedMetrics(MetricExporter):
    """An exporter that several readers share: the end of one of them does not end it."""

    def __init__(self, exporter: MetricExporter) -> None:
        super().__init__()
        self._exporter = exporter

    def export(
        self,
        metrics_data: MetricsData,
        timeout_millis: float = 10_000,
        **kwargs: object,
    ) -> MetricExportResult:
        """Hand on."""
        return self._exporter.export(metrics_data, timeout_millis, **kwargs)

    def force_flush(self, timeout_millis: float = 10_000) -> bool:
        """Hand on."""
        return self._exporter.force_flush(timeout_millis)

    def shutdown(self, timeout_millis: float = 30_000, **kwargs: object) -> None:
        """One reader has ended; the others go on."""


class Outlet:
    """Shared exporters and batches, and one set of providers for each agent."""

    def __init__(self, exporters: Exporters, push_seconds: float) -> None:
        """Send metrics so often; with 0 none at all."""
        self._exporters = exporters
        self._metrics = SharedMetrics(exporters.metrics)
        self._push_ms = push_seconds * 1_000
        delay = SCHEDULE_DELAY_MS
        self._spans = BatchSpanProcessor(exporters.spans, schedule_delay_millis=delay)
        self._logs = BatchLogRecordProcessor(exporters.logs, schedule_delay_millis=delay)
        self._opened: list[Providers] = []

    def open(self, identity: Identity, speaks: Speaks, dialect: str = "") -> Agent:
        """One instrumented agent; the first one also tells of the process that it lives in.

        Args:
            identity: Its resource.
            speaks: What it may count.
            dialect: In whose words it tells of its work; empty is in its own.
        """
        resource = identity.resource()
        traces = TracerProvider(resource=resource, shutdown_on_exit=False)
        traces.add_span_processor(self._spans)
        logs = LoggerProvider(resource=resource, shutdown_on_exit=False)
        logs.add_log_record_processor(self._logs)
        providers = Providers(traces, meter_provider(resource, *self._readers()), logs)
        if not self._opened:
            observe_process(providers.metrics.get_meter("process"))
        self._opened.append(providers)
        if dialect:
            kind = ForeignAgent if self._push_ms else PlainAgent
            return kind(identity, speaks, providers, dialect)
        return Agent(identity, speaks, providers)

    def _readers(self) -> list[PeriodicExportingMetricReader]:
        """What sends the metrics of an agent; none where nobody does."""
        if not self._push_ms:
            return []
        every = self._push_ms
        return [PeriodicExportingMetricReader(self._metrics, export_interval_millis=every)]

    def close(self) -> None:
        """Send what is pending, once more, and end the threads."""
        for providers in self._opened:
            providers.metrics.shutdown()
        self._exporters.metrics.shutdown()
        self._spans.shutdown()  # type: ignore[no-untyped-call]  # the SDK leaves it untyped
        self._logs.shutdown()  # type: ignore[no-untyped-call]  # the SDK leaves it untyped


def exporters(protocol: Protocol, grpc: str, http: str) -> Exporters:
    """OTLP exporters without encryption, for loopback.

    Args:
        protocol: Which of the two.
        grpc: ``host:port``.
        http: Base URL without trailing slash.
    """
    if protocol is Protocol.GRPC:
        return Exporters(
            grpc_traces.OTLPSpanExporter(
                grpc, insecure=True, timeout=EXPORT_SECONDS, channel_options=CHANNEL_OPTIONS
            ),
            grpc_metrics.OTLPMetricExporter(
                grpc, insecure=True, timeout=EXPORT_SECONDS, channel_options=CHANNEL_OPTIONS
            ),
            grpc_logs.OTLPLogExporter(
                grpc, insecure=True, timeout=EXPORT_SECONDS, channel_options=CHANNEL_OPTIONS
            ),
        )
    return Exporters(
        http_traces.OTLPSpanExporter(f"{http}/v1/traces", timeout=EXPORT_SECONDS),
        http_metrics.OTLPMetricExporter(f"{http}/v1/metrics", timeout=EXPORT_SECONDS),
        http_logs.OTLPLogExporter(f"{http}/v1/logs", timeout=EXPORT_SECONDS),
    )
