"""Pyrra's burn alerts: a policy of one SLO where they are exact, else a line in the report.

Source: pyrra, `slo.Windows`: windows and waits are shares of those of 28 days.
"""

from __future__ import annotations

from typing import Final

from slo.exact import Duration
from slo.importers.native import API_VERSION, alerting, mapping, scalar
from slo.importers.part import Part
from slo.policy import PolicyName
from slo.source import Mapping, Scalar, Sequence

_LOST: Final = (
    "pyrra's burn rates, 14x, 7x, 2x and 1x over windows that grow with that of the SLO, are "
    "kept for 28d only; the policy of the settings is taken instead"
)
_FOUR_WEEKS: Final = Duration.parse("28d")
_TIERS: Final = (
    ("fast", "windows", "page", "14", "1h", "5m", "2m"),
    ("slow", "windows", "page", "7", "6h", "30m", "15m"),
    ("trend", "windows", "ticket", "2", "1d", "2h", "1h"),
    ("drift", "windows", "ticket", "1", "4d", "6h", "3h"),
)
"""Name, form, severity (critical pages, warning is a ticket), burn, windows, `for` at 28d."""
_LONGEST: Final = 63


def policy(name: str, window: Scalar, spec: Part) -> Mapping | None:
    """Pyrra's four alerts as a policy of one SLO; None where they are not to be had."""
    try:
        fits = Duration.parse(window.text) == _FOUR_WEEKS and len(name) <= _LONGEST
    except ValueError:
        return None
    if not fits:
        spec.report.lost(_LOST, window.span, "write its tiers as a Policy, and name that")
        return None
    at = spec.span
    keys = ("name", "form", "severity", "burn", "long", "short", "hold")
    tiers = [
        mapping(at, {key: scalar(text, at) for key, text in zip(keys, tier, strict=True)})
        for tier in _TIERS
    ]
    forms = mapping(at, {"windowed": Sequence(tuple(tiers), at)})
    about = scalar("The burn rates of pyrra over a window of 28 days.", at)
    return mapping(
        at,
        {
            "apiVersion": scalar(API_VERSION, at),
            "kind": scalar("Policy", at),
            "metadata": mapping(at, {"name": scalar(name, at)}),
            "spec": mapping(at, {"description": about, "forms": forms}),
        },
    )


def named_by(policy: Mapping) -> Mapping:
    """What an SLO says under `alerting` to be alerted by `policy`, at the first bad event."""
    metadata = policy.get("metadata")
    name = metadata.get("name") if isinstance(metadata, Mapping) else None
    return mapping(policy.span, {"policy": name, "min_events": scalar("1", policy.span)})


def off(spec: Part) -> Mapping | None:
    """No alerts, where the file switches them off."""
    part = spec.child("alerting")
    if part is not None:
        part.lose("name", "alerts are called after service and SLO")
        part.lose("absentName", "SLOSignalLost tells of vanished metrics")
        if not part.flag("absent", default=True):
            text = (
                "absent is not kept: SLOSignalLost tells of metrics that vanish, not of idle ones"
            )
            spec.report.lost(
                text, part.place("absent"), "mute it by a route where it is not wanted"
            )
        disabled = part.flag("disabled", default=False)
        if disabled or not part.flag("burnrates", default=True):
            return alerting(part.span, frozenset(), PolicyName.SRE_MULTIWINDOW)
    return None
