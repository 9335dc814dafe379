"""How every SLO stands, as Prometheus tells it: budget left, burn, when it ends, what fires."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from slo import names
from slo.ask import Prometheus, Series
from slo.exact import Duration
from slo.model import Calendar, Rolling
from slo.policy import period_seconds
from slo.spec.shapes import CALENDAR_PERIODS

_OWN: Final = frozenset({"__name__", "slo_id"})
Group = tuple[str, tuple[tuple[str, str], ...]]


@dataclass(frozen=True, slots=True)
class Standing:
    """One budget.

    Attributes:
        by: Its `by` labels; external labels of the server too, where it adds some.
        left: Share of the budget that is left, below 0 when overspent; None: not known.
        burn: Budgets per period at the pace of the last hour; None: not known.
        ends_in: Seconds until it is spent at that pace; None: not at this pace, or unknown.
            A rolling window gives back what it forgets: at burn 1 or less it is never spent.
        firing: Tiers and names of what fires, most severe first.
    """

    slo_id: str
    by: Mapping[str, str]
    objective: str
    window: str
    team: str
    left: float | None
    burn: float | None
    ends_in: float | None
    firing: tuple[str, ...]


def standings(server: Prometheus) -> list[Standing]:
    """Every budget that `server` records, the most urgent first.

    Raises:
        UnreachableError: No usable answer.
        RefusedError: The server refuses a query.
    """
    told = {series.labels.get("slo_id", ""): series.labels for series in server.instant(names.INFO)}
    left = _numbers(server.instant(names.BUDGET_REMAINING))
    burn = _numbers(server.instant(names.BURN_RATE))
    firing = server.instant('ALERTS{alertstate="firing",slo_id!=""}')
    groups = {*left, *burn}
    groups |= {(slo_id, ()) for slo_id in told if slo_id not in {group[0] for group in groups}}
    found = [
        _standing(group, told.get(group[0], {}), left.get(group), burn.get(group), firing)
        for group in groups
    ]
    return sorted(found, key=urgency)


def _standing(
    group: Group,
    told: Mapping[str, str],
    left: float | None,
    burn: float | None,
    firing: list[Series],
) -> Standing:
    slo_id, by = group
    ends = None
    window = _window(told.get("window", ""))
    if left is not None and burn is not None and window is not None:
        lasts = isinstance(window, Rolling) and burn <= 1 and left > 0
        if burn > 0 and not lasts:
            ends = max(left, 0.0) * float(period_seconds(window)) / burn
    return Standing(
        slo_id=slo_id,
        by=dict(by),
        objective=told.get("objective", ""),
        window=told.get("window", ""),
        team=told.get("team", ""),
        left=left,
        burn=burn,
        ends_in=ends,
        firing=_alerts(slo_id, dict(by), firing),
    )


def _alerts(slo_id: str, by: Mapping[str, str], firing: list[Series]) -> tuple[str, ...]:
    ours = [
        series.labels
        for series in firing
        if series.labels.get("slo_id") == slo_id
        and all(series.labels.get(key, text) == text for key, text in by.items())
    ]
    ours.sort(key=lambda labels: (labels.get("severity", ""), labels.get("slo_tier", "")))
    return tuple(
        f"{labels.get('severity', '')}: {labels.get('slo_tier') or labels.get('alertname', '')}"
        for labels in ours
    )


def _numbers(found: list[Series]) -> dict[Group, float]:
    """Finite values by budget; NaN is not known."""
    return {
        (series.labels.get("slo_id", ""), _by(series.labels)): series.value
        for series in found
        if math.isfinite(series.value)
    }


def _by(labels: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((key, text) for key, text in labels.items() if key not in _OWN))


def _window(text: str) -> Rolling | Calendar | None:
    """What `slo_info` says of the window; its zone does not matter here."""
    if text in CALENDAR_PERIODS:
        return Calendar(text, "UTC")
    try:
        return Rolling(Duration.parse(text))
    except ValueError:
        return None


def urgency(one: Standing) -> tuple[float, bool, float, str, list[tuple[str, str]]]:
    """The least left first; of budgets that nobody knows yet those that fire, or burn fastest."""
    left, burn = (math.inf, one.burn or 0.0) if one.left is None else (one.left, 0.0)
    return left, not one.firing, -burn, one.slo_id, sorted(one.by.items())
