"""An SLO is resolved exactly or refused with all its problems, each where it stands."""

from __future__ import annotations

from fractions import Fraction

import pytest

from slo.exact import Duration, Ratio
from slo.model import Calendar, Rolling, Scope
from tests.front_end import (
    TEAM,
    codes_of,
    document,
    marked,
    problems_of,
    slo_of,
    slo_text,
)


def test_an_objective_is_exactly_what_is_written() -> None:
    assert slo_of(slo_text(objective="99.90")).objective == Ratio(Fraction(999, 1000))
    assert slo_of(slo_text(objective="99.999999")).objective.budget.promql() == "0.00000001"


def test_what_is_not_said_has_a_default() -> None:
    slo = slo_of(slo_text("check-out"))

    assert slo.slo_id == "shop-check-out"
    assert slo.title == "Check out"
    assert slo.window == Rolling(Duration.parse("30d"))
    assert slo.scope is Scope.SERVICE
    assert slo.root_cause == "shop-check-out"
    assert slo.alerting.policy == "sre-multiwindow"
    assert slo.alerting.idle == "ok"
    assert slo.events_per_second is None
    assert [tier.name for tier in slo.alerting.tiers][:2] == ["outage", "fast"]


def test_everything_that_is_said_arrives() -> None:
    more = """\
  description: Orders that go through.
  catalog: M2
  window: {calendar: quarter, timezone: Europe/Berlin}
  by: [region, tenant]
  scope: agent
  root_cause: database
  traffic: {events_per_second: 2.5}
  alerting:
    {policy: fleet-sustained, form: windowed, severities: [ticket], idle: page, min_events: 5}
"""
    slo = slo_of(slo_text(more=more))

    assert slo.description == "Orders that go through."
    assert slo.catalog_id == "M2"
    assert slo.window == Calendar("quarter", "Europe/Berlin")
    assert slo.by == ("region", "tenant")
    assert slo.scope is Scope.AGENT
    assert slo.root_cause == "database"
    assert slo.events_per_second == Fraction(5, 2)
    assert slo.alerting.idle == "page"
    assert [(tier.name, tier.min_bad_events) for tier in slo.alerting.tiers] == [("ticket", 5)]


@pytest.mark.parametrize("window", ["99999999999d", "366d", "59m", "1ms"])
def test_a_window_that_no_budget_has_is_refused(window: str) -> None:
    found = problems_of(slo_text(more=f"  window: {window}\n"))

    assert [problem.code for problem in found] == ["SLO014"]
    assert found[0].place is not None
    assert found[0].place.line == 11


def test_a_window_of_a_class_is_refused_once_and_where_it_stands() -> None:
    text = slo_text(more="  class: long\n")

    assert codes_of(text, document("Class", "long", "{window: 10y}")) == ["SLO014"]


@pytest.mark.parametrize("window", ["1h", "1d", "7d", "4w", "28d", "30d", "90d", "1y"])
def test_a_window_of_an_hour_to_a_year_is_taken(window: str) -> None:
    slo = slo_of(slo_text(more=f"  window: {window}\n"))

    assert slo.window == Rolling(Duration.parse(window))


@pytest.mark.parametrize(
    "objective",
    [
        "0",
        "100",
        "101",
        "-1",
        "99.9%",
        "many",
        "nan",
        "inf",
        "1e400",
        "9e999999999",
        "99.99999999999",
        "''",
        "[99]",
    ],
)
def test_an_impossible_objective_is_refused(objective: str) -> None:
    codes = codes_of(slo_text(objective=objective))

    assert len(codes) == 1
    assert codes[0] in {"SLO012", "SLO013"}


def test_problems_of_one_slo_are_told_all_at_once() -> None:
    text = slo_text(
        objective="101",
        sli="    events: {bad: 'sum(rate(a[$window])', total: 'rate(b[$window])'}\n",
        more="  windw: 30d\n  window: 30\n  by: [severity]\n  alerting: {policy: none, idle: no}\n",
        owner="nobody",
    )

    assert sorted(codes_of(text)) == [
        "SLO010", "SLO012", "SLO014", "SLO016", "SLO021", "SLO027", "SLO029", "SLO050", "SLO053",
    ]  # fmt: skip


def test_problems_stand_in_the_order_of_the_file() -> None:
    problems = problems_of(slo_text(objective="0"), slo_text("search", owner="webb"))

    assert [p.place.line for p in problems if p.place] == sorted(
        p.place.line for p in problems if p.place
    )
    assert [p.code for p in problems] == ["SLO012", "SLO021"]


def test_an_unknown_key_is_marked_and_the_nearest_one_offered() -> None:
    text = slo_text(more="  ownr: web\n")
    problem = problems_of(text)[0]

    assert marked(problem, text) == "ownr"
    assert problem.help == "did you mean owner?"


def test_a_fault_in_promql_is_marked_inside_a_block() -> None:
    sli = """\
    events:
      total: sum(rate(b[$window]))
      bad: |
        sum(
          rate(a[$win])
        )
"""
    text = slo_text(sli=sli)
    problem = problems_of(text)[0]

    assert (problem.code, marked(problem, text)) == ("SLO050", "$win")


def test_a_document_of_an_unclear_kind_causes_no_other_complaint() -> None:
    text = slo_text(owner="ops")
    odd = TEAM.replace("Team", "Taem").replace("name: web", "name: ops")

    assert codes_of(text, odd) == ["SLO019"]
