"""What a tier means in time and money: when it fires, what is spent by then, how often for nothing.

Traffic is taken as even and the past as healthy: a window fills at the error ratio of the
incident. Real traffic that drops in an outage makes detection slower in events, not in time.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Final

from slo.exact import Duration, Ratio
from slo.model import Calendar, Intervals, Rolling, Slo, Tier, TierForm
from slo.policy.noise import false_alerts, gate_seconds

_CALENDAR_DAYS: Final = {"week": 7, "month": 30, "quarter": 91, "year": 365}
_DAY: Final = 86_400
_RAW_UP_TO: Final = Duration.parse("1h")
_SMOOTHING: Final = 300
"""Seconds by which a rate over 5 minutes trails its events at most. Windows above 1 h are
sums of such rates, windows of days are sums of their 5-minute means."""
SHOWN: Final = tuple(Ratio.from_percent(percent) for percent in ("100", "10", "1"))


@dataclass(frozen=True, slots=True)
class Impact:
    """A tier under one constant error ratio.

    Attributes:
        detection: Seconds from onset to firing; None when it never fires.
        budget_used: Share of the period's budget spent by then; None when it never fires.
    """

    error_ratio: Ratio
    detection: Fraction | None
    budget_used: Fraction | None


@dataclass(frozen=True, slots=True)
class TierEstimate:
    """One line of an SLO's tier table.

    Attributes:
        impacts: At 100, 10 and 1 percent errors.
        false_alerts: Expected in 30 days by chance alone at burn 1; None: traffic unknown.
    """

    tier: Tier
    impacts: tuple[Impact, ...]
    false_alerts: float | None


def estimate(slo: Slo) -> tuple[TierEstimate, ...]:
    """The tier table of `slo`, one line per tier, fastest first."""
    return estimates(slo.alerting.tiers, slo.objective, slo.window, slo.events_per_second)


@lru_cache(maxsize=256)
def estimates(
    tiers: tuple[Tier, ...],
    objective: Ratio,
    window: Rolling | Calendar,
    events_per_second: Fraction | None,
) -> tuple[TierEstimate, ...]:
    """The tier table of every SLO with these numbers: many have the same."""
    budget = objective.budget.value
    budget_seconds = budget * period_seconds(window)
    return tuple(
        TierEstimate(
            tier,
            tuple(_impact(tier, ratio, events_per_second, budget_seconds) for ratio in SHOWN),
            None if events_per_second is None else false_alerts(tier, events_per_second * budget),
        )
        for tier in tiers
    )


def detection_seconds(
    tier: Tier, error_ratio: Ratio, *, events_per_second: Fraction | None = None
) -> Fraction | None:
    """Seconds from the onset of `error_ratio` to firing; None when it never fires.

    Without `events_per_second` enough traffic is assumed for the minimum of bad events.
    Scrapes and evaluations come on top, see `expected_fire_seconds`.

    Source: The Site Reliability Workbook, ch. 5: detection = threshold / errors x window.
    """
    if error_ratio <= tier.threshold:
        return None
    needed = tier.threshold.value / error_ratio.value * tier.long.total_seconds
    held = tier.hold.total_seconds
    if events_per_second is None or tier.min_bad_events == 0:
        return needed + held
    counted = tier.min_bad_events / (error_ratio.value * events_per_second)
    if counted > gate_seconds(tier):
        return None
    if tier.form is TierForm.SUSTAINED:
        return needed + held
    return max(needed, counted) + held


def expected_fire_seconds(
    tier: Tier,
    error_ratio: Ratio,
    *,
    intervals: Intervals | None = None,
    events_per_second: Fraction | None = None,
) -> Fraction | None:
    """Seconds within which a real Prometheus fires the tier, scrapes and steps included.

    An upper bound for even traffic on one and the same error ratio; None: never.
    """
    detected = detection_seconds(tier, error_ratio, events_per_second=events_per_second)
    if detected is None:
        return None
    steps = intervals or Intervals()
    slow = tier.long.ms >= _DAY * 1000
    step = (steps.slow if slow else steps.fast).total_seconds
    lag = steps.scrape.total_seconds + 2 * step
    if tier.long > _RAW_UP_TO:
        lag += _SMOOTHING
    if slow:
        lag += _SMOOTHING
    return detected + lag


def period_seconds(window: Rolling | Calendar) -> Fraction:
    """The length of an SLO's window; of a calendar window its usual length."""
    if isinstance(window, Rolling):
        return window.length.total_seconds
    return Fraction(_CALENDAR_DAYS[window.period] * _DAY)


def _impact(
    tier: Tier, ratio: Ratio, events_per_second: Fraction | None, budget_seconds: Fraction
) -> Impact:
    detection = detection_seconds(tier, ratio, events_per_second=events_per_second)
    if detection is None:
        return Impact(ratio, None, None)
    return Impact(ratio, detection, ratio.value * detection / budget_seconds)
