from __future__ import annotations

import re
from fractions import Fraction

import pytest

from dashboards import palette
from dashboards.limits import (
    above,
    budget_steps,
    burn_factors,
    burn_steps,
    error_steps,
    success_steps,
)
from dashboards.panel import Step
from dashboards.views import collector, operations
from slo.exact import Ratio
from slo.model import Severity, TierForm
from tests.catalog_project import catalog_project
from tests.dashboard_projects import slo


def test_burn_lines_stand_at_the_factors_of_the_alerts() -> None:
    watched = slo("a", "99.9")

    assert burn_factors([watched], Severity.PAGE) == [Fraction(6), Fraction("14.4")]
    assert burn_factors([watched], Severity.TICKET) == [Fraction(1), Fraction(3)]
    assert burn_steps([watched]) == (
        Step(palette.GOOD, None),
        Step(palette.WATCH, 1.0),
        Step(palette.BAD, 6.0),
    )


@pytest.mark.parametrize("objective", ["99", "99.9", "99.95"])
def test_an_error_ratio_turns_bad_exactly_where_its_alert_fires(objective: str) -> None:
    watched = slo("a", objective)
    burning = [tier for tier in watched.alerting.tiers if tier.form is not TierForm.OUTAGE]
    pages = [tier.threshold.value for tier in burning if tier.severity is Severity.PAGE]
    tickets = [tier.threshold.value for tier in burning if tier.severity is Severity.TICKET]

    steps = error_steps(watched)

    assert steps == (
        Step(palette.GOOD, None),
        Step(palette.WATCH, float(min(tickets))),
        Step(palette.BAD, float(min(pages))),
    )


def test_a_tighter_objective_moves_the_line() -> None:
    assert error_steps(slo("a", "99")) != error_steps(slo("a", "99.5"))


def test_success_is_bad_below_the_objective_and_good_above_three_quarters_of_the_budget() -> None:
    assert success_steps(Ratio.from_percent("99")) == (
        Step(palette.BAD, None),
        Step(palette.WATCH, 0.99),
        Step(palette.GOOD, 0.9925),
    )


def test_a_spent_budget_is_bad() -> None:
    assert [step.value for step in budget_steps()] == [None, 0.0, 0.25]


def test_one_limit_or_two() -> None:
    assert above(1.0) == (Step(palette.GOOD, None), Step(palette.WATCH, 1.0))
    assert above(1.0, 2.0)[-1] == Step(palette.BAD, 2.0)


@pytest.mark.parametrize(
    ("name", "limits"),
    [
        ("HighMessageQueueLatency", (operations.QUEUE_WAIT_SECONDS, operations.QUEUE_AGE_SECONDS)),
        ("HighLLMAPIErrorRate", (operations.LLM_ERRORS, operations.LLM_ERRORS)),
        ("IngestStalled", (collector.STALLED_SECONDS,)),
        ("IngestLagHigh", (collector.LAG_SECONDS,)),
    ],
)
def test_a_line_on_a_panel_stands_where_the_shipped_alert_fires(
    name: str, limits: tuple[float, ...]
) -> None:
    (found,) = (each for each in catalog_project().alerts if each.name == name)

    assert [float(number) for number in re.findall(r"> ([0-9.]+)", found.expr)] == list(limits)
