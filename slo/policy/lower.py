"""A policy meets an objective: every tier becomes numbers, or a note says why not.

Feasible by construction: a tier that is returned has a threshold below 1, a burn of at
least what its window allows, and is slower than the tier before it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Final

from slo.diagnostic import Level
from slo.exact import Duration, Ratio, decimal
from slo.model import Tier, TierForm
from slo.policy.codes import LEFT_OUT, NO_TRAFFIC, REPAIRED, SILENT
from slo.policy.model import (
    AUTO_MIN_EVENTS,
    Note,
    Plan,
    Policy,
    PolicyOptions,
    TierChange,
    TierTemplate,
)
from slo.policy.noise import least_events

REPAIRED_THRESHOLD: Final = Fraction(4, 5)
"""Error ratio at which a repaired tier fires: an outage of 80 % is one by any measure."""


@dataclass(frozen=True, slots=True)
class _Case:
    """One SLO as the tiers see it."""

    budget: Fraction
    period: Duration
    policy: Policy
    options: PolicyOptions
    events_per_second: Fraction | None


def tiers(
    policy: Policy,
    objective: Ratio,
    period: Duration,
    *,
    options: PolicyOptions | None = None,
    events_per_second: Fraction | None = None,
) -> Plan:
    """The tiers of an SLO under `policy`, and what had to be changed.

    Args:
        policy: A shipped one (`slo.policy.builtin`) or the user's own (`slo.policy.read`).
        objective: Share of good events promised, below 1.
        period: Length of the SLO's window; of a calendar window its usual length.
        options: What the SLO says under `alerting`; None for nothing.
        events_per_second: Traffic, above 0; None when it is not known.

    Raises:
        ValueError: `objective` is 1 and leaves no budget, or `options.form` is no form
            of `policy`.
    """
    chosen = options or PolicyOptions()
    if objective.value == 1:
        msg = "an objective of 100 percent leaves no budget to alert on"
        raise ValueError(msg)
    form = chosen.form or policy.default_form
    if form not in policy.forms:
        known = ", ".join(policy.forms)
        msg = f"policy {policy.name} has no form {form!r}, allowed are {known}"
        raise ValueError(msg)
    case = _Case(objective.budget.value, period, policy, chosen, events_per_second)
    return _plan(case, _wanted(policy.forms[form], chosen))


def _wanted(
    templates: tuple[TierTemplate, ...], options: PolicyOptions
) -> tuple[TierTemplate, ...]:
    return tuple(
        _changed(template, options.changes.get(template.name))
        for template in templates
        if template.severity in options.severities and template.name not in options.off
    )


def _changed(template: TierTemplate, change: TierChange | None) -> TierTemplate:
    if change is None:
        return template
    hold, keep = change.hold, change.keep_firing_for
    return replace(
        template,
        name=change.name or template.name,
        hold=template.hold if hold is None else hold,
        keep_firing_for=template.keep_firing_for if keep is None else keep,
    )


def _plan(case: _Case, templates: tuple[TierTemplate, ...]) -> Plan:
    kept: list[Tier] = []
    notes: list[Note] = []
    fastest: Fraction | None = None
    for template in templates:
        if template.form is TierForm.OUTAGE:
            burn, note = _outage(case, template)
        else:
            burn, note = _burn(case, template, fastest)
            fastest = burn if burn is not None else fastest
        if note is not None:
            notes.append(note)
        if burn is not None:
            kept.append(_tier(case, template, burn))
    if case.policy.max_false_pages is not None and case.events_per_second is None:
        notes.append(_traffic_unknown(case.policy))
    if not kept:
        notes.append(never_alerts(case.policy.name))
    return Plan(tuple(kept), tuple(notes))


def _outage(case: _Case, template: TierTemplate) -> tuple[Fraction | None, Note | None]:
    """Burn of the outage tier: the threshold over the budget, or None and the reason."""
    threshold = max(template.burn * case.budget, template.floor.value)
    if threshold <= template.ceiling.value:
        return threshold / case.budget, None
    text = (
        f"tier {template.name} is left out: it would start above "
        f"{template.ceiling.percent()} percent errors, got {decimal(threshold * 100)}"
    )
    return None, Note(LEFT_OUT, Level.WARNING, template.name, text)


def _burn(
    case: _Case, template: TierTemplate, faster: Fraction | None
) -> tuple[Fraction | None, Note | None]:
    """The burn that the tier gets, or None; and what there is to say about it."""
    burn = _scaled(case, template)
    if burn < 1 <= template.burn:
        text = (
            f"tier {template.name} is left out: over {template.long.promql()} of a window of "
            f"{case.period.promql()} it would fire at a burn of {decimal(burn)}, below 1"
        )
        return None, Note(LEFT_OUT, Level.WARNING, template.name, text)
    repaired = REPAIRED_THRESHOLD / case.budget
    if burn * case.budget < 1:
        if faster != repaired or burn < repaired:
            return burn, None
        text = f"tier {template.name} is left out: it would be no slower than the tier before it"
        return None, Note(LEFT_OUT, Level.WARNING, template.name, text)
    needs = decimal(burn * case.budget * 100)
    cannot = (
        f"tier {template.name} cannot fire: {decimal(burn)} times a budget of "
        f"{decimal(case.budget * 100)} percent is {needs} percent errors"
    )
    if repaired < 1 or (faster is not None and repaired >= faster):
        text = f"{cannot}; left out"
        return None, Note(LEFT_OUT, Level.WARNING, template.name, text)
    text = f"{cannot}; its burn becomes {decimal(repaired)}"
    way_out = f"switch it off with `alerting: {{off: [{template.name}]}}`, or raise the objective"
    return repaired, Note(REPAIRED, Level.WARNING, template.name, text, way_out)


def _scaled(case: _Case, template: TierTemplate) -> Fraction:
    """The burn on this SLO's window: lowered where firing would come after `max_budget`.

    burn = share of budget x period / window. Source: The Site Reliability Workbook, ch. 5.
    """
    if template.max_budget is None:
        return template.burn
    limit = template.max_budget.value * Fraction(case.period.ms, template.long.ms)
    return min(template.burn, limit)


def _tier(case: _Case, template: TierTemplate, burn: Fraction) -> Tier:
    tier = Tier(
        name=template.name,
        form=template.form,
        severity=template.severity,
        burn=burn,
        threshold=Ratio(burn * case.budget),
        long=template.long,
        short=template.short,
        hold=template.hold,
        keep_firing_for=template.keep_firing_for,
        min_bad_events=Fraction(0),
    )
    return replace(tier, min_bad_events=_min_events(case, tier))


def _min_events(case: _Case, tier: Tier) -> Fraction:
    """Bad events that the tier asks for; a burn of 1 is no chance on a service that burns at 1."""
    if case.options.min_events is not None:
        return case.options.min_events
    allowed = case.policy.max_false_pages
    if allowed is None or case.events_per_second is None or tier.burn <= 1:
        return AUTO_MIN_EVENTS
    bad_per_second = case.events_per_second * case.budget
    asking = replace(tier, min_bad_events=AUTO_MIN_EVENTS)
    return Fraction(least_events(asking, bad_per_second, allowed))


def _traffic_unknown(policy: Policy) -> Note:
    text = (
        f"policy {policy.name} derives minimum events from the traffic, which is unknown; "
        f"takes {decimal(AUTO_MIN_EVENTS)}"
    )
    return Note(
        NO_TRAFFIC, Level.NOTICE, "", text, "say `traffic: {events_per_second: ...}` in the SLO"
    )


def never_alerts(policy: str = "") -> Note:
    """What is said of an SLO without tiers."""
    whose = f" of policy {policy}" if policy else ""
    text = f"no tier{whose} is left: this SLO never alerts on its budget"
    return Note(SILENT, Level.WARNING, "", text)
