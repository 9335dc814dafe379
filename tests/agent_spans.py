"""Spans of agents in every dialect, and what a connector makes of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from collectors.component import Batch, Context, Processor, Signal
from collectors.connectors.agentmetrics import FACTORY, AgentMetricsConfig
from collectors.instrument.dialects import Speaker, Truth
from collectors.testing import MemoryMeter
from collectors.testing import settings as component_settings
from collectors.wire.values import as_text

SECOND = 1_000_000_000
FLUSHES = 4
START = 1_700_000_000 * SECOND
AGENT = {"gen_ai.operation.name": "invoke_agent", "gen_ai.provider.name": "openai"}
CHAT = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-5",
}
ACTIONS = "mas.agent.actions"
"""Enough for everything to be decided."""

Series = Mapping[tuple[str, ...], float]


def connector(
    config: Mapping[str, object] | None = None, meter: MemoryMeter | None = None
) -> Processor:
    parsed = AgentMetricsConfig.model_validate(config or {})
    return FACTORY.create(parsed, component_settings(Path("unused"), meter=meter))


class Recording:
    """An SDK whose spans stay here."""

    def __init__(self, service: str = "fleet") -> None:
        self.exporter = InMemorySpanExporter()
        self.provider = TracerProvider(
            resource=Resource({"service.name": service, "service.instance.id": f"{service}-1"})
        )
        self.provider.add_span_processor(SimpleSpanProcessor(self.exporter))

    def request(self) -> ExportTraceServiceRequest:
        """All spans, in the order in which they ended."""
        return ExportTraceServiceRequest.FromString(
            encode_spans(self.exporter.get_finished_spans()).SerializeToString()
        )


def work(speaker: Speaker, seed: int = 1, invocations: int = 6) -> Truth:
    """Let some agents work, some of it in vain; what was told of it."""
    random = Random(seed)
    for number in range(invocations):
        agent = random.choice(["planner", "researcher"])
        with suppress(TimeoutError), speaker.invocation(agent):
            _run(speaker, random, fails=number % 3 == 2)
    return speaker.truth


def _run(speaker: Speaker, random: Random, *, fails: bool) -> None:
    for _ in range(random.randrange(1, 4)):
        with speaker.llm_call("openai", random.choice(["gpt-5", "gpt-5-mini"])) as call:
            call.tokens(
                sent=random.randrange(200, 2000),
                received=random.randrange(50, 400),
                cached=random.randrange(1, 100),
                reasoning=random.randrange(1, 40),
            )
        with speaker.tool(random.choice(["search", "write"])):
            pass
    if fails:
        raise TimeoutError


def split(request: ExportTraceServiceRequest) -> list[ExportTraceServiceRequest]:
    """One request for each span."""
    found = []
    for resource in request.resource_spans:
        for scope in resource.scope_spans:
            for span in scope.spans:
                one = ExportTraceServiceRequest()
                of_resource = one.resource_spans.add(resource=resource.resource)
                of_scope = of_resource.scope_spans.add(scope=scope.scope)
                of_scope.spans.append(span)
                found.append(one)
    return found


def merged(requests: Iterable[ExportTraceServiceRequest]) -> ExportTraceServiceRequest:
    """All of them in one."""
    whole = ExportTraceServiceRequest()
    for request in requests:
        whole.MergeFrom(request)
    return whole


def batch(request: ExportTraceServiceRequest, steady_ns: int = SECOND) -> Batch:
    items = sum(len(scope.spans) for of in request.resource_spans for scope in of.scope_spans)
    wall_ns = 1_700_000_000 * SECOND + steady_ns
    return Batch(Signal.TRACES, request.SerializeToString(), items, Context(), steady_ns, wall_ns)


def flush(of: Processor, times: int = FLUSHES) -> list[ExportMetricsServiceRequest]:
    """What comes out of so many flushes."""
    out: list[Batch] = []
    for _ in range(times):
        due = of.next_deadline()
        if due is not None:
            of.tick(due, out.append)
    return [ExportMetricsServiceRequest.FromString(of.payload) for of in out]


@dataclass
class Seen:
    """Points by name and labels.

    Attributes:
        counts: Events of a counter, observations of a histogram.
        sums: Of histograms.
    """

    counts: Counter[tuple[str, tuple[tuple[str, str], ...]]] = field(default_factory=Counter)
    sums: Counter[tuple[str, tuple[tuple[str, str], ...]]] = field(default_factory=Counter)

    def count(self, name: str, **labels: str) -> float:
        return self._total(self.counts, name, labels)

    def sum(self, name: str, **labels: str) -> float:
        return self._total(self.sums, name, labels)

    def by(self, name: str, label: str) -> dict[str, float]:
        """Counts by one label, without what is 0."""
        found: Counter[str] = Counter()
        for (of, labels), value in self.counts.items():
            if of == name and value:
                found[dict(labels).get(label, "")] += value
        return dict(found)

    @staticmethod
    def _total(
        of: Mapping[tuple[str, tuple[tuple[str, str], ...]], float],
        name: str,
        labels: Mapping[str, str],
    ) -> float:
        wanted = {(key.replace("__", "."), value) for key, value in labels.items()}
        return sum(
            value
            for (name_of, pairs), value in of.items()
            if name_of == name and wanted <= set(pairs)
        )


def seen(request: ExportMetricsServiceRequest) -> Seen:
    found = Seen()
    for of_resource in request.resource_metrics:
        for scope in of_resource.scope_metrics:
            for metric in scope.metrics:
                for point in metric.sum.data_points:
                    value = point.as_int or point.as_double
                    found.counts[metric.name, _labels(point.attributes)] += value
                for histogram in metric.histogram.data_points:
                    key = (metric.name, _labels(histogram.attributes))
                    found.counts[key] += histogram.count
                    # Resources come in any order, and sums of floats know it. All are whole
                    # nanoseconds: rounded to coarser ones, a half would go either way.
                    found.sums[key] = round(found.sums[key] + histogram.sum, 9)
    return found


def _labels(attributes: Sequence[object]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((of.key, as_text(of.value.SerializeToString())) for of in attributes))


def counted(
    requests: Iterable[ExportTraceServiceRequest],
    config: Mapping[str, object] | None = None,
    between: Callable[[Processor], Processor] = lambda of: of,
) -> Seen:
    """What a connector has counted of `requests` in the end."""
    of = connector(config)
    for request in requests:
        of.step(batch(request), lambda _: None)
        of = between(of)
    flushed = flush(of)
    return seen(flushed[-1]) if flushed else Seen()


def request_of(
    *spans: Span, service: str = "fleet", scope: str = "app"
) -> ExportTraceServiceRequest:
    """A request of one service."""
    request = ExportTraceServiceRequest()
    resource = request.resource_spans.add()
    resource.resource.attributes.add(key="service.name").value.string_value = service
    of_scope = resource.scope_spans.add(spans=spans)
    of_scope.scope.name = scope
    return request


def span_of(number: int, says: Mapping[str, str | int], *, above: int = 0, code: int = 0) -> Span:
    """A span of a second, in one trace."""
    made = Span(
        trace_id=b"T" * 16,
        span_id=number.to_bytes(8, "big"),
        parent_span_id=above.to_bytes(8, "big") if above else b"",
        name="x",
        status=Status(code=code),
        start_time_unix_nano=START,
        end_time_unix_nano=START + SECOND,
    )
    for key, value in says.items():
        said = AnyValue(int_value=value) if isinstance(value, int) else AnyValue(string_value=value)
        made.attributes.add(key=key, value=said)
    return made


def outcome(*spans: Span, config: Mapping[str, object] | None = None, scope: str = "app") -> Seen:
    """What counts of some spans."""
    return counted([request_of(*spans, scope=scope)], config)
