"""Which alerts the matrix proves: an alert is proven when a case fails without it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from alerts.gameday.virtual.day import Day, outcomes
from slo import names
from slo.model import AlertRule


def without(day: Day, rule: AlertRule) -> Day:
    """The same day, had `rule` been switched off: no rule reads another one's alerts."""
    left = {
        case: tuple(one for one in firings if one.rule is not rule)
        for case, firings in day.fired.items()
    }
    return replace(day, fired=left)


@dataclass(frozen=True, slots=True)
class Coverage:
    """What switching off one alert after the other has shown.

    Attributes:
        alerts: How many there are.
        unproven: Those that no case would miss, sorted.
    """

    alerts: int
    unproven: tuple[str, ...]


def coverage(day: Day) -> Coverage:
    """Switch off every alert, one at a time."""
    return Coverage(len(alerts(day)), unproven(day))


def unproven(day: Day) -> tuple[str, ...]:
    """The alerts that could be switched off and no case would notice, sorted."""
    failed = {outcome.scenario.id for outcome in outcomes(day) if not outcome.passed}
    return tuple(sorted(title(rule) for rule in alerts(day) if not _noticed(day, rule, failed)))


def alerts(day: Day) -> tuple[AlertRule, ...]:
    """Every alerting rule of the day but the heartbeat of the rules themselves."""
    return tuple(
        rule
        for group in day.groups
        for rule in group.rules
        if isinstance(rule, AlertRule) and rule.name != names.WATCHDOG
    )


def title(rule: AlertRule) -> str:
    """The alert's name, and what tells it from others of that name."""
    told = (rule.labels.get("slo_tier"), rule.name == names.SIGNAL_LOST and rule.labels["slo_id"])
    return " ".join([rule.name, *(text for text in told if text)])


def _noticed(day: Day, rule: AlertRule, failed: set[str]) -> bool:
    touched = [
        case
        for case in day.cases
        if case.id not in failed and any(one.rule is rule for one in day.fired[case.id])
    ]
    off = without(replace(day, cases=tuple(touched)), rule)
    return any(not outcome.passed for outcome in outcomes(off))
