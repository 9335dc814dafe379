"""A small fleet before the connector `agentdetectors`: it says what happened, and what was seen."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from collectors.component import Batch, Context, Processor, Signal
from collectors.connectors.agentdetectors import FACTORY, AgentDetectorsConfig
from collectors.testing import MemoryMeter
from collectors.testing import settings as component_settings
from collectors.wire.values import as_text

SECOND = 1_000_000_000
TICK = 15
WALL_NS = 1_700_000_000 * SECOND
Said = Mapping[str, str | int | bool]
Seen = dict[tuple[str, tuple[tuple[str, str], ...]], int]
"""Points by name and labels; of a histogram its count, and its sum in seconds under `NAME.sum`."""


def watcher(
    config: Mapping[str, object] | None = None, meter: MemoryMeter | None = None
) -> Processor:
    parsed = AgentDetectorsConfig.model_validate(config or {})
    return FACTORY.create(parsed, component_settings(Path("unused"), meter=meter))


def pairs(said: Said) -> list[KeyValue]:
    found = []
    for key, value in said.items():
        match value:
            case bool():
                of = AnyValue(bool_value=value)
            case int():
                of = AnyValue(int_value=value)
            case _:
                of = AnyValue(string_value=value)
        found.append(KeyValue(key=key, value=of))
    return found


def trace_id(trace: str) -> bytes:
    return trace.encode().rjust(16, b"-")


def process(name: str, instance: str, **more: str) -> Resource:
    said = {"service.namespace": "fleet", "service.name": name, "service.instance.id": instance}
    said |= {key.replace("__", "."): value for key, value in more.items()}
    return Resource(attributes=pairs(said))


A, B, C = (process("worker", name) for name in "abc")
COUNT, CHECKS, RESTARTS = "mas.agent.count", "mas.agent.health_checks", "mas.agent.restarts"
CONFLICTS, REVERSALS, LOOPS = (
    "mas.agent.action.conflicts",
    "mas.action.reversals",
    "mas.agent.loops",
)
PROPAGATION = "mas.policy.propagation.duration"
STALE, ROLLBACKS, LEADERS = (
    "mas.policy.stale_agent.count",
    "mas.deployment.rollbacks",
    "mas.leader.count",
)
MISSING = {"mas__agent__state": "missing"}


def act(
    target: str, value: str = "", kind: str = "scale", **more: str | int
) -> dict[str, str | int]:
    """An action as its record tells it."""
    said: dict[str, str | int] = {"mas.action.type": kind, "mas.action.target": target}
    if value:
        said["mas.action.value"] = value
    return said | {key.replace("__", "."): of for key, of in more.items()}


def tool(name: str, arguments: str, **more: str) -> dict[str, str]:
    """A call of a tool."""
    return {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": name,
        "gen_ai.tool.call.arguments": arguments,
        **{key.replace("__", "."): of for key, of in more.items()},
    }


@dataclass
class Fleet:
    """Sends to a connector as time goes by; every `TICK` seconds it judges.

    Attributes:
        seconds: Steady time.
        history: What was seen after each tick.
    """

    config: Mapping[str, object] = field(default_factory=dict[str, object])
    seconds: float = 1.0
    history: list[Seen] = field(default_factory=list[Seen])
    meter: MemoryMeter = field(default_factory=MemoryMeter)
    spans: int = 0

    def __post_init__(self) -> None:
        self.of = watcher(self.config, self.meter)

    @property
    def steady_ns(self) -> int:
        return round(self.seconds * SECOND)

    def send(self, signal: Signal, payload: bytes, items: int) -> None:
        self._tick()
        wall_ns = WALL_NS + self.steady_ns
        batch = Batch(signal, payload, items, Context(), self.steady_ns, wall_ns)
        self.of.step(batch, lambda _: None)

    def pass_time(self, seconds: float) -> None:
        self.seconds = round(self.seconds + seconds, 6)
        self._tick()

    def record(
        self,
        who: Resource,
        *said: Said,
        skew: float = 0.0,
        scope: str = "app",
        inside: int = 0,
        trace: str = "t",
    ) -> None:
        """Log records of one process, in a span where there is a number of one."""
        request = ExportLogsServiceRequest()
        records = request.resource_logs.add(resource=who).scope_logs.add()
        records.scope.name = scope
        for of in said:
            self.spans += 1
            when_ns = WALL_NS + self.steady_ns + self.spans + round(skew * SECOND)
            records.log_records.add(
                time_unix_nano=when_ns,
                attributes=pairs(of),
                trace_id=trace_id(trace) if inside else b"",
                span_id=inside.to_bytes(8, "big") if inside else b"",
            )
        self.send(Signal.LOGS, request.SerializeToString(), len(said))

    def span(
        self,
        who: Resource,
        *said: Said,
        trace: str = "t",
        scope: str = "app",
        skew: float = 0.0,
        above: int = 0,
    ) -> int:
        """Spans of one process; the number of the last."""
        first = self.spans + 1
        self.spans += len(said)
        self.ended(who, first, *said, trace=trace, scope=scope, skew=skew, above=above)
        return self.spans

    def ended(
        self,
        who: Resource,
        first: int,
        *said: Said,
        trace: str = "t",
        scope: str = "app",
        skew: float = 0.0,
        above: int = 0,
    ) -> None:
        """Spans with numbers of one's own, which begin with `first`."""
        request = ExportTraceServiceRequest()
        spans = request.resource_spans.add(resource=who).scope_spans.add()
        spans.scope.name = scope
        for number, of in enumerate(said, first):
            end_ns = WALL_NS + self.steady_ns + number + round(skew * SECOND)
            spans.spans.add(
                trace_id=trace_id(trace),
                span_id=number.to_bytes(8, "big"),
                parent_span_id=above.to_bytes(8, "big") if above else b"",
                name="x",
                start_time_unix_nano=end_ns - 1,
                end_time_unix_nano=end_ns,
                attributes=pairs(of),
            )
        self.send(Signal.TRACES, request.SerializeToString(), len(said))

    def beat(self, *who: Resource, state: str = "", skew: float = 0.0) -> None:
        for one in who:
            said: dict[str, str | bool] = {"mas.agent.heartbeat": True}
            self.record(one, {**said, "mas.agent.state": state} if state else said, skew=skew)

    def live(self, seconds: float, *who: Resource) -> None:
        """Let some agents beat, every fifteen seconds, for so long."""
        until = self.seconds + seconds
        while self.seconds < until:
            self.beat(*who)
            self.pass_time(TICK)

    def value(self, name: str, **labels: str) -> int:
        """What was seen last, added up."""
        return total(self.history[-1], name, labels) if self.history else 0

    def over_time(self, name: str, **labels: str) -> list[int]:
        return [total(found, name, labels) for found in self.history]

    def restart(self) -> None:
        """Another process goes on from the snapshot."""
        state = self.of.snapshot()
        self.of = watcher(self.config, self.meter)
        self.of.restore(state)
        assert json.dumps(self.of.snapshot().hex()) == json.dumps(state.hex())

    def _tick(self) -> None:
        while (due := self.of.next_deadline()) is not None and due <= self.steady_ns:
            out: list[Batch] = []
            self.of.tick(due, out.append)
            self.history.append(seen(out))


def total(found: Seen, name: str, labels: Mapping[str, str]) -> int:
    """What all series of a metric with some labels show together."""
    wanted = {(key.replace("__", "."), value) for key, value in labels.items()}
    return sum(of for (at, said), of in found.items() if at == name and wanted <= set(said))


def seen(out: Iterable[Batch]) -> Seen:
    """What was put out."""
    found: Counter[tuple[str, tuple[tuple[str, str], ...]]] = Counter()
    for batch in out:
        for of in ExportMetricsServiceRequest.FromString(batch.payload).resource_metrics:
            for metric in of.scope_metrics[0].metrics:
                for point in metric.sum.data_points:
                    found[metric.name, _labels(point.attributes)] += point.as_int
                for spread in metric.histogram.data_points:
                    labels = _labels(spread.attributes)
                    found[metric.name, labels] += spread.count
                    found[f"{metric.name}.sum", labels] += round(spread.sum)
    return dict(found)


def _labels(attributes: Iterable[KeyValue]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((x.key, as_text(x.value.SerializeToString())) for x in attributes))


def settle(fleet: Fleet) -> None:
    """Let everything that came be judged."""
    fleet.pass_time(3 * TICK)


def use(fleet: Fleet, who: Resource, revision: str) -> None:
    """An agent uses a revision of the policy `guard`."""
    fleet.span(who, {"mas.policy.name": "guard", "mas.policy.version": revision})
