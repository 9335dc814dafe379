"""Each law is there because breaking it loses a page: so each break must be seen."""

from __future__ import annotations

from dataclasses import replace

import pytest

from alerts.routing.build import routing
from alerts.routing.lint import lint
from alerts.routing.tree import Inhibition, Interval, Receiver, Route, Routing, equals, present
from tests.alert_projects import fleet

FLEET = routing(fleet())
TOLD = FLEET.receivers[0].integrations
PAGE, TICKET = equals("severity", "page"), equals("severity", "ticket")


def with_root(**changes: object) -> Routing:
    return replace(FLEET, root=replace(FLEET.root, **changes))  # type: ignore[arg-type]


def with_rule(rule: Inhibition) -> Routing:
    return replace(FLEET, inhibitions=(rule,))


def told(broken: Routing) -> str:
    return "; ".join(lint(broken))


def test_a_tree_without_a_catch_all_is_seen() -> None:
    assert "catch-all" in told(with_root(routes=FLEET.root.routes[:-1]))


def test_a_root_that_does_not_match_everything_is_seen() -> None:
    assert "root route" in told(with_root(matchers=(PAGE,)))


def test_a_root_that_is_muted_is_seen() -> None:
    assert "root route" in told(with_root(mute=("fleetslo-hours-platform",)))


def test_a_receiver_that_is_not_defined_is_seen() -> None:
    assert "not defined" in told(with_root(receiver="nobody"))


def test_a_receiver_that_nothing_leads_to_is_seen() -> None:
    spare = replace(FLEET, receivers=(*FLEET.receivers, Receiver("spare", TOLD)))

    assert told(spare) == "receiver spare is never used"


def test_a_receiver_that_tells_nobody_is_seen() -> None:
    empty = tuple(
        replace(each, integrations=()) if each.name == "fleetslo-platform-page" else each
        for each in FLEET.receivers
    )

    wrong = told(replace(FLEET, receivers=empty))
    assert wrong == "receiver fleetslo-platform-page has no destination and tells nobody"


def test_a_route_behind_one_that_takes_everything_is_seen() -> None:
    first = Route("fleetslo-catch-all")

    assert "never reached" in told(with_root(routes=(first, *FLEET.root.routes)))


def test_a_route_behind_one_with_fewer_matchers_is_seen() -> None:
    wide = Route("fleetslo-catch-all", (PAGE,))
    narrow = Route("fleetslo-catch-all", (PAGE, present("slo_id")))

    assert "never reached" in told(with_root(routes=(wide, narrow, *FLEET.root.routes)))


def test_a_repetition_that_is_no_multiple_of_its_interval_is_seen() -> None:
    odd = {"group_wait": "10s", "group_interval": "7m", "repeat_interval": "1h"}

    assert "no multiple" in told(with_root(waits=odd))


def test_a_repetition_beyond_what_is_remembered_is_seen() -> None:
    long = {"group_wait": "10s", "group_interval": "1d", "repeat_interval": "6d"}

    assert "remembered" in told(with_root(waits=long))


def test_grouping_by_everything_and_more_is_seen() -> None:
    odd = Route("fleetslo-catch-all", (PAGE,), ("...", "cluster"))

    assert "stand alone" in told(with_root(routes=(odd, *FLEET.root.routes)))


def test_times_that_nobody_defined_are_seen() -> None:
    assert "not defined" in told(replace(FLEET, intervals=()))


def test_times_that_nobody_uses_are_seen() -> None:
    assert "never used" in told(replace(FLEET, intervals=(*FLEET.intervals, Interval("x", ()))))


@pytest.mark.parametrize(
    ("rule", "law"),
    [
        (Inhibition((TICKET,), (PAGE,), ()), "below a page"),
        (Inhibition((present("slo"),), (equals("a", "b"),), ()), "below a page"),
        (Inhibition((PAGE,), (TICKET,), ("slo_id",)), "source does not demand slo_id"),
        (
            Inhibition((PAGE, present("slo_id")), (TICKET,), ("slo_id",)),
            "target does not demand slo_id",
        ),
        (Inhibition((PAGE,), (present("slo_id"),), ()), "source and target"),
        (Inhibition((PAGE,), (PAGE,), ()), "source and target"),
    ],
)
def test_an_inhibition_that_breaks_a_law_is_seen(rule: Inhibition, law: str) -> None:
    assert law in told(with_rule(rule))


def test_a_sound_inhibition_is_accepted() -> None:
    guard = present("slo_id")

    assert told(with_rule(Inhibition((PAGE, guard), (TICKET, guard), ("slo_id",)))) == ""
