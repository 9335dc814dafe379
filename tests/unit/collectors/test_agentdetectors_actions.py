"""What agents do to each other: conflicts and reversals."""

from __future__ import annotations

import pytest

from tests.agent_watch import CONFLICTS, REVERSALS, A, B, Fleet, act, settle, tool


def test_two_agents_that_do_the_same_are_a_duplicate_and_one_that_repeats_is_not() -> None:
    fleet = Fleet()
    fleet.record(A, act("db", "4"))
    fleet.pass_time(5)
    fleet.record(B, act("db", "4"))
    fleet.pass_time(5)
    fleet.record(A, act("cache", "1"))
    fleet.pass_time(5)
    fleet.record(A, act("cache", "1"))
    settle(fleet)

    assert fleet.value(CONFLICTS) == 1
    assert fleet.value(CONFLICTS, mas__conflict__type="duplicate", mas__action__type="scale") == 1


def test_two_agents_that_set_a_target_to_two_values_contradict() -> None:
    fleet = Fleet()
    fleet.span(A, act("db", "4"))
    fleet.pass_time(5)
    fleet.span(B, act("db", "6"))
    settle(fleet)

    assert fleet.value(CONFLICTS, mas__conflict__type="contradictory") == 1


def test_one_epoch_with_two_leaders_is_found() -> None:
    fleet = Fleet()
    fleet.record(A, act("x", "1", mas__lease__epoch=7))
    fleet.pass_time(5)
    fleet.record(B, act("y", "1", mas__lease__epoch=7))
    settle(fleet)

    assert fleet.value(CONFLICTS) == 1
    assert fleet.value(CONFLICTS, mas__conflict__type="double_leader") == 1


@pytest.mark.parametrize("outcome", ["rejected", "cancelled", "deferred"])
def test_what_was_not_done_does_not_clash(outcome: str) -> None:
    fleet = Fleet()
    for who in (A, B):
        fleet.span(who, act("db", "4", mas__action__outcome=outcome))
        fleet.pass_time(5)
    settle(fleet)

    assert fleet.value(CONFLICTS) == 0


def test_the_same_action_in_a_span_and_in_its_record_is_one() -> None:
    fleet = Fleet()
    for value in ("1", "2", "1"):
        said = act("db", value, mas__action__key=f"k{fleet.seconds}")
        fleet.span(A, said)
        fleet.record(A, said)
        fleet.pass_time(30)
    settle(fleet)

    assert fleet.value(REVERSALS, mas__action__type="scale") == 1
    assert fleet.value(CONFLICTS) == 0


def test_back_and_forth_is_reversals_and_up_and_up_is_none() -> None:
    fleet = Fleet()
    for step in range(8):
        fleet.record(A, act("db", "46"[step % 2]), act("web", str(step)))
        fleet.pass_time(60)
    settle(fleet)

    assert fleet.value(REVERSALS) == 6


def test_back_after_a_quarter_of_an_hour_is_no_reversal() -> None:
    fleet = Fleet()
    for value in ("4", "6"):
        fleet.record(A, act("db", value))
        fleet.pass_time(5)
    fleet.pass_time(15 * 60)
    fleet.record(A, act("db", "4"))
    settle(fleet)

    assert fleet.value(REVERSALS) == 0


def test_calls_of_tools_are_actions_where_the_configuration_says_so() -> None:
    tools = [{"tool": "scale_*", "type": "scale", "target": "service", "value": "replicas"}]
    fleet = Fleet({"actions": {"tools": tools}})
    for replicas in (4, 6, 4):
        fleet.span(A, tool("scale_up", f'{{"service": "db", "replicas": {replicas}}}'))
        fleet.pass_time(20)
    fleet.span(B, tool("scale_up", '{"service": "db", "replicas": 4}'), tool("scale_up", "no json"))
    settle(fleet)

    assert fleet.value(REVERSALS, mas__action__type="scale") == 1
    assert fleet.value(CONFLICTS, mas__conflict__type="duplicate") == 1


def test_actions_are_seen_at_zero_before_they_clash() -> None:
    fleet = Fleet()
    fleet.record(A, act("db", "4"))
    fleet.record(B, act("db", "4"))
    settle(fleet)

    assert fleet.over_time(CONFLICTS)[:2] == [0, 1]
