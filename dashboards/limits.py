"""Where colours change: computed from objectives and burn factors, never guessed.

So a changed objective moves the line in the same diff that moves the alert.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Final

from dashboards import palette
from dashboards.panel import State, Step
from slo.exact import Ratio
from slo.model import Severity, Slo, Tier, TierForm

AT_RISK: Final = Fraction(1, 4)
"""Share of the error budget below which one more incident is likely to spend it."""
SPENDING: Final = Fraction(1)
"""Burn rate that spends the budget exactly at the end of its window."""


def burn_factors(slos: Sequence[Slo], severity: Severity) -> list[Fraction]:
    """The distinct burn rates at which `slos` alert with `severity`, ascending.

    Outage tiers are left out: theirs is a limit on the error ratio, not on the burn.
    """
    return sorted({tier.burn for slo in slos for tier in _burning(slo, severity)})


def burn_steps(slos: Sequence[Slo]) -> tuple[Step, ...]:
    """Good below every ticket, to watch from the first ticket on, bad from the first page on."""
    tickets = burn_factors(slos, Severity.TICKET)
    pages = burn_factors(slos, Severity.PAGE)
    watch = tickets[0] if tickets else SPENDING
    steps = [Step(palette.GOOD, None)]
    if not pages or watch < pages[0]:
        steps.append(Step(palette.WATCH, float(watch)))
    if pages:
        steps.append(Step(palette.BAD, float(pages[0])))
    return tuple(steps)


def burn_states(slos: Sequence[Slo]) -> tuple[State, ...]:
    """The words that go with `burn_steps`."""
    words = {palette.GOOD: "steady", palette.WATCH: "ticket", palette.BAD: "page"}
    return _worded(burn_steps(slos), words)


def budget_steps() -> tuple[Step, ...]:
    """Bad when spent, to watch in the last quarter."""
    return (
        Step(palette.BAD, None),
        Step(palette.WATCH, 0.0),
        Step(palette.GOOD, float(AT_RISK)),
    )


def budget_states() -> tuple[State, ...]:
    """The words that go with `budget_steps`."""
    words = {palette.BAD: "spent", palette.WATCH: "at risk", palette.GOOD: "kept"}
    return _worded(budget_steps(), words)


def success_steps(objective: Ratio) -> tuple[Step, ...]:
    """For a share of good events: bad below the objective, to watch where a quarter is left."""
    watch = objective.value
    good = watch + objective.budget.value * AT_RISK
    return (
        Step(palette.BAD, None),
        Step(palette.WATCH, float(watch)),
        Step(palette.GOOD, float(good)),
    )


def error_steps(slo: Slo) -> tuple[Step, ...]:
    """For an error ratio: the thresholds of the SLO's own tiers, the lowest of each severity."""
    tickets = sorted(tier.threshold.value for tier in _burning(slo, Severity.TICKET))
    pages = sorted(tier.threshold.value for tier in _burning(slo, Severity.PAGE))
    steps = [Step(palette.GOOD, None)]
    watch = tickets[0] if tickets else slo.objective.budget.value
    if not pages or watch < pages[0]:
        steps.append(Step(palette.WATCH, float(watch)))
    if pages:
        steps.append(Step(palette.BAD, float(pages[0])))
    return tuple(steps)


def above(watch: float, bad: float | None = None) -> tuple[Step, ...]:
    """Good, to watch from `watch` on, bad from `bad` on where that is given."""
    steps = (Step(palette.GOOD, None), Step(palette.WATCH, watch))
    return steps if bad is None else (*steps, Step(palette.BAD, bad))


def any_is(color: str) -> tuple[Step, ...]:
    """Good at zero, `color` from one on."""
    return (Step(palette.GOOD, None), Step(color, 1.0))


def _burning(slo: Slo, severity: Severity) -> list[Tier]:
    return [
        tier
        for tier in slo.alerting.tiers
        if tier.form is not TierForm.OUTAGE and tier.severity is severity
    ]


def _worded(steps: Sequence[Step], words: dict[str, str]) -> tuple[State, ...]:
    highs = [step.value for step in steps[1:]] + [None]
    return tuple(
        State(step.value, high, words[step.color], step.color)
        for step, high in zip(steps, highs, strict=True)
    )
