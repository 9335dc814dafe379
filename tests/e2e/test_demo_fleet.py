"""The simulated fleet as it is: real processes, against an OTLP receiver of the tests' own."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import psutil
import pytest

from alerts.gameday import faults
from alerts.gameday.fleet.charge import Charge
from alerts.gameday.fleet.crew import Crew
from alerts.gameday.fleet.topology import PLATFORM, Topology
from alerts.gameday.fleet.traffic import Traffic
from slo.catalog import Source, metrics
from tests.otlp_sink import Sink, otlp_sink

TOPOLOGY = Topology(workers_per_team=2, worker_processes=2)
TRAFFIC = Traffic(latency_scale=0.05, rare_scale=3000.0)
RARE = {"mas.policy.propagation.duration", "mas.dsr.duration"}


def charge(sink: Sink) -> Charge:
    return Charge(
        name="",
        grpc=sink.grpc,
        http=sink.http,
        traffic=TRAFFIC,
        topology=TOPOLOGY,
        push_seconds=1.0,
    )


def eventually(holds: Callable[[], bool], seconds: float, what: str) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.1)


def resource(attributes: object, key: str) -> str:
    return next(each.value.string_value for each in attributes if each.key == key)  # type: ignore[attr-defined]


def metric_names(sink: Sink) -> set[str]:
    with sink.lock:
        return {
            metric.name
            for request in sink.metrics
            for found in request.resource_metrics
            for scope in found.scope_metrics
            for metric in scope.metrics
        }


def total(sink: Sink, name: str, **wanted: str) -> float:
    """The sum of the newest value of every series of a counter."""
    newest: dict[tuple[str, ...], float] = {}
    with sink.lock:
        for request in sink.metrics:
            for found in request.resource_metrics:
                who = resource(found.resource.attributes, "service.instance.id")
                for scope in found.scope_metrics:
                    for metric in scope.metrics:
                        if metric.name != name:
                            continue
                        for point in metric.sum.data_points:
                            labels = {
                                each.key: each.value.string_value for each in point.attributes
                            }
                            if wanted.items() <= labels.items():
                                key = (who, *sorted(f"{k}={v}" for k, v in labels.items()))
                                newest[key] = point.as_double or float(point.as_int)
    return sum(newest.values())


DECLARED = {
    metric.name
    for metric in metrics().metrics
    if metric.source not in {Source.COLLECTOR, Source.THROTTLE}
}


@pytest.fixture(scope="module")
def seen() -> Iterator[Sink]:
    """A fleet that has lived, had a breach, and was stopped."""
    with otlp_sink() as sink:
        with Crew(charge(sink)) as crew:
            eventually(lambda: not (DECLARED - RARE - metric_names(sink)), 40, "every metric seen")
            faults.inject(faults.compliance(), crew)
            eventually(
                lambda: total(sink, "mas.compliance.violations") == 1.0, 20, "the breach counted"
            )
            pids = crew.pids()
        assert not [pid for pid in pids.values() if psutil.pid_exists(pid)]
        yield sink


def test_every_metric_of_the_catalogue_is_really_sent(seen: Sink) -> None:
    assert DECLARED - RARE <= metric_names(seen) <= DECLARED


def test_every_agent_is_a_resource_of_its_own(seen: Sink) -> None:
    instances = {
        resource(found.resource.attributes, "service.instance.id")
        for request in seen.metrics
        for found in request.resource_metrics
    }

    assert instances == {spec.instance_id for spec in TOPOLOGY.agents()} | {f"{PLATFORM}-1"}


def test_no_series_is_sent_twice_in_one_export(seen: Sink) -> None:
    for request in seen.metrics:
        for found in request.resource_metrics:
            series = [
                (
                    metric.name,
                    *sorted((each.key, each.value.string_value) for each in point.attributes),
                )
                for scope in found.scope_metrics
                for metric in scope.metrics
                for point in getattr(metric, metric.WhichOneof("data")).data_points
            ]
            assert len(series) == len(set(series))


def test_one_task_is_one_trace_through_four_processes(seen: Sink) -> None:
    names: defaultdict[bytes, set[str]] = defaultdict(set)
    for request in seen.traces:
        for found in request.resource_spans:
            who = resource(found.resource.attributes, "service.name")
            for scope in found.scope_spans:
                for span in scope.spans:
                    names[span.trace_id].add(who.partition("-")[0])

    assert {"orchestrator", "supervisor", "worker", "policy"} in names.values()


def test_no_span_of_a_finished_task_has_lost_its_parent(seen: Sink) -> None:
    traces: defaultdict[bytes, dict[bytes, bytes]] = defaultdict(dict)
    for request in seen.traces:
        for found in request.resource_spans:
            for scope in found.scope_spans:
                for span in scope.spans:
                    traces[span.trace_id][span.span_id] = span.parent_span_id
    finished = [spans for spans in traces.values() if b"" in spans.values()]

    orphans = [
        span
        for spans in finished
        for span, parent in spans.items()
        if parent and parent not in spans
    ]

    assert len(finished) > 10
    assert orphans == []


def test_log_records_carry_the_trace_they_belong_to(seen: Sink) -> None:
    records = [
        record
        for request in seen.logs
        for found in request.resource_logs
        for scope in found.scope_logs
        for record in scope.log_records
    ]

    assert any(record.trace_id for record in records)


def test_a_breach_is_counted_once_on_a_rule_that_no_series_spoke_of_before(seen: Sink) -> None:
    assert total(seen, "mas.compliance.violations") == 1.0
    assert (
        total(
            seen,
            "mas.compliance.violations",
            **{"mas.compliance.rule": faults.NEVER_SEEN_RULE, "mas.compliance.action": "paused"},
        )
        == 1.0
    )


def test_every_action_of_a_finished_task_is_counted(seen: Sink) -> None:
    processed = sum(
        span.name.startswith("process tasks.")
        for request in seen.traces
        for found in request.resource_spans
        for scope in found.scope_spans
        for span in scope.spans
    )
    actions = sum(
        total(seen, "mas.agent.actions", **{"mas.action.type": kind})
        for kind in ("query", "change", "notify")
    )

    unfinished = 3 * len(TOPOLOGY.agents())
    assert 3 * processed <= actions + unfinished
    assert actions <= 3 * processed + unfinished


def test_every_action_leaves_an_audit_record(seen: Sink) -> None:
    actions, records = total(seen, "mas.agent.actions"), total(seen, "mas.audit.records")

    assert actions > 20
    # What was cut off by the end was counted as cancelled, and wrote nothing down.
    assert (
        0
        <= actions - records
        <= total(seen, "mas.agent.actions", **{"mas.action.outcome": "cancelled"})
    )


def test_a_fleet_that_loses_the_collector_says_so_within_seconds() -> None:
    heard: list[tuple[str, str]] = []
    lost = threading.Event()

    def hear(name: str, text: str) -> None:
        heard.append((name, text))
        lost.set()

    with ExitStack() as sinks:
        sink = sinks.enter_context(otlp_sink())
        with Crew(charge(sink), hear) as crew:
            sinks.close()

            assert lost.wait(15.0)
            assert heard[0][0] in crew.names()
            assert "export" in heard[0][1].lower()


def test_a_fleet_whose_owner_is_killed_does_not_outlive_it() -> None:
    with otlp_sink() as sink:
        code = (
            "import json, sys, time\n"
            "from alerts.gameday.fleet.charge import Charge\n"
            "from alerts.gameday.fleet.crew import Crew\n"
            "crew = Crew(Charge.read(json.loads(sys.argv[1])))\n"
            "crew.start()\n"
            "print(json.dumps(crew.pids()), flush=True)\n"
            "time.sleep(60)\n"
        )
        with subprocess.Popen(
            [sys.executable, "-c", code, json.dumps(charge(sink).frame())],
            stdout=subprocess.PIPE,
        ) as owner:
            assert owner.stdout is not None
            pids = json.loads(owner.stdout.readline())
            assert all(psutil.pid_exists(pid) for pid in pids.values())

            owner.send_signal(signal.SIGKILL)

        eventually(
            lambda: not [pid for pid in pids.values() if psutil.pid_exists(pid)],
            20,
            "all processes gone",
        )
