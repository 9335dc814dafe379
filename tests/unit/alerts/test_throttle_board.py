"""The board of limits: tight at once, loose slowly, and never for ever."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.throttle.board import FREE, Board, Change, FullError, Limits
from alerts.throttle.notice import EVERYBODY, MAX_ALERTS, BadNoticeError, Notice, read

PAGE = Notice("coder", "agent-fleet-action-success/coder", "page", "page", firing=True)
OUTAGE = replace(PAGE, tier="outage")
TICKET = replace(PAGE, tier="ticket", severity="ticket")
LIMITS = Limits(release_seconds=600, expire_seconds=7200)


def over(notice: Notice) -> Notice:
    return replace(notice, firing=False)


def test_a_burn_page_throttles_its_class_at_once_and_no_other() -> None:
    board = Board(LIMITS)

    assert board.take([PAGE], 100.0) == [Change("coder", 1.0, 0.5, (PAGE.key,))]
    assert (board.limit("coder"), board.limit("reviewer")) == (0.5, FREE)


def test_an_alert_on_the_whole_service_throttles_everybody() -> None:
    board = Board(LIMITS)
    board.take([replace(OUTAGE, agent=EVERYBODY), PAGE], 100.0)

    assert (board.limit("coder"), board.limit("reviewer")) == (0.1, 0.1)


def test_the_tightest_of_several_alerts_counts() -> None:
    board = Board(LIMITS)
    board.take([PAGE, OUTAGE], 100.0)
    board.take([over(PAGE)], 200.0)

    assert board.limit("coder") == 0.1


def test_a_ticket_throttles_nobody_unless_that_is_wanted() -> None:
    board = Board(LIMITS)
    board.take([TICKET], 100.0)
    eager = Board(replace(LIMITS, ticket=0.8))
    eager.take([TICKET], 100.0)

    assert (board.limit("coder"), eager.limit("coder")) == (FREE, 0.8)


def test_a_limit_is_given_back_step_by_step_after_quiet_time() -> None:
    board = Board(LIMITS)
    board.take([OUTAGE], 0.0)
    board.take([over(OUTAGE)], 100.0)

    assert board.advance(699.0) == []
    assert [change.after for change in board.advance(700.0)] == [0.5]
    assert board.advance(1299.0) == []
    assert [change.after for change in board.advance(1300.0)] == [FREE]


def test_a_board_that_was_not_asked_for_long_has_taken_the_same_steps() -> None:
    board = Board(LIMITS)
    board.take([OUTAGE], 0.0)
    board.take([over(OUTAGE)], 100.0)

    assert [change.after for change in board.advance(5000.0)] == [0.5, FREE]


def test_an_alert_that_flaps_keeps_the_limit() -> None:
    board = Board(LIMITS)
    changes: list[Change] = []
    for minute in range(0, 60, 5):
        changes += board.take([PAGE if minute % 10 == 0 else over(PAGE)], minute * 60.0)

    assert changes == [Change("coder", 1.0, 0.5, (PAGE.key,))]


def test_an_alert_that_nobody_repeats_or_ends_expires() -> None:
    board = Board(LIMITS)
    board.take([PAGE], 0.0)
    board.take([PAGE], 7000.0)
    board.advance(14_199.0)
    assert board.limit("coder") == 0.5

    board.advance(14_200.0)
    board.advance(14_800.0)
    assert board.limit("coder") == FREE


def test_a_class_too_many_is_refused_and_nothing_of_its_notice_taken() -> None:
    board = Board(replace(LIMITS, max_classes=2))
    board.take([PAGE, replace(PAGE, agent="b")], 0.0)
    with pytest.raises(FullError, match="at most 2"):
        board.take([OUTAGE, replace(PAGE, agent="c")], 1.0)

    assert board.limit("coder") == 0.5
    board.take([over(PAGE), over(replace(PAGE, agent="b"))], 2.0)
    board.advance(700.0)
    board.take([replace(PAGE, agent="c")], 701.0)
    assert board.limit("c") == 0.5


@pytest.mark.parametrize(
    "wrong",
    [{"outage": -0.1}, {"page": 1.1}, {"outage": 0.6, "page": 0.5}, {"page": 0.9, "ticket": 0.8}],
)
def test_limits_that_cannot_be_meant_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"share from 0 to 1|at most what"):
        Limits(**wrong)  # type: ignore[arg-type]  # the names are those above


NOTICES = st.builds(
    Notice,
    st.sampled_from(["a", "b", EVERYBODY]),
    st.sampled_from(["x", "y"]),
    st.sampled_from(["outage", "page"]),
    st.sampled_from(["page", "ticket"]),
    st.booleans(),
)
STEPS = st.lists(st.tuples(st.floats(0.0, 2_000.0), st.lists(NOTICES, max_size=3)), max_size=20)


@given(STEPS)
def test_a_limit_never_loosens_twice_within_the_release_time_and_all_ends_free(
    steps: list[tuple[float, list[Notice]]],
) -> None:
    board, now = Board(LIMITS), 0.0
    loosened: dict[str, float] = {}
    for pause, notices in steps:
        now += pause
        for change in board.take(notices, now):
            if change.after > change.before:
                assert change.after - change.before <= 0.5
                loosened[change.agent] = now
    board.advance(now + LIMITS.expire_seconds + 2 * LIMITS.release_seconds + 1)

    assert board.limits() == {}


def test_a_step_back_that_was_seen_late_does_not_pay_for_the_next_one() -> None:
    board = Board(LIMITS)
    board.take([OUTAGE, PAGE], 0.0)
    board.take([over(OUTAGE)], 1.0)
    late = 1.0 + 2 * LIMITS.release_seconds

    board.take([over(PAGE)], late)

    assert board.limit("coder") == LIMITS.page
    board.advance(late + LIMITS.release_seconds)
    assert board.limit("coder") == FREE


@given(STEPS)
def test_the_same_notices_at_the_same_times_give_the_same_board(
    steps: list[tuple[float, list[Notice]]],
) -> None:
    often, seldom, now = Board(LIMITS), Board(LIMITS), 0.0
    for pause, notices in steps:
        for share in (0.25, 0.5, 0.75):
            often.advance(now + pause * share)
        now += pause
        often.take(notices, now)
        seldom.take(notices, now)

    assert {name: each[0] for name, each in often.limits().items()} == {
        name: each[0] for name, each in seldom.limits().items()
    }


def body(*alerts: object) -> bytes:
    return json.dumps({"version": "4", "alerts": alerts}).encode()


def burn(**more: str) -> dict[str, object]:
    labels = {"alertname": "B", "budget_id": "x", "slo_tier": "page", "severity": "page", **more}
    return {"status": "firing", "labels": labels}


def test_only_burn_alerts_are_read_from_a_notification() -> None:
    other = {"status": "firing", "labels": {"alertname": "QueueStuck", "severity": "page"}}

    assert read(body(burn(gen_ai_agent_name="coder"), other)) == [
        Notice("coder", "x", "page", "page", firing=True)
    ]
    assert read(body(burn()))[0].agent == EVERYBODY


@pytest.mark.parametrize(
    "wrong",
    [
        b"",
        b"\xff",
        b"[]",
        b'{"alerts": 1}',
        b"[" * 100_000,
        body(1),
        body({"status": "firing"}),
        body({"status": "maybe", "labels": {}}),
        body(*([burn()] * (MAX_ALERTS + 1))),
    ],
    ids=range(9),
)
def test_what_is_no_notification_is_refused(wrong: bytes) -> None:
    with pytest.raises(BadNoticeError):
        read(wrong)
