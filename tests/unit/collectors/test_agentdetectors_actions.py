"""What agents do to each other: conflicts and reversals."""

from __future__ import annotations

import pytest

from tests.agent_watch import CONFLICTS, REVERSALS, A, B, C, Fleet, act, settle, tool


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


@pytest.mark.parametrize("gap", [0, 20])
@pytest.mark.parametrize("span_first", [True, False])
def test_an_action_and_the_record_written_inside_it_are_one(gap: float, span_first: bool) -> None:
    fleet = Fleet()
    for number, who, value in ((900, A, "1"), (901, B, "2")):
        for is_span in (span_first, not span_first):
            if is_span:
                fleet.ended(who, number, act("db"))
            else:
                fleet.record(who, act("db", value), inside=number)
            fleet.pass_time(gap)
    settle(fleet)

    assert fleet.value(CONFLICTS) == 1


def test_the_value_that_only_the_record_tells_is_known() -> None:
    fleet = Fleet()
    for number, value in ((900, "1"), (901, "2"), (902, "1")):
        fleet.record(A, act("db", value), inside=number)
        fleet.ended(A, number, act("db"))
        fleet.pass_time(30)
    settle(fleet)

    assert fleet.value(REVERSALS) == 1


def test_two_records_inside_one_span_are_two_actions() -> None:
    fleet = Fleet()
    fleet.record(A, act("db", "1"), act("db", "2"), act("db", "1"), inside=900)
    fleet.ended(A, 900, act("db"))
    settle(fleet)

    assert fleet.value(REVERSALS) == 1


def test_what_its_span_says_was_not_done_no_record_inside_it_did() -> None:
    fleet = Fleet()
    for number, who in enumerate((A, B), 900):
        fleet.record(who, act("db", "4"), inside=number)
        fleet.ended(who, number, act("db", mas__action__outcome="rejected"))
        fleet.pass_time(5)
    settle(fleet)

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


def write(
    target: str, base: str, value: str = "", kind: str = "set", **more: str | int
) -> dict[str, str | int]:
    return act(target, value, kind, mas__action__base_version=base, **more)


def test_two_agents_that_change_the_same_version_lose_an_update_however_late() -> None:
    fleet = Fleet()
    fleet.record(A, write("plan", "7", "blue"))
    fleet.pass_time(10 * 60)
    fleet.record(B, write("plan", "7", "green", kind="replace"))
    settle(fleet)

    assert fleet.value(CONFLICTS) == 1
    assert fleet.value(CONFLICTS, mas__conflict__type="lost_update", mas__action__type="replace")


def test_a_change_that_builds_on_the_one_before_clashes_with_nobody() -> None:
    fleet = Fleet()
    for version, who in enumerate((A, B, A, C)):
        fleet.record(who, write("plan", str(version), "same"))
        fleet.pass_time(5)
    settle(fleet)

    assert fleet.value(CONFLICTS) == 0


def test_one_agent_that_writes_twice_from_one_version_loses_nobodys_update() -> None:
    fleet = Fleet()
    for value in ("1", "2"):
        fleet.record(A, write("plan", "7", value))
        fleet.pass_time(5)
    settle(fleet)

    assert fleet.value(CONFLICTS) == 0


@pytest.mark.parametrize("outcome", ["failure", "rejected"])
def test_a_write_that_the_store_refused_has_lost_nothing(outcome: str) -> None:
    fleet = Fleet()
    fleet.record(A, write("plan", "7"))
    fleet.pass_time(5)
    fleet.record(B, write("plan", "7", mas__action__outcome=outcome))
    settle(fleet)

    assert fleet.value(CONFLICTS) == 0


def test_the_same_version_of_two_targets_is_two_things() -> None:
    fleet = Fleet()
    fleet.record(A, write("plan", "7"))
    fleet.record(B, write("budget", "7"))
    settle(fleet)

    assert fleet.value(CONFLICTS) == 0


def test_a_lost_update_in_a_span_and_in_its_record_is_one() -> None:
    fleet = Fleet()
    for who in (A, B):
        said = write("plan", "7", mas__action__key=f"k{fleet.seconds}")
        fleet.span(who, said)
        fleet.record(who, said)
        fleet.pass_time(30)
    settle(fleet)

    assert fleet.value(CONFLICTS, mas__conflict__type="lost_update") == 1
    assert fleet.value(CONFLICTS) == 1


def hold(target: str, lease: str, epoch: int) -> dict[str, str | int]:
    return act(target, mas__lease__name=lease, mas__lease__epoch=epoch)


def test_two_holders_of_one_lease_are_found_and_other_leases_count_for_themselves() -> None:
    fleet = Fleet()
    fleet.record(A, hold("x", "deploys", 3))
    fleet.record(C, hold("z", "backups", 3))
    fleet.pass_time(5)
    fleet.record(B, hold("y", "deploys", 3))
    settle(fleet)

    assert fleet.value(CONFLICTS) == 1
    assert fleet.value(CONFLICTS, mas__conflict__type="lease") == 1


def test_who_acts_on_under_a_lease_that_another_took_over_is_found_after_a_grace() -> None:
    fleet = Fleet()
    fleet.record(A, hold("x1", "deploys", 3))
    fleet.pass_time(5)
    fleet.record(B, hold("x2", "deploys", 4))
    fleet.pass_time(8)
    fleet.record(A, hold("x3", "deploys", 3))
    settle(fleet)
    within = fleet.value(CONFLICTS)
    fleet.record(A, hold("x4", "deploys", 3))
    fleet.record(B, hold("x5", "deploys", 4))
    settle(fleet)

    assert within == 0
    assert fleet.value(CONFLICTS, mas__conflict__type="lease") == 1
    assert fleet.value(CONFLICTS) == 1


def test_a_lease_that_comes_back_to_its_holder_is_no_conflict() -> None:
    fleet = Fleet()
    for epoch, who in enumerate((A, B, A), 1):
        fleet.record(who, hold(f"x{epoch}", "deploys", epoch))
        fleet.pass_time(30)
    fleet.record(A, hold("x9", "deploys", 1))
    settle(fleet)

    assert fleet.value(CONFLICTS) == 0
