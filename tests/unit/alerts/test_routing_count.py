"""How often people are told as time passes: what joins a notification is an update."""

from __future__ import annotations

from alerts.routing.build import routing
from alerts.routing.count import Opened, Stretch, opened
from alerts.routing.inhibit import alert_labels
from tests.alert_projects import fleet

FLEET = routing(fleet())
ACTION = "AgentFleetActionSuccessBurn"
MINUTE = 60.0


def firing(name: str, start: float, end: float | None = None, **more: str) -> Stretch:
    labels = (alert_labels(rule, {}) for rule in fleet().alert_rules() if rule.name == name)
    chosen = next(each for each in labels if each.items() >= more.items())
    return Stretch(chosen, start, end)


def told(*stretches: Stretch) -> list[tuple[str, float]]:
    found: tuple[Opened, ...] = opened(FLEET, stretches)
    return [(each.receiver.removeprefix("fleetslo-"), each.at) for each in found]


def test_a_ticket_whose_page_follows_within_its_wait_is_never_told() -> None:
    ticket = firing(ACTION, 0.0, slo_tier="trend")
    page = firing(ACTION, 14 * MINUTE, slo_tier="fast")

    assert told(ticket, page) == [("platform-page", 14 * MINUTE + 10)]


def test_a_ticket_that_left_before_its_page_came_is_counted_too() -> None:
    ticket = firing(ACTION, 0.0, slo_tier="trend")
    page = firing(ACTION, 16 * MINUTE, slo_tier="fast")

    assert told(ticket, page) == [("platform-ticket", 900.0), ("platform-page", 970.0)]


def test_a_ticket_that_outlasts_its_page_is_told_when_that_is_over() -> None:
    ticket = firing(ACTION, 0.0, slo_tier="trend")
    page = firing(ACTION, 0.0, 50 * MINUTE, slo_tier="fast")

    # Looked at after fifteen minutes, and every thirty from then on.
    assert told(ticket, page) == [("platform-page", 10.0), ("platform-ticket", 75 * MINUTE)]


def test_an_alert_that_ends_before_it_leaves_tells_nobody() -> None:
    assert told(firing(ACTION, 0.0, MINUTE, slo_tier="trend")) == []


def test_two_tiers_of_one_budget_are_one_notification_and_an_update() -> None:
    slow = firing(ACTION, 0.0, slo_tier="slow")
    fast = firing(ACTION, MINUTE, slo_tier="fast")

    assert told(slow, fast) == [("platform-page", 10.0)]


def test_the_copy_and_the_heartbeat_are_told_to_nobody() -> None:
    assert told(firing("Watchdog", 0.0)) == []
