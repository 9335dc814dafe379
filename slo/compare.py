"""What changes in meaning between two projects: promises, alerts, costs, and who is told.

Text that means the same is no change: another file, another order, another comment.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Final, TypeVar

from slo.cost import Cost, cost
from slo.exact import decimal
from slo.model import Alert, Destination, Project, Rolling, Settings, Slo, Team
from slo.percent import percent
from slo.policy import TierEstimate, estimate, period_seconds

_T = TypeVar("_T")
_NONE: Final = "none"


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that is different.

    Attributes:
        kind: SLO, Alert, Team or Settings.
        name: Which one.
        what: What of it; empty where the whole of it came or went.
        old: How it was; None where it is new.
        new: How it is; None where it is gone.
    """

    kind: str
    name: str
    what: str
    old: str | None
    new: str | None


def changes(old: Project, new: Project) -> tuple[Change, ...]:
    """Everything that means something else in `new`, in the order of names."""
    return (
        *_each("SLO", _by_name(old.slos, _slo_id), _by_name(new.slos, _slo_id), _slo(old, new)),
        *_each("Alert", _by_name(old.alerts, _name), _by_name(new.alerts, _name), _alert),
        *_each("Team", _by_name(old.teams, _name), _by_name(new.teams, _name), _team),
        *_facts("Settings", "", _settings(old.settings), _settings(new.settings)),
    )


def _each(
    kind: str,
    old: Mapping[str, _T],
    new: Mapping[str, _T],
    facts: Callable[[_T], Mapping[str, str]] | tuple[Callable[[_T], Mapping[str, str]], ...],
) -> Iterator[Change]:
    before, after = facts if isinstance(facts, tuple) else (facts, facts)
    for name in sorted({*old, *new}):
        if name not in new:
            yield Change(kind, name, "", _told(before(old[name])), None)
        elif name not in old:
            yield Change(kind, name, "", None, _told(after(new[name])))
        else:
            yield from _facts(kind, name, before(old[name]), after(new[name]))


def _facts(
    kind: str, name: str, old: Mapping[str, str], new: Mapping[str, str]
) -> Iterator[Change]:
    for what in dict.fromkeys((*old, *new)):
        was, now = old.get(what), new.get(what)
        if was != now:
            yield Change(kind, name, what, was, now)


def _told(facts: Mapping[str, str]) -> str:
    """The first facts, for what came or went as a whole."""
    return ", ".join(f"{what} {text}" for what, text in list(facts.items())[:4])


def _slo(old: Project, new: Project) -> tuple[Callable[[Slo], Mapping[str, str]], ...]:
    return (
        lambda slo: _promise(slo, old.settings),
        lambda slo: _promise(slo, new.settings),
    )


def _promise(slo: Slo, settings: Settings) -> dict[str, str]:
    budget = slo.objective.budget.value
    window = slo.window
    facts = {
        "objective": f"{slo.objective.percent()} %",
        "window": window.length.promql()
        if isinstance(window, Rolling)
        else f"calendar {window.period} ({window.timezone})",
        "budget": f"{_time(budget * period_seconds(window))} of a total outage",
        "owner": slo.owner,
        "by": ", ".join(slo.by) or _NONE,
        "bad events": slo.sli.errors,
        "all events": slo.sli.total,
        "policy": slo.alerting.policy,
        "idle": slo.alerting.idle,
        "signal lost": slo.alerting.signal_lost,
        "depends on": ", ".join(slo.alerting.depends_on) or _NONE,
        "root cause": slo.root_cause,
        "labels": _pairs(slo.labels),
    }
    for line in estimate(slo):
        facts |= _tier(line)
    spent: Cost = cost(slo, settings)
    facts["recorded series"] = f"{spent.series} for each budget"
    facts["rules"] = str(spent.rules)
    facts["samples read"] = f"{spent.samples} each time, at 10 raw series of each kind"
    return facts


def _tier(line: TierEstimate) -> dict[str, str]:
    tier = line.tier
    name = f"tier {tier.name}"
    windows = f" and {tier.short.promql()}" if tier.short is not None else ""
    held = f" for {tier.hold.promql()}" if tier.hold.ms else ""
    facts = {
        name: str(tier.severity),
        f"{name}: fires above": (
            f"{float(tier.threshold.value) * 100:.4g} % bad over "
            f"{tier.long.promql()}{windows}{held}"
        ),
        f"{name}: least bad events": decimal(tier.min_bad_events),
        f"{name}: keeps firing": tier.keep_firing_for.promql(),
    }
    for impact in line.impacts:
        at = f"{name}: at {impact.error_ratio.percent()} % bad"
        facts[at] = (
            "never"
            if impact.detection is None or impact.budget_used is None
            else f"after {_time(impact.detection)}, {percent(float(impact.budget_used))} spent"
        )
    if line.false_alerts is not None:
        often = "< 0.01" if line.false_alerts < 0.01 else f"{line.false_alerts:.2g}"
        facts[f"{name}: by chance in 30 d"] = often
    return facts


def _alert(alert: Alert) -> dict[str, str]:
    escalation = alert.runbook.escalation
    return {
        "severity": str(alert.severity),
        "owner": alert.owner,
        "condition": alert.expr,
        "for": alert.hold.promql(),
        "keeps firing": alert.keep_firing_for.promql(),
        "service": alert.service,
        "scope": str(alert.scope),
        "depends on": ", ".join(alert.depends_on) or _NONE,
        "root cause": alert.root_cause,
        "escalates to": _NONE if escalation is None else f"{escalation.team}: {escalation.when}",
        "escalates when": _NONE if escalation is None else escalation.expr or _NONE,
        "labels": _pairs(alert.labels),
    }


def _team(team: Team) -> dict[str, str]:
    hours = team.hours
    return {
        "is told by": "; ".join(sorted(map(_way, team.destinations))) or _NONE,
        "escalates to": ", ".join(team.escalation) or _NONE,
        "hours": _NONE
        if hours is None
        else f"{hours.weekdays} {hours.start} to {hours.end} {hours.timezone}",
    }


def _way(destination: Destination) -> str:
    severities = "+".join(str(severity) for severity in destination.severities)
    return f"{destination.kind} ({severities}; {_pairs(destination.settings)})"


def _settings(settings: Settings) -> dict[str, str]:
    intervals = settings.intervals
    return {
        "scrapes": intervals.scrape.promql(),
        "fast rules": intervals.fast.promql(),
        "slow rules": intervals.slow.promql(),
        "external labels": _pairs(settings.external_labels),
        "runbooks": settings.urls.runbooks,
        "grafana": settings.urls.grafana,
        "prometheus": settings.urls.prometheus,
        "alertmanager": settings.urls.alertmanager,
    }


def _pairs(labels: Mapping[str, str]) -> str:
    return ", ".join(f"{key}={text}" for key, text in sorted(labels.items())) or _NONE


def _time(seconds: Fraction) -> str:
    for unit, word in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * unit:
            return f"{float(seconds / unit):.3g} {word}"
    return f"{float(seconds):.3g} s"


def _by_name(found: Iterable[_T], name: Callable[[_T], str]) -> dict[str, _T]:
    return {name(one): one for one in found}


def _slo_id(slo: Slo) -> str:
    return slo.slo_id


def _name(one: Alert | Team) -> str:
    return one.name
