"""An SLO as it is, and as it would be with another objective or another policy."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Final

from slo.exact import Duration, Ratio
from slo.model import Slo, Tier, TierForm
from slo.policy import Ground, PolicyName, builtin, period_seconds, tiers, trusted

_OUTAGE_BURN: Final = Fraction(72, 5)
_OUTAGE_CEILING: Final = Fraction(4, 5)
"""An outage tier starts above 14.4 times the budget and a floor of its own, and nowhere above
80 percent. Source: the shipped policies."""


@dataclass(frozen=True, slots=True)
class Variant:
    """One way to promise and to alert; `as_written` is the one of the file."""

    slo: Slo
    as_written: bool


def variants(
    slo: Slo, objectives: Sequence[Ratio], policies: Sequence[PolicyName]
) -> tuple[Variant, ...]:
    """`slo` as it is, then every other combination, in the order given.

    A policy is taken with its own defaults, except that of the file.
    """
    found = [Variant(slo, as_written=True)]
    names: Sequence[PolicyName | None] = policies or (None,)
    for objective in objectives or (slo.objective,):
        for policy in names:
            kept = policy is None or str(policy) == slo.alerting.policy
            if kept and objective == slo.objective:
                continue
            made = _retuned(slo, objective) if kept else _under(slo, objective, policy)
            found.append(Variant(made, as_written=False))
    return tuple(found)


def _under(slo: Slo, objective: Ratio, policy: PolicyName | None) -> Slo:
    assert policy is not None
    period = Duration(int(period_seconds(slo.window) * 1000))
    traffic = slo.events_per_second
    plan = trusted(
        tiers(builtin(policy), objective, period, events_per_second=traffic),
        Ground(objective.budget, traffic, scrape=None),
    )
    alerting = replace(slo.alerting, policy=str(policy), tiers=plan.tiers)
    return replace(slo, objective=objective, alerting=alerting)


def _retuned(slo: Slo, objective: Ratio) -> Slo:
    """The same tiers on another budget; those that could not fire are left out."""
    kept = tuple(_feasible(slo.alerting.tiers, objective))
    return replace(slo, objective=objective, alerting=replace(slo.alerting, tiers=kept))


def _feasible(found: Iterable[Tier], objective: Ratio) -> Iterator[Tier]:
    budget = objective.budget.value
    for tier in found:
        threshold = tier.burn * budget
        if tier.form is TierForm.OUTAGE:
            floor = tier.threshold.value if tier.burn > _OUTAGE_BURN else Fraction(0)
            threshold = max(floor, _OUTAGE_BURN * budget)
        if threshold < 1 and (tier.form is not TierForm.OUTAGE or threshold <= _OUTAGE_CEILING):
            yield replace(tier, threshold=Ratio(threshold), burn=threshold / budget)
