"""Pyrra's burn alerts as a policy of one SLO; what pyrra itself could not evaluate is named.

Source: pyrra, `slo.Windows`: windows and waits are shares of those of 28 days, rounded to
minutes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from slo.exact import Duration
from slo.importers.native import alerting
from slo.importers.native import policy as document
from slo.importers.part import Part
from slo.policy import PolicyName
from slo.source import Mapping, Scalar

_FOUR_WEEKS: Final = Duration.parse("28d")
_MINUTE_MS: Final = 60_000
_TIERS: Final = (
    ("fast", "page", "14", "1h", "5m", "2m"),
    ("slow", "page", "7", "6h", "30m", "15m"),
    ("trend", "ticket", "2", "1d", "2h", "1h"),
    ("drift", "ticket", "1", "4d", "6h", "3h"),
)
"""Name, severity (critical pages, warning is a ticket), burn, windows, `for`; all at 28d."""
_LONGEST: Final = 63


def policy(name: str, window: Scalar, spec: Part) -> Mapping | None:
    """Pyrra's four alerts as a policy of one SLO; None where none is to be had."""
    try:
        length = Duration.parse(window.text)
    except ValueError:
        return None
    if len(name) > _LONGEST:
        text = "pyrra's burn rates are not kept: the name of their policy would be too long"
        spec.report.lost(text, window.span, "shorten the name of the SLO")
        return None
    tiers = list(_tiers(length))
    if len(tiers) < len(_TIERS):
        text = (
            f"over {length.promql()} pyrra's short windows become zero, which Prometheus refuses: "
            f"{len(_TIERS) - len(tiers)} of its 4 alerts are left out"
        )
        spec.report.lost(text, window.span, "write the tiers that you want as a Policy")
    about = f"The burn rates of pyrra over a window of {length.promql()}."
    return document(spec.span, name, about, tiers) if tiers else None


def _tiers(length: Duration) -> Iterator[dict[str, str]]:
    """The tiers at a window of `length`; without those whose short window would be zero."""
    for name, severity, burn, *spans in _TIERS:
        long, short, hold = (_scaled(Duration.parse(span), length) for span in spans)
        if not short.ms or short >= long:
            continue
        tier = {"name": name, "form": "windows", "severity": severity, "burn": burn}
        tier |= {"long": long.promql(), "short": short.promql()}
        yield tier | ({"hold": hold.promql()} if hold.ms else {})


def _scaled(span: Duration, length: Duration) -> Duration:
    """The share of `length` that `span` is of 28 days, in whole minutes, halves upwards."""
    exact = span.ms * length.ms
    step = _FOUR_WEEKS.ms * _MINUTE_MS
    return Duration((2 * exact + step) // (2 * step) * _MINUTE_MS)


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
