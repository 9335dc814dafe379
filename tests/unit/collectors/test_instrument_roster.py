"""The roster judges each tick of each agent once, and takes no blip for an outage."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.instrument import MISSES, AgentState, Heartbeat, Role, Roster
from tests.instrumented import Recorded, instrumented


class Watched:
    """One agent on a roster."""

    def __init__(self) -> None:
        self.found: Recorded = instrumented()
        self.roster = Roster(self.found.agent.instruments)
        self.roster.expect("w1", "worker-ops", Role.WORKER)

    def tick(self, *, beat: bool, healthy: bool = True, draining: bool = False) -> None:
        if beat:
            self.roster.hear("w1", self.beat(healthy=healthy, draining=draining))
        self.roster.tick()

    def beat(
        self, instance: str = "i1", *, healthy: bool = True, draining: bool = False
    ) -> Heartbeat:
        return Heartbeat(
            name="worker-ops",
            role=Role.WORKER,
            instance_id=instance,
            healthy=healthy,
            draining=draining,
        )

    def results(self) -> dict[str, float]:
        moved = self.found.moved("mas.agent.health_checks")
        return {key[-1]: value for key, value in moved.items()}

    def state(self) -> AgentState:
        return self.roster.states()["w1"]


def test_a_beating_agent_passes() -> None:
    watched = Watched()
    watched.tick(beat=True)

    assert watched.results() == {"pass": 1}
    assert watched.state() is AgentState.HEALTHY


def test_an_agent_that_calls_itself_sick_fails() -> None:
    watched = Watched()
    watched.tick(beat=True, healthy=False)

    assert watched.results() == {"fail": 1}
    assert watched.state() is AgentState.DEGRADED


def test_a_lone_lost_heartbeat_is_a_pass() -> None:
    watched = Watched()
    for beat in (True, False, True):
        watched.tick(beat=beat)

    assert watched.results() == {"pass": 3}


def test_three_lost_heartbeats_in_a_row_are_missed() -> None:
    watched = Watched()
    for beat in (True, False, False):
        watched.tick(beat=beat)
    before = watched.results(), watched.state()
    watched.tick(beat=False)

    assert before == ({"pass": 1}, AgentState.HEALTHY)
    assert watched.results() == {"pass": 1, "missed": 3}
    assert watched.state() is AgentState.MISSING


def test_an_agent_that_comes_back_takes_back_nothing() -> None:
    watched = Watched()
    for beat in (False, False, False, False, True):
        watched.tick(beat=beat)

    assert watched.results() == {"missed": 4, "pass": 1}
    assert watched.state() is AgentState.HEALTHY


def test_a_planned_drain_costs_nothing() -> None:
    watched = Watched()
    watched.tick(beat=True)
    watched.tick(beat=True, draining=True)
    for _ in range(10):
        watched.tick(beat=False)

    assert watched.results() == {"pass": 1, "drained": 11}
    assert watched.state() is AgentState.DRAINING


def test_an_agent_in_quarantine_costs_nothing() -> None:
    watched = Watched()
    watched.roster.quarantine("w1")
    watched.tick(beat=True)
    quarantined = watched.state()
    watched.roster.quarantine("w1", on=False)
    watched.tick(beat=True)

    assert quarantined is AgentState.QUARANTINED
    assert watched.results() == {"drained": 1, "pass": 1}


def test_a_new_process_in_the_same_place_is_a_restart() -> None:
    watched = Watched()
    for instance in ("i1", "i1", "i2"):
        watched.roster.hear("w1", watched.beat(instance))

    assert watched.found.moved("mas.agent.restarts") == {("worker-ops", "worker"): 1}


def test_the_states_of_a_class_add_up() -> None:
    watched = Watched()
    watched.roster.hear("w2", watched.beat("i2", healthy=False))
    watched.tick(beat=True)
    counts = {key[-1]: value for key, value in watched.found.values("mas.agent.count").items()}
    watched.roster.dismiss("w2")
    watched.tick(beat=True)
    after = watched.found.moved("mas.agent.count")

    assert counts == {
        "healthy": 1,
        "degraded": 1,
        "missing": 0,
        "draining": 0,
        "quarantined": 0,
    }
    assert after == {("worker-ops", "worker", "healthy"): 1}


@given(st.lists(st.sampled_from(["beat", "sick", "silent"]), max_size=40))
def test_every_tick_is_judged_once_at_most_a_grace_interval_late(ticks: list[str]) -> None:
    watched = Watched()
    for tick in ticks:
        watched.tick(beat=tick != "silent", healthy=tick != "sick")
    judged = sum(watched.results().values())

    silent = next((n for n, tick in enumerate(reversed(ticks)) if tick != "silent"), len(ticks))
    assert judged == len(ticks) - (silent if silent < MISSES else 0)


def test_a_heartbeat_survives_the_way_through_a_message() -> None:
    beat = instrumented().agent.heartbeat(healthy=False, draining=True)

    assert Heartbeat.from_json(beat.to_json()) == beat


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"name": "a", "role": "king"}', "null"])
def test_what_is_no_heartbeat_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a heartbeat"):
        Heartbeat.from_json(text)
