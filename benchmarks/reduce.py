"""What counting, aggregating and sampling cost, beside the scan that every request pays for."""

from __future__ import annotations

from pathlib import Path

from benchmarks.ingest import SPANS, request
from benchmarks.wire import spent
from collectors.component import Batch, Context, Processor, Signal
from collectors.connectors.spanmetrics import FACTORY as SPANMETRICS
from collectors.ottl import CONTEXTS, Condition
from collectors.processors.filter import FACTORY as FILTER
from collectors.processors.probabilistic_sampler import FACTORY as SAMPLER
from collectors.processors.sli import FACTORY as SLI
from collectors.testing import settings
from collectors.wire.scan import locate, scan
from collectors.wire.spans import resource_attributes
from collectors.wire.values import as_text


def steps(payload: bytes) -> dict[str, Processor]:
    """Each step as people use it."""
    found = scan(Signal.TRACES, payload)
    service = as_text(resource_attributes(found, ("service.name",))["service.name"].values[0])
    slo = {
        "spans": {
            "service": service,
            "attributes": {"mas.attribute.1": "x"},
            "bad": {"above": "2s", "attributes": {"mas.attribute.9": "timeout"}},
        }
    }
    around = settings(Path("unused"))

    def sli(count: int) -> Processor:
        slos = {f"slo-{number}": slo for number in range(count)}
        return SLI.create(SLI.config.model_validate({"slos": slos}), around)

    condition = 'attributes["mas.attribute.1"] == "x" and status.code == STATUS_CODE_ERROR'
    assert Condition(condition, CONTEXTS["span"])
    return {
        "sli, 1 SLO of every span": sli(1),
        "sli, 10 SLOs of every span": sli(10),
        "spanmetrics, one added dimension": SPANMETRICS.create(
            SPANMETRICS.config.model_validate({"dimensions": [{"name": "mas.attribute.1"}]}),
            around,
        ),
        "filter, one condition": FILTER.create(
            FILTER.config.model_validate({"traces": {"span": [condition]}}), around
        ),
        "probabilistic_sampler, 10 %": SAMPLER.create(
            SAMPLER.config.model_validate({"sampling_percentage": 10}), around
        ),
    }


def main() -> None:
    payload = request()
    batch = Batch(Signal.TRACES, payload, SPANS, Context(), 1, 1)
    print(f"reduce: {SPANS} spans of 10 attributes, {len(payload):,} bytes, CPU time a span")
    base = spent(lambda: scan(Signal.TRACES, payload))
    print(f"  scan: {base / SPANS * 1e9:.0f} ns")
    located = spent(lambda: locate(Signal.TRACES, payload, SPANS))
    print(f"  locate: {located / SPANS * 1e9:.0f} ns")
    for name, step in steps(payload).items():
        cost = spent(lambda step=step: step.step(batch, lambda _: None)) / SPANS
        print(f"  {name}: {cost * 1e9:.0f} ns, {1 / cost:,.0f} spans per CPU second")
