"""Sloth's records and labels beside our own, so that its dashboards and alerts go on working.

The names and labels are those that sloth documents and generates; the values are ours:
weighted by events, present without errors and with idle spells.

Source: sloth v0.16, ``examples/_gen/getting-started.yml`` and the metadata rules plug-in.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from slo import names
from slo.exact import Duration
from slo.model import AlertRule, Compiled, Intervals, RecordRule, RuleFile, RuleGroup, Slo
from slo.policy import period_seconds
from slo.rules.terms import SLOW_FROM, Terms, checked

VERSION: Final = "fleetslo"
"""Value of the label `sloth_version` of `sloth_slo_info`, which says who wrote the rule."""
_WINDOWS: Final = tuple(
    Duration.parse(window) for window in ("5m", "30m", "1h", "2h", "6h", "1d", "3d")
)
_DAY_MS: Final = 86_400_000


def with_sloth(compiled: Compiled) -> Compiled:
    """`compiled`, with sloth's records for every SLO and its labels on every burn alert."""
    intervals = compiled.project.settings.intervals
    files = tuple(_file(file, compiled, intervals) for file in compiled.rule_files)
    return replace(compiled, rule_files=files)


def _file(file: RuleFile, compiled: Compiled, intervals: Intervals) -> RuleFile:
    groups = [_labelled(group) for group in file.groups]
    for slo in compiled.project.slos:
        if slo.service == file.service:
            groups.extend(_groups(slo, intervals))
    return replace(file, groups=tuple(groups))


def _labelled(group: RuleGroup) -> RuleGroup:
    rules = tuple(
        _alert(rule, rule.slo)
        if isinstance(rule, AlertRule) and rule.slo is not None and rule.tier is not None
        else rule
        for rule in group.rules
    )
    return replace(group, rules=rules)


def _alert(rule: AlertRule, slo: Slo) -> AlertRule:
    return replace(
        rule, labels={**rule.labels, **_identity(slo), "sloth_severity": str(rule.severity)}
    )


def _identity(slo: Slo) -> dict[str, str]:
    return {"sloth_id": slo.slo_id, "sloth_service": slo.service, "sloth_slo": slo.name}


def _groups(slo: Slo, intervals: Intervals) -> tuple[RuleGroup, RuleGroup]:
    terms = Terms.of(slo)
    labels = {**{key: text for key, text in slo.labels.items() if key not in slo.by}}
    labels |= _identity(slo)
    fast = [_ratio(terms, window, labels) for window in _WINDOWS if window < SLOW_FROM]
    slow = [_ratio(terms, window, labels) for window in _WINDOWS if window >= SLOW_FROM]
    slow.extend(_period(terms, labels))
    fast.append(_burn(terms, "slo:current_burn_rate:ratio", names.error_ratio("5m"), labels))
    slow.extend(_metadata(terms, labels))
    return (
        RuleGroup(f"{slo.slo_id}:sloth-fast", intervals.fast, tuple(fast)),
        RuleGroup(f"{slo.slo_id}:sloth-slow", intervals.slow, tuple(slow)),
    )


def _ratio(terms: Terms, window: Duration, labels: dict[str, str]) -> RecordRule:
    record = names.error_ratio(window.promql())
    expr = terms.select(record) if window in terms.windows else terms.derived(window)
    return RecordRule(record, _plain(expr), {**labels, "sloth_window": window.promql()})


def _period(terms: Terms, labels: dict[str, str]) -> Iterator[RecordRule]:
    """The error ratio of the whole period; of a calendar window by its usual length.

    A period that is one of sloth's windows is recorded as that one already.
    """
    period = Duration(int(period_seconds(terms.slo.window) * 1000))
    if period not in _WINDOWS:
        length = period.promql()
        expr = _plain(terms.select(names.PERIOD_ERROR))
        yield RecordRule(names.error_ratio(length), expr, {**labels, "sloth_window": length})


def _metadata(terms: Terms, labels: dict[str, str]) -> Iterator[RecordRule]:
    slo = terms.slo
    days = int(period_seconds(slo.window) * 1000) // _DAY_MS
    for record, value in (
        (names.OBJECTIVE, slo.objective.promql()),
        ("slo:error_budget:ratio", slo.objective.budget.promql()),
        ("slo:time_period:days", str(days)),
    ):
        yield RecordRule(record, checked(f"vector({value})"), labels)
    yield _burn(terms, "slo:period_burn_rate:ratio", names.PERIOD_ERROR, labels)
    left = _plain(terms.select(names.BUDGET_REMAINING))
    yield RecordRule("slo:period_error_budget_remaining:ratio", left, labels)
    info = {
        "sloth_mode": "cli-gen-prom",
        "sloth_objective": slo.objective.percent(),
        "sloth_spec": "prometheus/v1",
        "sloth_version": VERSION,
    }
    yield RecordRule("sloth_slo_info", checked("vector(1)"), {**labels, **info})


def _burn(terms: Terms, record: str, ratio: str, labels: dict[str, str]) -> RecordRule:
    expr = f"{terms.select(ratio)} / {terms.slo.objective.budget.promql()}"
    return RecordRule(record, _plain(expr), labels)


def _plain(expr: str) -> str:
    """Without our identity: a copy of the same name must not be taken for the series itself."""
    return checked(f"sum without (slo_id) ({expr})")
