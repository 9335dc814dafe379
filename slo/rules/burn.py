"""The alerts of an SLO: one rule per tier under one name, and what is said when data stop.

Every term of an expression is matched on the SLO and its `by` labels, so that one busy agent
never opens the gate of minimum events for a tiny one.
"""

from __future__ import annotations

from typing import Final

from slo import names
from slo.exact import Duration, decimal
from slo.model import AlertRule, Settings, Severity, Slo, Tier, TierForm
from slo.policy import gate_seconds
from slo.rules.terms import FIVE_MINUTES, SLOW_FROM, Terms, checked, tiles_of
from slo.rules.words import budget_id, burn_words, idle_words, links, literal, lost_words

IDLE: Final = "SLOTrafficStopped"
"""The alert of `alerting.idle`: the counters stay, and nothing is counted any more."""
_LOST_FOR: Final = Duration.parse("10m")
_REMEMBERED: Final = "1d:5m"
"""How long a signal that is gone is missed, in steps of 5 minutes."""


def burn_alerts(terms: Terms, settings: Settings) -> tuple[AlertRule, ...]:
    """One rule per tier, fastest first."""
    return tuple(_burn_alert(terms, tier, settings) for tier in terms.slo.alerting.tiers)


def is_slow(rule: AlertRule) -> bool:
    """Whether a rule belongs into the slow group: its long window is a day or more."""
    return rule.tier is not None and rule.tier.long >= SLOW_FROM


def signal_alerts(terms: Terms, settings: Settings) -> tuple[AlertRule, ...]:
    """`SLOSignalLost` and the alert on traffic that stopped, as the SLO asks for them."""
    found: list[AlertRule] = []
    alerting = terms.slo.alerting
    if alerting.signal_lost != "ok":
        found.append(_signal_lost(terms, settings, Severity(alerting.signal_lost)))
    if alerting.idle != "ok":
        found.append(_idle(terms, settings, Severity(alerting.idle)))
    return tuple(found)


def condition(terms: Terms, tier: Tier, settings: Settings) -> str:
    """The expression of `tier`; its value is the error ratio of the long window."""
    ratios = [terms.ratio_above(tier.long, tier.threshold)]
    if tier.short is not None:
        ratios.append(terms.ratio_above(tier.short, tier.threshold))
    if tier.min_bad_events > 0:
        ratios.append(f"{_bad_events(terms, tier, settings)} >= {decimal(tier.min_bad_events)}")
    return terms.every(ratios)


def _bad_events(terms: Terms, tier: Tier, settings: Settings) -> str:
    """Bad events that count for the tier, from recorded rates.

    A sum over evaluations times their interval, never a mean over the window: a series that
    is minutes old would be taken for one that fills it, and one error for many.
    """
    now = terms.select(f"{names.SLI_ERRORS}:rate5m")
    if tier.form is TierForm.SUSTAINED or tier.long <= FIVE_MINUTES:
        return f"{now} * {gate_seconds(tier)}"
    if tier.long >= SLOW_FROM:
        tiles = terms.select(f"{names.SLI_ERRORS}:avg5m")
        counted = decimal(FIVE_MINUTES.total_seconds)
        return f"sum_over_time({tiles}[{tiles_of(tier.long)}]) * {counted}"
    step = decimal(settings.intervals.fast.total_seconds)
    return f"sum_over_time({now}[{tier.long.promql()}]) * {step}"


def _burn_alert(terms: Terms, tier: Tier, settings: Settings) -> AlertRule:
    slo = terms.slo
    name = names.burn_alert(slo.service, slo.name)
    return AlertRule(
        name=name,
        expr=condition(terms, tier, settings),
        hold=tier.hold,
        keep_firing_for=tier.keep_firing_for,
        labels={
            **_labels(slo, tier.severity),
            "slo_tier": tier.name,
            "budget_id": budget_id(slo),
        },
        annotations={**burn_words(slo, tier), **links(settings.urls, name, slo.slo_id)},
        severity=tier.severity,
        team=slo.owner,
        by=slo.by,
        slo=slo,
        tier=tier,
    )


def _signal_lost(terms: Terms, settings: Settings, severity: Severity) -> AlertRule:
    slo = terms.slo
    total = terms.select(f"{names.SLI_TOTAL}:rate5m")
    seen = f"group by (slo_id) (present_over_time({total}[{_REMEMBERED}]))"
    return AlertRule(
        name=names.SIGNAL_LOST,
        expr=checked(f"{seen}\nunless on (slo_id) {total}"),
        hold=_LOST_FOR,
        keep_firing_for=Duration(0),
        labels={
            **_labels(slo, severity),
            "budget_id": slo.slo_id,
            "root_cause": names.LOST_SIGNALS,
        },
        annotations={
            **lost_words(slo),
            **links(settings.urls, names.SIGNAL_LOST, slo.slo_id),
        },
        severity=severity,
        team=slo.owner,
        by=(),
        slo=slo,
    )


def _idle(terms: Terms, settings: Settings, severity: Severity) -> AlertRule:
    slo = terms.slo
    total = terms.select(f"{names.SLI_TOTAL}:rate5m")
    stopped = terms.every([f"{total} == 0", f"max_over_time({total}[{_REMEMBERED}]) > 0"])
    if slo.excluded:
        stopped = checked(f"{stopped}\nand on () {terms.counted()}")
    return AlertRule(
        name=IDLE,
        expr=stopped,
        hold=_LOST_FOR,
        keep_firing_for=Duration(0),
        labels={**_labels(slo, severity), "budget_id": budget_id(slo)},
        annotations={**idle_words(slo), **links(settings.urls, IDLE, slo.slo_id)},
        severity=severity,
        team=slo.owner,
        by=slo.by,
        slo=slo,
    )


def _labels(slo: Slo, severity: Severity) -> dict[str, str]:
    """The user's labels, and over them ours, which routes and inhibition rely on."""
    return {
        **{key: literal(value) for key, value in slo.labels.items() if key not in slo.by},
        "severity": str(severity),
        "slo_id": slo.slo_id,
        "slo": slo.name,
        "service": slo.service,
        "team": slo.owner,
        "scope": str(slo.scope),
        "root_cause": slo.root_cause,
    }
