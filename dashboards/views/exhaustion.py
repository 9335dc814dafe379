"""Days until the first error budget is spent, if errors go on as in the last hour.

A rolling window gives back what it forgets. So a budget that burns at most as fast as
planned is never spent: what is left settles at 1 less the burn. Above that the estimate is
what is left over the pace, which ignores what is given back, and so errs on the safe side.
A calendar window gives nothing back before it ends, and is always estimated.
"""

from __future__ import annotations

from collections import defaultdict
from fractions import Fraction
from typing import Final

from dashboards import limits, palette
from dashboards.layout import Size
from dashboards.material import Material, window_days
from dashboards.panel import State, Step, Words
from dashboards.panels import Stat
from dashboards.query import Prom, any_of
from slo.exact import decimal
from slo.model import Rolling, Severity, Slo

_FOREVER_DAYS: Final = 365
"""More days than this are told as a year or more."""
_STANDING_STILL: Final = "0.001"
"""A burn below this would not spend the budget within 80 years: no estimate is sharper."""
NOT_YET: Final = "Nothing measured yet: the first value comes after five minutes of traffic."
"""Why a tile about promises is empty: budgets are summed over tiles of five minutes."""
_NOTHING: Final = "vector(0) > 0"
"""PromQL that is empty: there is no SLO at all."""


def exhaustion(material: Material) -> Stat:
    """The tile; its limits are those of the alerts, told in days of the shortest window."""
    bad, watch = _limits(material)
    return Stat(
        key="exhaustion",
        title="Days until a budget is spent",
        words=Words(
            "If errors go on at the present pace: days until the first promise is broken.",
            f"A year or more is calm. Below {watch:.1f} days somebody should look; below "
            f"{bad:.1f} days somebody must. 0 means that a budget is spent already.",
            "Ask the owning team what changed; the on-call view marks deployments and policies.",
        ),
        none=NOT_YET,
        queries=(Prom(expr=f"min(clamp_max({_expr(material)}, {_FOREVER_DAYS}))", instant=True),),
        unit="none",
        decimals=1,
        steps=_rising(bad, watch),
        states=(State(float(_FOREVER_DAYS), None, "a year or more", palette.GOOD),),
        wish=Size(6, 6),
    )


def _limits(material: Material) -> tuple[float, float]:
    """Days that a full budget lasts at the lowest page and at the lowest ticket."""
    shortest = min((window_days(slo) for slo in material.slos), default=Fraction(30))
    pages = limits.burn_factors(material.slos, Severity.PAGE)
    tickets = limits.burn_factors(material.slos, Severity.TICKET)
    watch = shortest / (tickets[0] if tickets else limits.SPENDING)
    bad = shortest / pages[0] if pages else min(watch, Fraction(1))
    return float(bad), float(watch)


def _expr(material: Material) -> str:
    alike: dict[tuple[Fraction, bool], list[Slo]] = defaultdict(list)
    for slo in material.slos:
        alike[window_days(slo), isinstance(slo.window, Rolling)].append(slo)
    parts = [_days_left(days, rolling, slos) for (days, rolling), slos in sorted(alike.items())]
    return " or ".join(parts) or _NOTHING


def _days_left(days: Fraction, rolling: bool, slos: list[Slo]) -> str:
    those = f"{{slo_id=~{any_of([slo.slo_id for slo in slos])}}}"
    left = f"slo:error_budget_remaining:ratio{those}"
    burn = f"slo:burn_rate:ratio{those}"
    estimate = f"clamp_min({left}, 0) * {decimal(days)} / clamp_min({burn}, {_STANDING_STILL})"
    if not rolling:
        return estimate
    return f"({estimate} and ({burn} > 1 or {left} <= 0)) or {burn} * 0 + {_FOREVER_DAYS}"


def _rising(bad: float, watch: float) -> tuple[Step, ...]:
    """Bad at the bottom, to watch from `bad` on, good from `watch` on."""
    if bad >= watch:
        return (Step(palette.BAD, None), Step(palette.GOOD, watch))
    return (Step(palette.BAD, None), Step(palette.WATCH, bad), Step(palette.GOOD, watch))
