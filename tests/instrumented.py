"""An instrumented agent whose telemetry stays in memory, and what it recorded."""

from __future__ import annotations

from dataclasses import dataclass

from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.metrics.export import (
    HistogramDataPoint,
    InMemoryMetricReader,
    NumberDataPoint,
)
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from collectors.instrument import Agent, Identity, Providers, Role, Speaks, meter_provider

Point = NumberDataPoint | HistogramDataPoint
IDENTITY = Identity(
    name="worker-ops", role=Role.WORKER, team="ops", instance_id="w-1", version="1.2.3", host="h1"
)


class Clock:
    """Seconds that pass only when told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Recorded:
    agent: Agent
    clock: Clock
    reader: InMemoryMetricReader
    exporter: InMemorySpanExporter
    logs: InMemoryLogRecordExporter

    def points(self, name: str) -> list[Point]:
        data = self.reader.get_metrics_data()
        return [
            point
            for resource in (data.resource_metrics if data else [])
            for scope in resource.scope_metrics
            for metric in scope.metrics
            if metric.name == name
            for point in metric.data.data_points
        ]

    def values(self, name: str) -> dict[tuple[str, ...], float]:
        """Values, or counts of a histogram, by the values of the attributes, keys sorted."""
        return {
            tuple(str(value) for _, value in sorted((point.attributes or {}).items())): (
                point.count if isinstance(point, HistogramDataPoint) else point.value
            )
            for point in self.points(name)
        }

    def moved(self, name: str) -> dict[tuple[str, ...], float]:
        """As `values`, without what is still zero."""
        return {key: value for key, value in self.values(name).items() if value}

    def spans(self) -> dict[str, ReadableSpan]:
        return {span.name: span for span in self.exporter.get_finished_spans()}


def instrumented(speaks: Speaks | None = None) -> Recorded:
    resource = IDENTITY.resource()
    reader, clock = InMemoryMetricReader(), Clock()
    spans, logs = InMemorySpanExporter(), InMemoryLogRecordExporter()
    traces = TracerProvider(resource=resource, shutdown_on_exit=False)
    traces.add_span_processor(SimpleSpanProcessor(spans))
    logger = LoggerProvider(resource=resource, shutdown_on_exit=False)
    logger.add_log_record_processor(SimpleLogRecordProcessor(logs))
    providers = Providers(traces, meter_provider(resource, reader), logger)
    return Recorded(
        Agent(IDENTITY, speaks or Speaks(), providers, clock), clock, reader, spans, logs
    )
