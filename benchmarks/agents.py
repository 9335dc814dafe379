"""What reading spans of agents costs in every dialect, beside the scan that every request pays."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from benchmarks.ingest import request as not_of_agents
from collectors.component import Batch, Context, Processor, Signal
from collectors.connectors.agentmetrics import FACTORY as AGENTMETRICS
from collectors.instrument.dialects import Speaker, shapes
from collectors.processors.agent_normalizer import FACTORY as NORMALIZER
from collectors.testing import settings
from collectors.wire.scan import locate, scan
from tests.agent_spans import Recording, work

REQUESTS = 40
EVERY = 1_000_000_000
LEAST_SPANS = 500


def spoken(dialect: str) -> bytes:
    """Some hundred spans of agents at work."""
    recording, seed = Recording(), 0
    while len(recording.exporter.get_finished_spans()) < LEAST_SPANS:
        seed += 1
        work(Speaker(dialect, recording.provider), seed)
    return recording.request().SerializeToString()


def requests(payload: bytes) -> list[Batch]:
    """The same work again and again, each time in other traces, one request a second."""
    found: list[Batch] = []
    for turn in range(REQUESTS):
        message = ExportTraceServiceRequest.FromString(payload)
        spans = [
            span
            for resource in message.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]
        other = turn.to_bytes(4, "big")
        for span in spans:
            span.trace_id = span.trace_id[:12] + other
        whole = message.SerializeToString()
        wall_ns = spans[0].end_time_unix_nano
        found.append(
            Batch(Signal.TRACES, whole, len(spans), Context(), turn * EVERY, wall_ns + turn * EVERY)
        )
    return found


def cost_of_scan(given: Sequence[Batch]) -> float:
    before = time.process_time()
    for batch in given:
        scan(Signal.TRACES, batch.payload)
        locate(Signal.TRACES, batch.payload, batch.items)
    return time.process_time() - before


def cost_of(step: Processor, given: Sequence[Batch]) -> float:
    """CPU seconds for all requests, and for the ticks that fall between them."""
    before = time.process_time()
    for batch in given:
        deadline = step.next_deadline()
        if deadline is not None and deadline <= batch.steady_ns:
            step.tick(batch.steady_ns, lambda _: None)
        step.step(batch, lambda _: None)
    return time.process_time() - before


def main() -> None:
    around = settings(Path("unused"))
    payloads = {"(no agent at all)": not_of_agents()}
    wanted = os.environ.get("BENCH_DIALECTS", "").split() or shapes()
    payloads |= {dialect: spoken(dialect) for dialect in wanted}
    print(f"agents: {REQUESTS} requests of some {LEAST_SPANS} spans, spans per CPU second")
    for dialect, payload in payloads.items():
        given = requests(payload)
        spans = sum(batch.items for batch in given)
        metrics = AGENTMETRICS.create(AGENTMETRICS.config(), around)
        normalizer = NORMALIZER.create(NORMALIZER.config(), around)
        rates = [
            f"{name} {spans / cost:,.0f}"
            for name, cost in (
                ("scan and locate", cost_of_scan(given)),
                ("agentmetrics", cost_of(metrics, given)),
                ("agent_normalizer", cost_of(normalizer, given)),
            )
        ]
        print(f"  {dialect}, {len(payload) * REQUESTS // spans} bytes a span: {', '.join(rates)}")


if __name__ == "__main__":
    main()
