"""Who is told, computed from the generated tree."""

from __future__ import annotations

from dataclasses import replace

from alerts.routing.build import routing
from alerts.routing.lint import lint
from alerts.routing.simulate import deliveries, receivers
from slo.model import Maintenance, Settings, Severity
from tests.alert_projects import alert, fleet, place, project, team, webhook

FLEET = routing(fleet())


def labels(name: str, severity: str, owner: str, **more: str) -> dict[str, str]:
    return {"alertname": name, "severity": severity, "team": owner, **more}


def test_a_page_reaches_its_team_and_the_audit() -> None:
    told = receivers(FLEET, labels("X", "page", "platform"))

    assert told == ("fleetslo-audit", "fleetslo-platform-page")


def test_a_ticket_waits_for_the_hours_of_its_team() -> None:
    audit, own = deliveries(FLEET, labels("X", "ticket", "platform"))

    assert (own.receiver, own.active) == ("fleetslo-platform-ticket", ("fleetslo-hours-platform",))
    assert audit.active == ()


def test_what_nobody_owns_reaches_the_catch_all_in_spite_of_the_audit_copy() -> None:
    told = receivers(FLEET, labels("X", "page", "nobody"))

    assert told == ("fleetslo-audit", "fleetslo-catch-all")


def test_an_alert_without_any_label_of_ours_still_reaches_somebody() -> None:
    assert receivers(FLEET, {"alertname": "X"}) == ("fleetslo-audit", "fleetslo-catch-all")


def test_the_heartbeat_goes_to_the_dead_mans_switch_alone_and_every_minute() -> None:
    (way,) = deliveries(FLEET, {"alertname": "Watchdog", "severity": "none"})

    assert way.receiver == "fleetslo-watchdog"
    assert way.waits["repeat_interval"] == "1m"


def test_a_heartbeat_is_never_resolved() -> None:
    (watchdog,) = (each for each in FLEET.receivers if each.name == "fleetslo-watchdog")

    assert [block["send_resolved"] for _, block in watchdog.integrations] == [False]


def test_a_compliance_page_does_not_wait_for_its_group() -> None:
    page = labels("ComplianceViolationDetected", "page", "legal-and-compliance")
    way = deliveries(FLEET, page)[-1]

    assert way.receiver == "fleetslo-legal-and-compliance-page"
    assert way.waits["group_wait"] == "0s"


def test_two_alerts_of_one_root_cause_share_a_notification() -> None:
    one = labels("A", "page", "platform", root_cause="queue", cluster="prod")
    other = labels("B", "page", "platform", root_cause="queue", cluster="prod", queue="q1")

    assert deliveries(FLEET, one)[-1].group_key == deliveries(FLEET, other)[-1].group_key


def test_two_clusters_never_share_a_notification() -> None:
    one = labels("A", "page", "platform", root_cause="queue", cluster="prod")

    assert (
        deliveries(FLEET, one)[-1].group_key
        != deliveries(FLEET, {**one, "cluster": "staging"})[-1].group_key
    )


def test_without_an_audit_team_no_copy_is_made() -> None:
    built = routing(project(teams=(team("platform", webhook("http://127.0.0.1:9/x")),)))

    assert receivers(built, labels("X", "page", "platform")) == ("fleetslo-platform-page",)


def test_without_a_default_owner_every_team_gets_what_nobody_owns() -> None:
    teams = tuple(team(name, webhook(f"http://127.0.0.1:9/{name}")) for name in ("a", "b"))
    built = routing(project(teams=teams, settings=Settings()))
    (last,) = (each for each in built.receivers if each.name == "fleetslo-catch-all")

    assert [block["url"] for _, block in last.integrations] == [
        "http://127.0.0.1:9/a",
        "http://127.0.0.1:9/b",
    ]


def test_a_team_with_pages_only_gets_its_tickets_there_rather_than_nowhere() -> None:
    only = team("platform", webhook("http://127.0.0.1:9/x", Severity.PAGE))
    built = routing(project(teams=(only,)))

    assert receivers(built, labels("X", "ticket", "platform")) == ("fleetslo-platform-page",)
    assert lint(built) == ()


def window(name: str, **matchers: str) -> Maintenance:
    return Maintenance(
        name,
        f"upgrade of {name}",
        "platform",
        "2026-12-05T22:00:00+00:00",
        "2026-12-06T02:00:00+00:00",
        matchers,
        (),
        place(),
    )


def maintained(*windows: Maintenance) -> tuple[str, ...]:
    built = routing(
        project(
            teams=(team("platform", webhook("http://127.0.0.1:9/x")),),
            alerts=(alert("A"),),
            maintenance=windows,
        )
    )
    assert lint(built) == ()
    both = labels("A", "page", "platform", service="queue", region="eu")
    return deliveries(built, both)[-1].mute


def test_a_maintenance_mutes_what_it_names() -> None:
    assert maintained(window("queue", service="queue")) == ("fleetslo-maintenance-queue",)


def test_a_maintenance_mutes_nothing_else() -> None:
    assert maintained(window("store", service="store")) == ()


def test_two_windows_that_fit_one_alert_both_count() -> None:
    both = maintained(window("queue", service="queue"), window("eu", region="eu"))

    assert both == ("fleetslo-maintenance-queue", "fleetslo-maintenance-eu")


def test_a_maintenance_of_another_teams_alerts_is_not_ours() -> None:
    assert maintained(window("queue", service="queue", team="core")) == ()


def test_a_maintenance_that_is_over_leaves_the_routing() -> None:
    assert maintained(replace(window("queue", service="queue"), over=True)) == ()


def test_what_a_window_held_back_from_a_page_is_looked_at_a_minute_after_its_end() -> None:
    built = routing(
        project(
            teams=(team("platform", webhook("http://127.0.0.1:9/x")),),
            alerts=(alert("A"),),
            maintenance=(window("queue", service="queue"),),
        )
    )
    (way,) = deliveries(built, labels("A", "page", "platform", service="queue"))

    assert way.waits["group_interval"] == "1m"


def test_a_generated_routing_keeps_its_own_laws() -> None:
    assert lint(FLEET) == ()


def test_the_order_of_teams_in_the_files_changes_nobodys_way() -> None:
    compiled = fleet()
    turned = replace(compiled.project, teams=compiled.project.teams[::-1])
    built = routing(replace(compiled, project=turned))

    for owner in ("platform", "core-engineering", "nobody"):
        page = labels("X", "page", owner)
        assert receivers(built, page) == receivers(FLEET, page)
