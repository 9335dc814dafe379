"""The connector beside its detectors: state, names, bounds, configuration."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)

from collectors.component import Batch, Signal
from collectors.config.load import Text, load
from collectors.config.registry import Registry
from collectors.config.tree import Surroundings
from collectors.connectors.agentdetectors.config import MADE
from collectors.cumulative import Cumulative
from collectors.graph import pack, unpack
from slo.catalog import Instrument, metrics
from tests.agent_watch import (
    CONFLICTS,
    COUNT,
    LEADERS,
    REVERSALS,
    TICK,
    A,
    B,
    Fleet,
    act,
    process,
    settle,
    tool,
    use,
    watcher,
)

MEBIBYTE = 1024 * 1024


def busy(fleet: Fleet) -> None:
    """A bit of everything."""
    for step in range(12):
        fleet.beat(A, *(() if step in (3, 4, 5) else (B,)))
        fleet.record(A, act("db", "46"[step % 2]))
        fleet.span(B, act("db", "4"), tool("search", "{}"), trace=f"t{step // 4}")
        use(fleet, A, str(step // 3))
        use(fleet, B, "0" if step < 11 else "3")
        fleet.record(A, {"mas.audit": True, "mas.audit.sequence": 1 + step // 2 * 2}, inside=1)
        fleet.record(B, act("plan", mas__action__base_version=str(step // 3)))
        fleet.span(A, act("plan", mas__lease__name="l", mas__lease__epoch=1 + step % 2))
        fleet.record(A, {"mas.compliance.rule": "egress"}, inside=fleet.spans)
        fleet.pass_time(TICK / 2)


def test_a_restart_anywhere_changes_nothing() -> None:
    straight = Fleet()
    busy(straight)
    settle(straight)

    class Restless(Fleet):
        def send(self, signal: Signal, payload: bytes, items: int) -> None:
            self.restart()
            super().send(signal, payload, items)
            self.restart()

    restless = Restless()
    busy(restless)
    restless.restart()
    settle(restless)

    assert restless.history == straight.history


def test_a_snapshot_of_another_version_keeps_counters_and_begins_with_agents_anew() -> None:
    fleet = Fleet()
    busy(fleet)
    settle(fleet)
    before = fleet.value(CONFLICTS)
    parts = unpack(fleet.of.snapshot())
    words = json.loads(parts["words"])
    words["shape"] = ["another"]
    fleet.of = watcher()
    fleet.of.restore(pack({**parts, "words": json.dumps(words).encode()}))
    fleet.pass_time(TICK)

    assert before > 0
    assert fleet.value(CONFLICTS) == before
    assert fleet.value(COUNT) == 0


def test_names_units_and_attributes_are_the_catalogues() -> None:
    fleet = Fleet()
    busy(fleet)
    out: list[Batch] = []
    fleet.of.tick(fleet.steady_ns + 60_000_000_000, out.append)

    (of_resource,) = ExportMetricsServiceRequest.FromString(out[0].payload).resource_metrics
    found = of_resource.scope_metrics[0].metrics
    assert {metric.name for metric in found} == set(MADE) - {LEADERS}
    for metric in found:
        entry = metrics().metric(metric.name)
        assert (metric.unit, metric.description) == (entry.unit, entry.meaning)
        assert metric.sum.is_monotonic == (entry.instrument is Instrument.COUNTER)
        known = {attribute.key: attribute for attribute in entry.attributes}
        for spread in metric.histogram.data_points:
            assert tuple(spread.explicit_bounds) == entry.buckets
            assert len(spread.bucket_counts) == len(entry.buckets) + 1
        for point in [*metric.sum.data_points, *metric.histogram.data_points]:
            for pair in point.attributes:
                values = known[pair.key].values
                assert not values or pair.value.string_value in values


def test_counters_begin_again_and_agents_stay_known() -> None:
    fleet = Fleet()
    busy(fleet)
    settle(fleet)
    assert isinstance(fleet.of, Cumulative)
    fleet.of.begin_again()
    fleet.live(15, A)

    assert fleet.value(CONFLICTS) == 0
    assert fleet.value(COUNT) == 2


def test_hostile_values_are_bounded_and_raise_nothing() -> None:
    fleet = Fleet({"actions": {"max_actions": 50}, "loops": {"max_steps": 50}})
    for number in range(200):
        name = process("n" * 300 if number % 2 else f"service{number}", str(number % 7))
        fleet.record(
            name,
            act("t" * 5000 + str(number), "v", kind=f"kind{number}", mas__lease__epoch="9" * 40),
            {
                "mas.agent.state": "nonsense",
                "mas.policy.name": "p" * 999,
                "mas.policy.version": "1",
            },
        )
        fleet.span(name, tool("x", "[" * 5000, gen_ai__agent__name=f"agent{number}"))
    settle(fleet)
    kinds = {
        dict(labels)["mas.action.type"]
        for name, labels in fleet.history[-1]
        if name == REVERSALS and labels
    }

    assert len(kinds) <= 21
    assert fleet.meter.level("fleetslo_agent_facts_left_out_total", reason="actions") > 0
    assert fleet.meter.level("fleetslo_agent_facts_left_out_total", reason="runs") > 0


PIPELINE = """\
receivers: {{otlp: {{protocols: {{grpc: {{}}}}}}}}
connectors: {{agentdetectors: {block}}}
exporters: {{debug: {{}}}}
service:
  pipelines:
    logs: {{receivers: [otlp], exporters: [agentdetectors]}}
    metrics: {{receivers: [agentdetectors], exporters: [debug]}}
"""


@pytest.mark.parametrize(
    ("block", "said"),
    [
        ("{exclude_metrics: [mas.agent.loop]}", "did you mean mas.agent.loops?"),
        ("{heartbeat: {misses: 0}}", "must be at least 1, got 0"),
        ("{heartbeat: {expiry: 10s}}", "must not be shorter than heartbeat.misses intervals"),
        ("{loops: {repetitions: 1}}", "must be at least 2, got 1"),
        ("{actions: {tools: [{tool: x, type: y}]}}", "target"),
        ("{heartbeats: {}}", "heartbeat"),
    ],
)
def test_a_mistake_is_told_at_its_place(block: str, said: str) -> None:
    text = PIPELINE.format(block=block)
    around = Surroundings({}, lambda path: Path(path).name)

    _, problems = load([Text("c.yaml", text)], around, Registry.installed())

    assert any(said in f"{of.text} {of.help}" for of in problems), problems
    assert {of.place.line for of in problems if of.place} == {2}


def test_long_resources_are_neither_remembered_nor_kept_at_their_length() -> None:
    fleet = Fleet()
    fleet.beat(A)
    tracemalloc.start()
    try:
        for number in range(30):
            long = f"{number}" * MEBIBYTE
            fleet.beat(process(f"s{number}", "1", mas__agent__role=long, mas__service__tier=long))
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert kept < 4 * MEBIBYTE
    assert len(fleet.of.snapshot()) < MEBIBYTE
