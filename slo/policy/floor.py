"""Tiers become ones that can be trusted: enough scrapes, events that there are, little chance.

A tier that the ground under it does not carry is repaired: its windows grow until they hold
enough scrapes, its minimum of bad events becomes one that can be reached and that chance does
not. Where no repair leaves a tier that can fire it is left out. A minimum that the owner has
stated is theirs: nothing but an impossible one is touched.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Final

from slo.diagnostic import Level
from slo.exact import Duration, Ratio, decimal
from slo.model import Tier
from slo.plural import plural
from slo.policy.codes import FEW_SCRAPES, NOISY, OUT_OF_REACH
from slo.policy.lower import REPAIRED_THRESHOLD, never_alerts
from slo.policy.model import Note, Plan
from slo.policy.noise import false_alerts, gate_seconds, least_events

LEAST_SCRAPES: Final = 4
"""Samples in the shortest window. Source: Prometheus, "Best practices", rate over 4 intervals."""
OFTEN: Final = Fraction(1)
"""Alerts a month by chance alone above which a tier is called noisy."""
_WINDOWS: Final = tuple(
    Duration.parse(text) for text in ("1m", "2m", "3m", "5m", "10m", "15m", "30m", "1h")
)
"""What a window that is too short may become."""


@dataclass(frozen=True, slots=True)
class Ground:
    """What the tiers of one SLO stand on.

    Attributes:
        budget: Of the SLO.
        events_per_second: Its traffic; None when it is not known: then it is not judged.
        scrape: How often its series are scraped; None: not judged.
        stated: The owner said how many bad events a tier asks for.
    """

    budget: Ratio
    events_per_second: Fraction | None
    scrape: Duration | None
    stated: bool = False


def trusted(plan: Plan, ground: Ground) -> Plan:
    """`plan` with every tier repaired that `ground` does not carry, or without it.

    Each change has a note that names the tier, the old and the new number.
    """
    kept: list[Tier] = []
    notes = list(plan.notes)
    for tier in plan.tiers:
        found, said = _carried(tier, ground)
        notes.extend(said)
        if found is not None:
            kept.append(found)
    if plan.tiers and not kept:
        notes.append(never_alerts())
    return Plan(tuple(kept), tuple(notes))


def _carried(tier: Tier, ground: Ground) -> tuple[Tier | None, list[Note]]:
    """`tier` after every repair; of one that is left out the reason alone is told."""
    notes: list[Note] = []
    for judge in (_scraped, _reached, _quiet):
        found, note = judge(tier, ground)
        if note is not None:
            notes.append(note)
        if found is None:
            return None, notes[-1:]
        tier = found
    return tier, notes


def _scraped(tier: Tier, ground: Ground) -> tuple[Tier | None, Note | None]:
    """Windows that hold enough scrapes."""
    if ground.scrape is None:
        return tier, None
    needed = LEAST_SCRAPES * ground.scrape.ms
    short, long = tier.short, tier.long
    shortest = short or long
    if shortest.ms >= needed:
        return tier, None
    why = (
        f"tier {tier.name} looks over {shortest.promql()}, which holds "
        f"{plural(shortest.ms // ground.scrape.ms, 'scrape')} at one every {ground.scrape.promql()}"
    )
    grown = next((window for window in _WINDOWS if window.ms >= needed), None)
    if grown is None or (short is not None and grown >= long):
        return None, _note(FEW_SCRAPES, tier, f"{why}; left out", "scrape more often")
    which = "window" if short is None else "short window"
    text = f"{why}; its {which} becomes {grown.promql()}"
    way_out = f"scrape every {Duration(shortest.ms // LEAST_SCRAPES).promql()} or more often"
    changed = replace(tier, long=grown) if short is None else replace(tier, short=grown)
    return changed, _note(FEW_SCRAPES, tier, text, way_out)


def _reached(tier: Tier, ground: Ground) -> tuple[Tier | None, Note | None]:
    """A minimum of bad events that a total outage brings."""
    traffic = ground.events_per_second
    if traffic is None:
        return tier, None
    there = traffic * gate_seconds(tier)
    if there >= tier.min_bad_events:
        return tier, None
    why = (
        f"tier {tier.name} can never fire: it asks for {decimal(tier.min_bad_events)} bad events, "
        f"and there are {float(there):.3g} events in its window"
    )
    fewer = _least(replace(tier, min_bad_events=Fraction(1)), traffic * ground.budget.value)
    if ground.stated or fewer > REPAIRED_THRESHOLD * there:
        way_out = "lower alerting.min_events" if ground.stated else "rely on the slower tiers"
        return None, _note(OUT_OF_REACH, tier, f"{why}; left out", way_out)
    way_out = "say alerting.min_events yourself to have another number"
    text = f"{why}; it asks for {fewer}"
    changed = replace(tier, min_bad_events=Fraction(fewer))
    return changed, _note(OUT_OF_REACH, tier, text, way_out)


def _quiet(tier: Tier, ground: Ground) -> tuple[Tier | None, Note | None]:
    """A minimum of bad events that chance seldom brings.

    Tiers of burn 1 are left alone: there, crossing the line is no chance.
    """
    traffic = ground.events_per_second
    if traffic is None or tier.burn <= 1:
        return tier, None
    bad_per_second = traffic * ground.budget.value
    often = false_alerts(tier, bad_per_second)
    if often <= OFTEN:
        return tier, None
    why = f"chance alone fires tier {tier.name} about {often:.2g} times a month"
    way_out = "choose the policy budget-aware, or raise alerting.min_events"
    if ground.stated:
        return tier, _note(NOISY, tier, why, way_out)
    more = _least(tier, bad_per_second)
    asked = f"{decimal(tier.min_bad_events)} bad events"
    if more > REPAIRED_THRESHOLD * traffic * gate_seconds(tier):
        text = f"{why} with {asked}, and there is too little traffic to ask for {more}; left out"
        return None, _note(NOISY, tier, text, "rely on the slower tiers")
    text = f"{why} with {asked}; it asks for {more}"
    return replace(tier, min_bad_events=Fraction(more)), _note(NOISY, tier, text, way_out)


def _least(tier: Tier, bad_per_second: Fraction) -> int:
    """The smallest minimum, from that of `tier` on, that chance reaches at most once a month."""
    if tier.burn <= 1:
        return int(tier.min_bad_events)
    return least_events(tier, bad_per_second, OFTEN)


def _note(code: str, tier: Tier, text: str, way_out: str) -> Note:
    return Note(code, Level.WARNING, tier.name, text, way_out)
