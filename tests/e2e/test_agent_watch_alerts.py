"""Agents that send spans and log records and no metric at all: the shipped alerts fire for them.

An hour of a small fleet goes through `agentdetectors` and `agentmetrics`; what comes out is
replayed on a real Prometheus with the generated rules, and told to a real Alertmanager.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import HistogramDataPoint, Metric

from alerts.gameday.tree import Tree, write_as_it_is
from alerts.gameday.virtual import rulebook
from alerts.gameday.virtual.tape import Tape
from alerts.gameday.virtual.told import Told, desk
from alerts.gameday.webhook import Webhooks
from collectors.component import Batch, Context, Processor, Signal
from slo import servers
from slo.catalog import metrics, prometheus_label
from slo.replay import Firing, Story, replay
from tests.agent_spans import connector
from tests.agent_watch import SECOND, WALL_NS, Fleet, act, pairs, process, tool, trace_id, use

pytestmark = pytest.mark.servers

BEGIN = WALL_NS // SECOND // 60 * 60
SCRAPE = 15
HEALTHY, LASTS, ORCHESTRATORS_GONE = 900, 1500, 300
CASE = "watched"

TOLERANCE = 30
EXPECTED = {
    # alert: team, and seconds after its fault: until it is found (a tick is 15 s), the rule's
    # `for`, and 15 s for scrape and evaluation
    "AgentSilent": ("operations", 3 * 15 + 60 + 15),
    "AgentClassSilent": ("operations", 3 * 15 + 120 + 15),
    # fewer than half of the checks of two minutes pass after five ticks
    "OrchestratorUnhealthy": ("operations", 5 * 15 + 60 + 15),
    "SplitBrain": ("core-engineering", 15 + 30 + 15),
    # one a minute: `increase` takes five for more than five
    "ActionConflicts": ("core-engineering", 4 * 60 + 15 + 60 + 15),
    # there and back every minute: the third return comes after two
    "Oscillation": ("core-engineering", 120 + 15 + 30 + 15),
    "StalePolicy": ("core-engineering", 30 + 15 + 600 + 15),
    "AgentLooping": ("ai-ml", 2 * 15 + 15 + 60 + 15),
    # back after five minutes, and after fifteen
    "RollbackBurst": ("platform", 900 + 15 + 60 + 15),
    # a record may be a minute late
    "AuditGap": ("legal-compliance", 60 + 15 + 60 + 15),
    # a rule that nobody knew is shown at zero one tick before
    "ComplianceViolationDetected": ("legal-compliance", 2 * 15 + 15),
    "ViolatingAgentNotPaused": ("operations", 2 * 15 + 15),
    # who took a message waits for who sent it, and one flush more
    "HighMessageQueueLatency": ("operations", 3 * 15 + 180 + 15),
}


@pytest.fixture(autouse=True)
def _servers() -> None:
    for name in ("prometheus", "promtool", "alertmanager"):
        if servers.find(name) is None:
            pytest.skip(f"{name} is not to be had, run `make servers`")


@dataclass
class Watched(Fleet):
    """A fleet before both connectors; what they show is scraped."""

    tape: Tape = field(default_factory=Tape)
    counter: Processor = field(default_factory=lambda: connector({"wait": "15s"}))
    shown: dict[str, ExportMetricsServiceRequest] = field(
        default_factory=dict[str, ExportMetricsServiceRequest]
    )

    def send(self, signal: Signal, payload: bytes, items: int) -> None:
        super().send(signal, payload, items)
        if signal is Signal.TRACES:
            wall_ns = WALL_NS + self.steady_ns
            of = Batch(signal, payload, items, Context(), self.steady_ns, wall_ns)
            self.counter.step(of, lambda _: None)

    def _tick(self) -> None:
        for name, of in (("detectors", self.of), ("metrics", self.counter)):
            while (due := of.next_deadline()) is not None and due <= self.steady_ns:
                of.tick(due, lambda batch, name=name: self._show(name, batch))

    def _show(self, name: str, batch: Batch) -> None:
        self.shown[name] = ExportMetricsServiceRequest.FromString(batch.payload)

    def message(self, at: float, waited: float, number: int) -> None:
        """Somebody takes a message that was sent `waited` seconds before."""
        request = ExportTraceServiceRequest()
        for who, kind, began, span, above in (
            ("planner", "send", at - waited, number, 0),
            ("worker", "process", at, number + 1, number),
        ):
            said = {"messaging.system": "kafka", "messaging.destination.name": "tasks"}
            spans = request.resource_spans.add(resource=process(who, "m")).scope_spans.add().spans
            spans.add(
                trace_id=trace_id("m"),
                span_id=span.to_bytes(8, "big"),
                parent_span_id=above.to_bytes(8, "big") if above else b"",
                start_time_unix_nano=WALL_NS + round(began * SECOND),
                end_time_unix_nano=WALL_NS + round(began * SECOND) + 1000,
                attributes=pairs({**said, "messaging.operation.type": kind}),
            )
        self.send(Signal.TRACES, request.SerializeToString(), 2)

    def scrape(self) -> None:
        for request in self.shown.values():
            for resource in request.resource_metrics:
                for metric in resource.scope_metrics[0].metrics:
                    self.tape.scrape(
                        np.array([BEGIN + self.seconds]), points(metric), {"job": "agents"}
                    )


def points(metric: Metric) -> Iterable[tuple[tuple[str, tuple[tuple[str, str], ...]], float]]:
    """The series of a metric, as Prometheus would have them."""
    name = metrics().metric(metric.name).prometheus
    for point in metric.sum.data_points:
        yield (name, labels(point.attributes)), float(point.as_int)
    for spread in metric.histogram.data_points:
        yield from buckets(name, spread)


def buckets(
    name: str, of: HistogramDataPoint
) -> Iterable[tuple[tuple[str, tuple[tuple[str, str], ...]], float]]:
    so_far = 0
    for bound, count in zip([*of.explicit_bounds, "+Inf"], of.bucket_counts, strict=True):
        so_far += count
        with_bound = tuple(sorted((*labels(of.attributes), ("le", str(bound)))))
        yield (f"{name}_bucket", with_bound), float(so_far)
    yield (f"{name}_count", labels(of.attributes)), float(of.count)
    yield (f"{name}_sum", labels(of.attributes)), of.sum


def labels(attributes: Iterable[object]) -> tuple[tuple[str, str], ...]:
    return tuple(
        sorted((prometheus_label(of.key), of.value.string_value) for of in attributes)  # type: ignore[attr-defined]
    )


LEADERS = [process("orchestrator", name, mas__agent__role="orchestrator") for name in "12"]
WORKERS = [process("worker", name, service__version="1.1") for name in "abcde"]
SCALER, OTHER_SCALER = (process("scaler", name) for name in "xy")
BUYER = process("buyer", "1")


def heartbeats(fleet: Watched, since: int) -> None:
    """Everybody beats; from the fault on one worker does not, and later no orchestrator."""
    version = "1.0" if since >= 0 and since % 600 >= 300 else "1.1"
    deployed = process("deployed", "1", service__version=version)
    for who in (*WORKERS[since >= 0 :], SCALER, OTHER_SCALER, BUYER, deployed):
        fleet.record(who, {"mas.agent.heartbeat": True})
    for place, who in enumerate(LEADERS if since < ORCHESTRATORS_GONE else ()):
        leads = {"mas.election.group": "orchestrators", "mas.leader": place == 0 or since >= 0}
        fleet.record(who, {"mas.agent.heartbeat": True, **leads})


def actions(fleet: Watched, number: int, *, ill: bool) -> None:
    """A plan with versions, a number of replicas, and orders with their audit records."""
    if number % 4 == 0:
        read = {"mas.action.base_version": str(number)}
        for who in WORKERS[1 : 3 if ill else 2]:
            fleet.record(who, act("plan", who.SerializeToString().hex(), "set") | read)
    if number % 2 == 0:
        value = "46"[number // 2 % 2] if ill else "4"
        fleet.record(SCALER, act("replicas", value))
        span = fleet.span(BUYER, act(f"order{number}", kind="buy"))
        if not ill:
            fleet.record(BUYER, {"mas.audit": True}, inside=span)


def works(fleet: Watched, number: int, *, ill: bool) -> None:
    """Policies, runs, messages; once a broken rule."""
    for place, who in enumerate(WORKERS[1:]):
        use(fleet, who, "2" if ill and place else "1")
    for step in range(4):
        arguments = "{}" if ill else f'{{"page": {step}}}'
        fleet.span(WORKERS[3], tool("search", arguments), trace=f"run{number}")
    if number * SCRAPE == HEALTHY and ill:
        fleet.span(BUYER, {"mas.compliance.rule": "spend-limit"})
    fleet.message(fleet.seconds, 20.0 if ill else 0.2, 10**6 + 2 * number)


def lives(*, broken: bool) -> Tape:
    """Forty minutes of the fleet; after `HEALTHY` seconds all goes wrong at once, if it does."""
    fleet = Watched()
    for number in range((HEALTHY + LASTS) // SCRAPE):
        since = number * SCRAPE - HEALTHY if broken else -1
        heartbeats(fleet, since)
        actions(fleet, number, ill=since >= 0)
        works(fleet, number, ill=since >= 0)
        fleet.pass_time(SCRAPE)
        fleet.scrape()
    return fleet.tape


def told(folder: Path, *, broken: bool) -> tuple[tuple[Firing, ...], Told]:
    """What fired, and who was told."""
    tree = Tree(folder)
    with Webhooks() as hooks:
        write_as_it_is(tree, hooks.address)
        groups = rulebook.read(tree.out / "prometheus" / "rules")
        with replay(Story(BEGIN, BEGIN + HEALTHY + LASTS)) as playing:
            playing.load(lives(broken=broken).series())
            playing.record(groups, wanted=())
            firings = playing.firings(groups)
        with desk(tree, hooks) as front:
            return firings, front.tell({CASE: firings})[CASE]


def test_plain_spans_and_records_fire_the_shipped_alerts_for_their_teams(tmp_path: Path) -> None:
    firings, said = told(tmp_path, broken=True)

    for alert, (team, due) in EXPECTED.items():
        mine = [each for each in firings if each.labels["alertname"] == alert]
        assert mine, f"{alert} did not fire: {sorted({of.labels['alertname'] for of in firings})}"
        fault = ORCHESTRATORS_GONE if alert == "OrchestratorUnhealthy" else 0
        took = min(each.start for each in mine) - BEGIN - HEALTHY - fault
        assert abs(took - due) <= TOLERANCE, (alert, took)
        assert {each.labels["team"] for each in mine} == {team}
        receivers = {
            name
            for held in said.held
            if held.labels["alertname"] == alert
            for name in held.receivers
        }
        assert any(name.startswith(f"fleetslo-{team}-") for name in receivers), receivers


def test_a_healthy_fleet_of_plain_spans_wakes_nobody(tmp_path: Path) -> None:
    firings, said = told(tmp_path, broken=False)

    fired = {each.labels["alertname"] for each in firings}
    assert not fired & EXPECTED.keys()
    assert not [page for page in said.pages if page.labels["alertname"] in EXPECTED]
