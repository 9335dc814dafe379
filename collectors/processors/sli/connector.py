"""The connector: the same totals as OTLP, for those who do not scrape the daemon itself.

It puts out one cumulative sum, `fleetslo.sli.events`, which Prometheus names as the
processor's metric. Use one or the other: who sees both sees every event twice.
"""

from __future__ import annotations

import json

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality

from collectors.component import Batch, ConnectorFactory, Emit, Settings, Signal
from collectors.counting import Flushing
from collectors.processors.sli.config import SliConnectorConfig
from collectors.processors.sli.counting import Counter
from collectors.processors.sli.tally import Tally

METRIC = "fleetslo.sli.events"
UNIT = "{event}"
_SCOPE = "fleetslo.collector.sli"


class SliConnector:
    """Takes spans, puts out counters, every `metrics_flush_interval`."""

    def __init__(self, config: SliConnectorConfig, settings: Settings) -> None:
        self._counter = Counter(config.slos)
        self._tally = Tally(config.slos)
        self._flushing = Flushing(config.metrics_flush_interval, settings.meter)
        self._began_wall_ns = 0

    def step(self, batch: Batch, out: Emit) -> None:
        """Count `batch`, which ends here."""
        del out
        self._flushing.takes(batch)
        self._tally.add(self._counter.count(batch.payload, batch.items))
        self._flushing.took(batch)
        if not self._began_wall_ns:
            self._began_wall_ns = batch.wall_ns

    def tick(self, steady_ns: int, out: Emit) -> None:
        """Put all counters out, also those that did not move: silence is not absence."""
        request, points = self._request(self._flushing.wall_ns(steady_ns))
        self._flushing.put_out(request, points, steady_ns, out)
        self._flushing.go_on(steady_ns, is_idle=False)

    def next_deadline(self) -> int | None:
        """When the counters go out next; None before the first span."""
        return self._flushing.due_ns

    def held_items(self) -> int:
        """Spans end here: none is held."""
        return 0

    def snapshot(self) -> bytes:
        """Totals and times."""
        words = {
            "totals": self._tally.words(),
            "began": self._began_wall_ns,
            **self._flushing.words(),
        }
        return json.dumps(words).encode()

    def restore(self, state: bytes) -> None:
        """Continue from totals and times."""
        words = json.loads(state)
        self._tally.take(words["totals"])
        self._began_wall_ns = words["began"]
        self._flushing.take(words)

    def begin_again(self) -> None:
        """See `Cumulative.begin_again`: the next span gives the new start time."""
        self._tally.begin_again()
        self._began_wall_ns = 0

    def _request(self, wall_ns: int) -> tuple[ExportMetricsServiceRequest, int]:
        request = ExportMetricsServiceRequest()
        scope = request.resource_metrics.add().scope_metrics.add()
        scope.scope.name = _SCOPE
        metric = scope.metrics.add(
            name=METRIC, unit=UNIT, description="Events of an indicator, counted before sampling."
        )
        metric.sum.is_monotonic = True
        metric.sum.aggregation_temporality = (
            AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE
        )
        for each in self._tally.totals():
            labels = {"slo_id": each.slo, "outcome": each.outcome, **each.labels}
            metric.sum.data_points.add(
                attributes=[_text(key, value) for key, value in labels.items() if value],
                start_time_unix_nano=self._began_wall_ns,
                time_unix_nano=wall_ns,
                as_int=each.value,
            )
        return request, len(metric.sum.data_points)


def _text(key: str, value: str) -> KeyValue:
    return KeyValue(key=key, value=AnyValue(string_value=value))


CONNECTOR = ConnectorFactory(
    config=SliConnectorConfig,
    create=SliConnector,
    routes=frozenset({(Signal.TRACES, Signal.METRICS)}),
    counts=SliConnectorConfig.counted,
)
