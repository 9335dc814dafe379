"""Alert policies of OpenSLO: tiers of a shipped policy that say the same, else a policy of its own.

A condition is one window and one threshold. Where a shipped tier has that burn over that
window with that wait it is taken; else the conditions become tiers over one window each.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from slo.diagnostic import Span
from slo.exact import Duration, decimal
from slo.importers.native import alerting, named_by, share
from slo.importers.native import policy as document
from slo.importers.openslo.windows import length_of
from slo.importers.openslo.world import World
from slo.importers.part import Part
from slo.model import Severity, TierForm
from slo.policy import PolicyName, builtin
from slo.policy.model import TierTemplate
from slo.source import Mapping

_FIVE_MINUTES: Final = Duration.parse("5m")
_LONGEST: Final = 63
_SEVERITIES: Final = {
    "page": Severity.PAGE,
    "critical": Severity.PAGE,
    "ticket": Severity.TICKET,
    "warning": Severity.TICKET,
}
"""What people call a page and a ticket; anything else pages, and is told."""


@dataclass(frozen=True, slots=True)
class _Condition:
    burn: Fraction
    lookback: Duration
    after: Duration
    severity: str
    place: Span


def alerts(spec: Part, world: World, name: str) -> tuple[Mapping | None, Mapping | None]:
    """What an SLO of ours says under `alerting`, and a policy of its own if it names one.

    Args:
        spec: Of the SLO.
        world: What it refers to.
        name: What a policy of its own is called.

    Returns:
        Twice None leaves the alerts to the settings.
    """
    policies = spec.children("alertPolicies", "write - alertPolicyRef: NAME")
    found: list[_Condition] = []
    for item in policies:
        resolved = world.inlined(item, "alertPolicyRef", "AlertPolicy")
        if resolved is not None:
            found.extend(_policy(*resolved, world))
    if not found:
        return None, None
    for policy in PolicyName:
        for form, tiers in builtin(policy).forms.items():
            matched = [_tier(condition, tiers) for condition in found]
            if all(matched):
                kept = frozenset(tier.name for tier in matched if tier is not None)
                _told(found, matched, policy, world)
                return alerting(spec.place("alertPolicies"), kept, policy, form), None
    own = _own(spec.place("alertPolicies"), name, found, world)
    return (named_by(own), own) if own is not None else (None, None)


def _own(at: Span, name: str, found: list[_Condition], world: World) -> Mapping | None:
    """A policy that has each condition as a tier over one window, the shortest first."""
    if len(name) > _LONGEST:
        text = "its alerts are not kept: the name of their policy would be too long"
        world.report.lost(text, at, "shorten the name of the SLO")
        return None
    tiers: dict[str, dict[str, str]] = {}
    for condition in sorted(found, key=lambda each: (each.lookback, -each.burn)):
        if condition.burn <= 0:
            text = f"a threshold must be above 0, got {decimal(condition.burn)}"
            world.report.malformed(text, condition.place)
            continue
        severity = _SEVERITIES.get(condition.severity.lower())
        if severity is None:
            severity = Severity.PAGE
            text = f"severity {condition.severity!r} becomes {severity.value!r}"
            world.report.lost(text, condition.place, "write page or ticket")
        burn, window = decimal(condition.burn), condition.lookback.promql()
        tier = {"form": "window", "severity": severity.value, "burn": burn, "long": window}
        if condition.after.ms:
            tier["hold"] = condition.after.promql()
        called = "-".join((f"{burn}x", window, *([tier["hold"]] if "hold" in tier else ())))
        text = f"the condition is tier {called} of the policy {name}"
        world.report.changed(text, condition.place)
        tiers[called] = {"name": called, **tier}
    about = "The alert conditions of an OpenSLO document."
    return document(at, name, about, tiers.values()) if tiers else None


def _policy(policy: Part, place: Span, world: World) -> list[_Condition]:
    breaching = policy.flag("alertWhenBreaching", default=True)
    if policy.flag("alertWhenNoData", default=False):
        text = "alertWhenNoData is what SLOSignalLost does for every SLO"
        world.report.changed(text, policy.place("alertWhenNoData"))
    if policy.flag("alertWhenResolved", default=False):
        text = "alertWhenResolved is not kept: whether the end is told is set for each destination"
        world.report.lost(text, policy.place("alertWhenResolved"), "see send_resolved of a Team")
    for target in policy.children("notificationTargets"):
        _target(target, world)
    conditions = policy.children("conditions")
    if not conditions:
        world.report.malformed("an AlertPolicy needs one condition", policy.span)
    found: list[_Condition] = []
    for item in conditions:
        resolved = world.inlined(item, "conditionRef", "AlertCondition")
        condition = None if resolved is None else _condition(resolved[0], place, world)
        if condition is not None and breaching:
            found.append(condition)
    if not breaching:
        text = "a policy that is not told when it breaches alerts nobody with us either"
        world.report.lost(text, policy.place("alertWhenBreaching"))
    return found


def _target(item: Part, world: World) -> None:
    resolved = world.inlined(item, "targetRef", "AlertNotificationTarget")
    if resolved is not None:
        text = "who is told is not kept: it is the Team that owns the SLO"
        world.report.lost(text, resolved[1], "give the Team a destination")
        resolved[0].take("target")


def _condition(spec: Part, place: Span, world: World) -> _Condition | None:
    severity = spec.text("severity")
    part = spec.child("condition")
    if part is None:
        if not spec.has("condition"):
            world.report.malformed("an AlertCondition needs condition", spec.span)
        return None
    kind, op = part.text("kind") or "burnrate", part.scalar("op")
    if op is not None and op.text in {"lt", "lte"}:
        text = f"op {op.text} would alert while the budget is fine; the burn above it is meant"
        world.report.inverted(text, op.span, "write op: gt")
    if kind != "burnrate":
        world.report.lost(f"a condition of kind {kind} is not kept", part.place("kind"))
    burn, lookback = share(part.needed("threshold"), world.report), part.needed("lookbackWindow")
    length = None if lookback is None else length_of(lookback, world.report)
    after = part.scalar("alertAfter")
    hold = Duration(0)
    if after is not None and after.text.strip("0smh"):
        hold = length_of(after, world.report) or hold
    if burn is None or length is None or kind != "burnrate":
        return None
    return _Condition(burn, length, hold, severity, place)


def _tier(condition: _Condition, tiers: tuple[TierTemplate, ...]) -> TierTemplate | None:
    for tier in tiers:
        window = tier.long if tier.form is TierForm.WINDOWS else _FIVE_MINUTES
        same = (tier.burn, window, tier.hold) == (
            condition.burn,
            condition.lookback,
            condition.after,
        )
        if same and tier.form is not TierForm.OUTAGE:
            return tier
    return None


def _told(
    found: list[_Condition],
    matched: list[TierTemplate | None],
    policy: PolicyName,
    world: World,
) -> None:
    for condition, tier in zip(found, matched, strict=True):
        if tier is None:
            continue
        text = f"the condition is tier {tier.name} of {policy}"
        if tier.short is not None:
            text += f", which also looks at the last {tier.short.promql()} to end in time"
        world.report.changed(text, condition.place)
        if condition.severity != tier.severity:
            text = f"severity {condition.severity!r} becomes {tier.severity!r}"
            world.report.lost(text, condition.place)
