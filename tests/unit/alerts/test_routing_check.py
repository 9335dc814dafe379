"""Nothing is written while somebody could not be told."""

from __future__ import annotations

from dataclasses import replace

import pytest

from alerts.routing.generator import GENERATOR
from slo.diagnostic import Diagnostic, Level, Span
from slo.exact import Duration
from slo.model import (
    Compiled,
    DestinationKind,
    Maintenance,
    Scope,
    Settings,
    Severity,
    WorkingHours,
)
from tests.alert_projects import (
    alert,
    destination,
    fleet,
    place,
    project,
    slo,
    team,
    webhook,
)

URL = "http://127.0.0.1:9/x"
PLATFORM = team("platform", webhook(URL))


def found(compiled: Compiled, code: str) -> list[Diagnostic]:
    return [problem for problem in GENERATOR.check(compiled) if problem.code == code]


def only(compiled: Compiled, code: str) -> Diagnostic:
    (problem,) = found(compiled, code)
    return problem


def test_a_whole_project_has_no_problem() -> None:
    assert list(GENERATOR.check(fleet())) == []


def test_an_unknown_owner_is_shown_at_the_alert_with_the_nearest_team() -> None:
    problem = only(project(teams=(PLATFORM,), alerts=(alert("A", "platfrom"),)), "ALM002")

    assert problem.level is Level.ERROR
    assert problem.place == place(40)
    assert problem.help == "did you mean platform?"


def test_an_escalation_to_nobody_is_an_error_too() -> None:
    compiled = project(teams=(PLATFORM,), alerts=(alert("A", escalation="core"),))

    assert "AEscalated is owned by 'core'" in only(compiled, "ALM002").text


def test_the_audit_owns_nothing() -> None:
    compiled = project(teams=(PLATFORM, team("audit", webhook(URL))), alerts=(alert("A", "audit"),))

    assert only(compiled, "ALM002").level is Level.ERROR


def test_a_team_that_owns_a_page_needs_a_way_for_pages() -> None:
    quiet = team("core", webhook(URL, Severity.TICKET))
    compiled = project(teams=(PLATFORM, quiet), alerts=(alert("A", "core"),))
    problem = only(compiled, "ALM001")

    assert problem.place == place(7)
    assert problem.text == "team core owns A, a page, but has no destination for a page"


def test_a_team_without_any_destination_is_found_once_for_each_severity() -> None:
    compiled = project(
        teams=(PLATFORM, team("core")),
        alerts=(
            alert("A", "core"),
            alert("B", "core", severity=Severity.TICKET),
            alert("C", "core"),
        ),
    )

    assert len(found(compiled, "ALM001")) == 2


def test_what_nobody_owns_must_reach_a_page() -> None:
    compiled = project(
        teams=(team("platform", webhook(URL, Severity.TICKET)),),
        alerts=(alert("A", severity=Severity.TICKET),),
    )

    assert only(compiled, "ALM013").level is Level.ERROR


def test_a_catch_all_to_every_team_is_a_warning() -> None:
    teams = (PLATFORM, team("core", webhook(URL)))
    compiled = project(teams=teams, alerts=(alert("A"),), settings=Settings())

    assert only(compiled, "ALM013").level is Level.WARNING


def test_a_missing_dead_mans_switch_is_said() -> None:
    texts = [
        each.text for each in found(project(teams=(PLATFORM,), alerts=(alert("A"),)), "ALM014")
    ]

    assert any("heartbeat" in text for text in texts)


def test_a_cause_that_does_not_exist_is_shown_where_it_is_stated() -> None:
    compiled = project(teams=(PLATFORM,), slos=(slo("action", depends_on=("agent-fleet-actoin",)),))
    problem = only(compiled, "ALM012")

    assert problem.place == place(20)
    assert problem.help == "did you mean agent-fleet-action?"


def test_a_cause_that_never_pages_is_a_warning() -> None:
    compiled = project(
        teams=(PLATFORM,),
        alerts=(alert("A", severity=Severity.TICKET), alert("B", depends_on=("A",))),
    )

    assert only(compiled, "ALM015").level is Level.WARNING


def test_two_alerts_that_depend_on_each_other_would_both_be_silent() -> None:
    compiled = project(
        teams=(PLATFORM,),
        alerts=(alert("A", depends_on=("B",)), alert("B", depends_on=("A",))),
    )
    problem = only(compiled, "ALM011")

    assert problem.level is Level.ERROR
    assert problem.place == place(40)
    assert "A -> B -> A" in problem.text


def test_a_ring_over_three_is_found() -> None:
    compiled = project(
        teams=(PLATFORM,),
        slos=(slo("one", depends_on=("two",)), slo("two", depends_on=("C",))),
        alerts=(alert("C", depends_on=("one",)),),
    )

    assert len(found(compiled, "ALM011")) == 1


def test_a_service_that_depends_on_its_agent_is_no_ring() -> None:
    compiled = project(
        teams=(PLATFORM,),
        slos=(slo("service", depends_on=("WorkerGone",)),),
        alerts=(alert("WorkerGone", scope=Scope.AGENT),),
    )

    assert found(compiled, "ALM011") == []


@pytest.mark.parametrize(
    ("hours", "told"),
    [
        (WorkingHours("monday-friday", "09:00", "17:00", "UTC"), "not weekdays"),
        (WorkingHours("monday:friday", "9:00", "17:00", "UTC"), "not a time of day"),
        (WorkingHours("monday:friday", "09:00", "25:00", "UTC"), "between 00:00 and 24:00"),
        (WorkingHours("monday:friday", "09:00", "17:00", "Europe/Berln"), "not a time zone"),
    ],
)
def test_working_hours_that_cannot_be_read_are_shown_at_the_team(
    hours: WorkingHours, told: str
) -> None:
    problem = only(project(teams=(replace(PLATFORM, hours=hours),), alerts=(alert("A"),)), "ALM009")

    assert told in problem.text
    assert problem.place == place(7)


@pytest.mark.parametrize(
    ("starts", "ends", "matchers", "told"),
    [
        ("2026-12-05T22:00:00", "2026-12-06T02:00:00", {"service": "q"}, "offset"),
        ("2026-12-06T02:00:00+00:00", "2026-12-05T22:00:00+00:00", {"service": "q"}, "must end"),
        ("soon", "later", {"service": "q"}, "soon"),
        ("2026-12-05T22:00:00+00:00", "2026-12-06T02:00:00+00:00", {}, "mute everything"),
    ],
)
def test_a_maintenance_that_cannot_be_meant_is_an_error(
    starts: str, ends: str, matchers: dict[str, str], told: str
) -> None:
    here = Span("maintenance.yaml", 3, 1, 2)
    window = Maintenance("upgrade", "why", "platform", starts, ends, matchers, (), here)
    compiled = project(teams=(PLATFORM,), alerts=(alert("A"),), maintenance=(window,))
    problem = only(compiled, "ALM010")

    assert told in problem.text
    assert problem.place == here


def window(name: str, starts: int, ends: int, line: int = 1, **matchers: str) -> Maintenance:
    day = "2026-12-05T{:02}:00:00Z"
    here = Span("maintenance.yaml", line, 1, 2)
    return Maintenance(
        name, "why", "platform", day.format(starts), day.format(ends), matchers, (), here
    )


def overlaps(*windows: Maintenance) -> list[Diagnostic]:
    compiled = project(teams=(PLATFORM,), alerts=(alert("A"),), maintenance=windows)
    return [problem for problem in GENERATOR.check(compiled) if problem.code == "ALM020"]


@pytest.mark.parametrize("begins", [3, 4])
def test_two_windows_that_mute_an_alert_for_longer_than_either_says_are_told(begins: int) -> None:
    first = window("first", 2, 4, service="q")
    (problem,) = overlaps(window("second", begins, 6, 9, region="eu"), first)

    assert problem.level is Level.ERROR
    assert problem.place == Span("maintenance.yaml", 9, 1, 2)
    assert "from 2026-12-05T02:00Z to 2026-12-05T06:00Z" in problem.text


@pytest.mark.parametrize(
    "second",
    [
        window("later", 5, 6, service="q"),
        window("within", 2, 3, service="q", region="eu"),
        window("another", 3, 6, service="store"),
        replace(window("over", 3, 6, service="q"), over=True),
    ],
    ids=lambda value: value.name,
)
def test_windows_that_lengthen_nothing_are_fine(second: Maintenance) -> None:
    assert overlaps(window("first", 2, 4, service="q"), second) == []


def test_every_destination_is_checked_at_its_own_place() -> None:
    lame = destination(DestinationKind.SLACK, 99, channel="#alerts")
    compiled = project(teams=(replace(PLATFORM, destinations=(webhook(URL), lame)),))

    assert only(compiled, "ALM003").place == place(99)


def long_window(hours_: int, **matchers: str) -> Maintenance:
    until = f"2026-12-{5 + hours_ // 24:02}T{hours_ % 24:02}:00:00Z"
    here = Span("maintenance.yaml", 4, 1, 2)
    return Maintenance(
        "upgrade", "why", "platform", "2026-12-05T00:00:00Z", until, matchers, (), here
    )


def muting(planned: Maintenance) -> list[Diagnostic]:
    alerts = (alert("Pages"), alert("Tickets", severity=Severity.TICKET), alert("AtOnce", hold=""))
    return found(project(teams=(PLATFORM,), alerts=alerts, maintenance=(planned,)), "ALM021")


def test_a_window_that_mutes_a_page_for_longer_than_a_night_must_say_so() -> None:
    (problem,) = muting(long_window(240, service="agent-fleet"))

    assert problem.level is Level.ERROR
    assert problem.place == Span("maintenance.yaml", 4, 1, 2)
    assert "would mute pages (Pages) for 10d, mutes_pages_for allows 12h" in problem.text
    assert "mutes_pages_for: 10d" in (problem.help or "")


@pytest.mark.parametrize(
    "planned",
    [
        long_window(12, service="agent-fleet"),
        long_window(240, service="agent-fleet", severity="ticket"),
        long_window(240, service="another"),
        long_window(240, alertname="AtOnce"),
        replace(long_window(240, service="agent-fleet"), mutes_pages_for=Duration.parse("10d")),
        replace(long_window(240, service="agent-fleet"), over=True),
    ],
)
def test_a_long_window_that_keeps_no_page_from_anybody_or_says_so_is_fine(
    planned: Maintenance,
) -> None:
    assert muting(planned) == []


def test_a_label_that_only_the_series_knows_may_be_the_one_that_is_muted() -> None:
    assert muting(long_window(240, cluster="elsewhere")) != []
