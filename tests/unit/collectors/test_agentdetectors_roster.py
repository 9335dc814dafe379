"""Who is there, as the collector finds out: heartbeats, restarts, goodbyes."""

from __future__ import annotations

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)

from collectors.component import Signal
from tests.agent_watch import (
    CHECKS,
    COUNT,
    MISSING,
    RESTARTS,
    ROLLBACKS,
    TICK,
    A,
    B,
    C,
    Fleet,
    process,
)


def test_a_silent_agent_is_missing_after_three_misses_and_not_before() -> None:
    fleet = Fleet()
    fleet.live(60, A, B)
    fleet.live(30, B)
    before = fleet.value(COUNT, **MISSING)
    fleet.live(15, B)

    assert before == 0
    assert fleet.value(COUNT, **MISSING) == 1
    assert fleet.value(COUNT, mas__agent__state="healthy") == 1
    assert fleet.value(CHECKS, mas__check__result="missed") == 3


def test_a_missing_agent_is_back_after_two_beats() -> None:
    fleet = Fleet()
    fleet.live(30, A)
    fleet.pass_time(60)
    fleet.live(15, A)
    once = fleet.value(COUNT, **MISSING)
    fleet.live(15, A)

    assert once == 1
    assert fleet.value(COUNT, **MISSING) == 0


def test_one_lost_heartbeat_of_everybody_is_nothing() -> None:
    fleet = Fleet()
    fleet.live(60, A, B, C)
    fleet.pass_time(TICK)
    fleet.live(60, A, B, C)

    assert max(fleet.over_time(COUNT, **MISSING)) == 0
    assert fleet.value(CHECKS, mas__check__result="pass") == 3 * len(fleet.history)


def test_an_agent_that_says_goodbye_is_never_missing_and_leaves_the_roster() -> None:
    fleet = Fleet()
    fleet.live(60, A, B)
    fleet.beat(A, state="draining")
    fleet.span(A, {"last": "words"})
    fleet.pass_time(TICK)
    draining = fleet.value(COUNT, mas__agent__state="draining")
    fleet.live(120, B)

    assert draining == 1
    assert max(fleet.over_time(COUNT, **MISSING)) == 0
    assert fleet.value(COUNT) == 1
    assert fleet.value(CHECKS, mas__check__result="missed") == 0


@pytest.mark.parametrize("overlap", [0, 30])
def test_a_rolling_deploy_is_restarts_and_nobody_is_missing(overlap: int) -> None:
    old = [process("worker", f"old{n}", service__version="1.0") for n in range(4)]
    new = [process("worker", f"new{n}", service__version="1.1") for n in range(4)]
    fleet = Fleet()
    fleet.live(120, *old)
    for at in range(4):
        if overlap:
            fleet.live(overlap, *new[: at + 1], *old[at:])
        fleet.live(60, *new[: at + 1], *old[at + 1 :])
    fleet.live(120, *new)

    assert max(fleet.over_time(COUNT, **MISSING)) == 0
    assert fleet.value(RESTARTS) == 4
    assert fleet.value(COUNT) == 4
    assert fleet.value("mas.deployments") == 1
    assert fleet.value(ROLLBACKS) == 0


def test_a_crash_among_agents_that_started_together_is_no_deploy() -> None:
    fleet = Fleet()
    fleet.live(60, A, B, C)
    fleet.live(90, B, C)

    assert fleet.value(COUNT, **MISSING) == 1
    assert fleet.value(RESTARTS) == 0


def test_a_newcomer_takes_the_place_of_one_agent_and_not_of_two() -> None:
    fleet = Fleet()
    fleet.live(120, A, B, C)
    fleet.live(90, C, process("worker", "new"))

    assert fleet.value(RESTARTS) == 1
    assert fleet.value(COUNT, **MISSING) == 1


def test_an_agent_of_another_class_replaces_nobody() -> None:
    fleet = Fleet()
    fleet.live(120, A, B)
    fleet.live(90, B, process("planner", "new"))

    assert fleet.value(RESTARTS) == 0
    assert fleet.value(COUNT, **MISSING) == 1


def test_an_agent_that_only_works_may_be_idle() -> None:
    fleet = Fleet()
    fleet.span(A, {"gen_ai.operation.name": "chat"})
    for _ in range(21):
        fleet.pass_time(TICK)
    before = fleet.value(COUNT, **MISSING)
    fleet.pass_time(2 * TICK)

    assert before == 0
    assert fleet.value(COUNT, **MISSING) == 1


def test_any_telemetry_is_a_sign_of_life() -> None:
    fleet = Fleet({"heartbeat": {"idle": "0s"}})
    request = ExportMetricsServiceRequest()
    request.resource_metrics.add(resource=A)
    fleet.span(A, {"gen_ai.operation.name": "chat"})
    fleet.pass_time(TICK)
    for _ in range(3):
        fleet.send(Signal.METRICS, request.SerializeToString(), 0)
        fleet.pass_time(TICK)
        fleet.record(A, {"some": "record"})
        fleet.pass_time(TICK)

    assert fleet.value(CHECKS, mas__check__result="pass") == len(fleet.history)


def test_a_clock_that_is_wrong_changes_nothing() -> None:
    fleet = Fleet()
    for _ in range(10):
        fleet.beat(A, skew=90.0)
        fleet.beat(B, skew=-3600.0)
        fleet.pass_time(TICK)

    assert max(fleet.over_time(COUNT, **MISSING)) == 0


def test_an_agent_that_stays_away_is_taken_off_the_roster() -> None:
    fleet = Fleet({"heartbeat": {"expiry": "2m"}})
    fleet.live(30, A, B)
    fleet.live(180, B)

    assert max(fleet.over_time(COUNT, **MISSING)) == 1
    assert fleet.value(COUNT) == 1


def test_agents_of_one_process_beat_by_their_ids() -> None:
    fleet = Fleet()
    for number in range(8):
        for agent in ("x", "y") if number < 4 else ("x",):
            fleet.record(A, {"mas.agent.heartbeat": True, "gen_ai.agent.id": agent})
        fleet.pass_time(TICK)

    assert fleet.value(COUNT, **MISSING) == 1


def test_a_sick_agent_is_degraded_and_fails_its_check() -> None:
    fleet = Fleet()
    fleet.beat(A, state="degraded")
    fleet.pass_time(TICK)
    fleet.pass_time(1)

    assert fleet.value(COUNT, mas__agent__state="degraded") == 1
    fleet.live(15, A)
    assert fleet.value(CHECKS, mas__check__result="fail") == 1


def test_the_roster_is_bounded_and_says_so() -> None:
    fleet = Fleet({"heartbeat": {"max_agents": 3}})
    fleet.beat(*(process("worker", str(number)) for number in range(5)))
    fleet.pass_time(TICK)

    assert fleet.value(COUNT) == 3
    assert fleet.meter.level("fleetslo_agent_facts_left_out_total", reason="agents") >= 2


def test_who_never_spoke_as_an_agent_is_not_missed() -> None:
    fleet = Fleet({"heartbeat": {"idle": "0s"}})
    fleet.record(process("web", "1"), {"some": "record"})
    fleet.span(process("db", "1"), {"db.system": "postgresql"})
    fleet.record(process("deployer", "1"), {"mas.rollback.trigger": "manual"})
    fleet.beat(A)
    fleet.live(60, A)

    assert fleet.value(COUNT) == 1
