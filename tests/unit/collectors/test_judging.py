"""Agents are judged by what they did and whether they are there, wherever that is looked at."""

from __future__ import annotations

import pytest

from collectors.judging import (
    LEASE_GRACE_SECONDS,
    AgentState,
    CheckResult,
    ConflictType,
    Deed,
    Ledger,
    Standing,
    ordered,
)


def deed(agent: str, value: str, number: int, **more: int) -> Deed:
    return Deed(agent, "scale", "deployment/search", value, f"{agent}/{number}", **more)


def test_two_agents_that_do_the_same_within_a_minute_are_a_duplicate() -> None:
    ledger = Ledger()

    ledger.record(deed("a", "4", 1), 0.0)

    assert ledger.record(deed("b", "4", 1), 59.0).conflict is ConflictType.DUPLICATE


def test_the_same_action_told_twice_is_no_conflict() -> None:
    ledger = Ledger()
    ledger.record(deed("a", "4", 1), 0.0)

    assert ledger.record(deed("a", "4", 1), 1.0).conflict is None


def test_two_agents_a_minute_apart_are_no_conflict() -> None:
    ledger = Ledger()
    ledger.record(deed("a", "4", 1), 0.0)

    assert ledger.record(deed("b", "4", 1), 60.0).conflict is None


def test_one_epoch_with_two_leaders_is_a_double_leader() -> None:
    ledger = Ledger()
    ledger.record(deed("a", "4", 1, epoch=7), 0.0)

    assert ledger.record(deed("b", "4", 1, epoch=7), 1.0).conflict is ConflictType.DOUBLE_LEADER


def test_two_changes_of_one_version_lose_an_update_and_a_change_of_the_next_does_not() -> None:
    ledger = Ledger()
    ledger.record(deed("a", "4", 1, base=7), 0.0)

    assert ledger.record(deed("b", "6", 1, base=8), 1.0).conflict is None
    assert ledger.record(deed("c", "8", 1, base=7), 900.0).conflict is ConflictType.LOST_UPDATE


def test_a_named_lease_has_one_holder_and_an_older_epoch_ends_after_the_grace() -> None:
    ledger = Ledger()
    ledger.record(deed("a", "1", 1, lease=5, epoch=1), 0.0)
    ledger.record(deed("b", "1", 1, lease=5, epoch=2), 100.0)

    found = [
        ledger.record(deed("a", "2", number, lease=5, epoch=1), at).conflict
        for number, at in ((2, 100.0 + LEASE_GRACE_SECONDS), (3, 200.0))
    ]

    assert found[0] is not ConflictType.LEASE
    assert found[1] is ConflictType.LEASE
    assert ledger.record(deed("c", "9", 9, lease=5, epoch=2), 500.0).conflict is ConflictType.LEASE
    assert ledger.record(deed("c", "9", 8, lease=6, epoch=2), 900.0).conflict is None


def test_epochs_are_bounded() -> None:
    ledger = Ledger()
    for number in range(5_000):
        ledger.record(deed("a", "", number, lease=number, epoch=1), float(number) * 100)

    assert ledger.record(deed("b", "", 1, lease=1, epoch=1), 1e6).conflict is None
    assert ledger.record(deed("b", "", 2, lease=4_999, epoch=1), 1e6).conflict is ConflictType.LEASE


def test_back_to_the_value_before_is_a_reversal_and_further_the_same_way_is_not() -> None:
    ledger = Ledger()
    values = ("4", "6", "4", "6", "8")

    reversals = [
        ledger.record(deed("ab"[number % 2], value, number), 30.0 * number).reversal
        for number, value in enumerate(values)
    ]

    assert reversals == [False, False, True, True, False]


def test_a_reversal_after_a_quarter_of_an_hour_is_none() -> None:
    ledger = Ledger()
    for number, value in enumerate(("4", "6")):
        ledger.record(deed("a", value, number), 0.0)

    assert not ledger.record(deed("a", "4", 9), 15 * 60.0).reversal


def test_saying_a_value_again_between_is_no_change() -> None:
    ledger = Ledger()
    values = ("4", "4", "6", "6", "4", "4")

    found = [
        ledger.record(deed("a", value, number), float(number)).reversal
        for number, value in enumerate(values)
    ]

    assert found == [False, False, False, False, True, False]


@pytest.mark.parametrize(
    ("older", "newer"),
    [("1.9", "1.10"), ("v1", "v2"), ("2.0-rc.1", "2.0"), ("1.2", "1.2.1"), ("rev 9", "rev 10")],
)
def test_versions_are_compared_by_their_numbers(older: str, newer: str) -> None:
    assert () < ordered(older) < ordered(newer)


@pytest.mark.parametrize("text", ["", "main", "e4b70b2", "deadbeef12", "1" * 65, "latest"])
def test_what_has_no_order_has_none(text: str) -> None:
    assert not ordered(text)


def test_versions_that_mean_the_same_are_the_same() -> None:
    assert ordered("v1.0") == ordered("1") == ordered("1.0.0+build5")


class _Beat:
    healthy = True
    draining = False


def test_it_takes_as_many_beats_to_come_back_as_wanted() -> None:
    standing = Standing()
    for _ in range(3):
        standing.tick(None)
    states = []
    for _ in range(2):
        assert standing.tick(_Beat(), returns=2) == (CheckResult.PASS,)
        states.append(standing.state)

    assert states == [AgentState.MISSING, AgentState.HEALTHY]
