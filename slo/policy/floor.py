"""Whether a tier can be trusted: enough scrapes, enough events, little chance.

Tiers are kept as they are. What to do about it is the owner's choice, and the note says which.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import Final

from slo.diagnostic import Level
from slo.exact import Duration, Ratio, decimal
from slo.model import Tier
from slo.policy.codes import FEW_SCRAPES, NOISY, OUT_OF_REACH
from slo.policy.model import Note
from slo.policy.noise import false_alerts, gate_seconds

LEAST_SCRAPES: Final = 4
"""Samples in the shortest window. Source: Prometheus, "Best practices", rate over 4 intervals."""
_OFTEN: Final = 1.0
"""Alerts a month by chance alone above which a tier is called noisy."""


def floors(
    tiers: Iterable[Tier], budget: Ratio, events_per_second: Fraction | None, scrape: Duration
) -> Iterator[Note]:
    """What stands against trusting `tiers`, at most one note for each.

    Args:
        tiers: Of one SLO.
        budget: Of the same.
        events_per_second: Its traffic; None when it is not known: then scrapes only.
        scrape: How often its series are scraped.
    """
    for tier in tiers:
        note = _scrapes(tier, scrape)
        if note is None and events_per_second is not None:
            note = _reach(tier, events_per_second) or _noise(tier, events_per_second * budget.value)
        if note is not None:
            yield note


def _scrapes(tier: Tier, scrape: Duration) -> Note | None:
    shortest = min(tier.long, tier.short or tier.long)
    if shortest.ms >= LEAST_SCRAPES * scrape.ms:
        return None
    text = (
        f"tier {tier.name} looks over {shortest.promql()}, which holds "
        f"{shortest.ms // scrape.ms} scrapes at one every {scrape.promql()}"
    )
    way_out = f"scrape every {Duration(shortest.ms // LEAST_SCRAPES).promql()} or more often"
    return Note(FEW_SCRAPES, Level.WARNING, tier.name, text, way_out)


def _reach(tier: Tier, events_per_second: Fraction) -> Note | None:
    there = events_per_second * gate_seconds(tier)
    if there >= tier.min_bad_events:
        return None
    text = (
        f"tier {tier.name} can never fire: it asks for {decimal(tier.min_bad_events)} bad events, "
        f"and there are {float(there):.3g} events in its window"
    )
    way_out = "lower alerting.min_events, or switch the tier off"
    return Note(OUT_OF_REACH, Level.WARNING, tier.name, text, way_out)


def _noise(tier: Tier, bad_per_second: Fraction) -> Note | None:
    """Tiers of burn 1 are left alone: there, crossing the line is no chance."""
    if tier.burn <= 1:
        return None
    often = false_alerts(tier, bad_per_second)
    if often <= _OFTEN:
        return None
    text = f"chance alone fires tier {tier.name} about {often:.2g} times a month"
    way_out = "choose the policy budget-aware, or raise alerting.min_events"
    return Note(NOISY, Level.WARNING, tier.name, text, way_out)
