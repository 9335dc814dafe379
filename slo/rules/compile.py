"""A project becomes rules: one file per service, a fast and a slow group per SLO."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from slo import names
from slo.model import (
    AlertRule,
    Compiled,
    Project,
    RecordRule,
    RuleFile,
    RuleGroup,
    Settings,
    SeverityWords,
    Slo,
)
from slo.rules.burn import burn_alerts, is_slow, signal_alerts
from slo.rules.calendar import calendar_groups
from slo.rules.operational import alert_rules, watchdog
from slo.rules.records import fast_records, slow_records
from slo.rules.terms import Terms, checked

OWN_SERVICE: Final = "fleetslo"
"""The service of rules that belong to no SLO: the watchdog, the calendar."""


def compile_project(project: Project) -> Compiled:
    """All rules of `project`, in a stable order: services and SLOs by name.

    Raises:
        PromqlError: An expression that was composed does not parse; a bug, since what the
            project holds has been checked.
    """
    services = {slo.service for slo in project.slos}
    services |= {alert.service for alert in project.alerts}
    files = [_file(project, service) for service in sorted(services | {OWN_SERVICE})]
    return Compiled(project, tuple(files))


def _file(project: Project, service: str) -> RuleFile:
    groups: list[RuleGroup] = []
    if service == OWN_SERVICE:
        groups.extend(_own_groups(project))
    for slo in project.slos:
        if slo.service == service:
            groups.extend(slo_groups(project.settings, slo))
    groups.extend(_alert_groups(project, service))
    return RuleFile(service, tuple(worded(group, project.settings) for group in groups))


def worded(group: RuleGroup, settings: Settings) -> RuleGroup:
    """`group` with the user's own words in the label `severity`, if there are any."""
    words = settings.severities
    if words == SeverityWords():
        return group
    rules = tuple(
        replace(rule, labels={**rule.labels, "severity": words.said(rule.labels["severity"])})
        if isinstance(rule, AlertRule)
        else rule
        for rule in group.rules
    )
    return replace(group, rules=rules)


def _own_groups(project: Project) -> tuple[RuleGroup, ...]:
    interval = project.settings.intervals.fast
    rules: tuple[RecordRule | AlertRule, ...] = (
        *_words(project.settings),
        watchdog(project.settings),
    )
    return (RuleGroup("fleetslo:watchdog", interval, rules), *calendar_groups(project))


def _words(settings: Settings) -> tuple[RecordRule, ...]:
    """How severities are called: whoever reads alerts or this tree asks here."""
    words = settings.severities
    if words == SeverityWords():
        return ()
    told = {"page": words.page, "ticket": words.ticket}
    return (RecordRule(names.SEVERITIES, checked("vector(1)"), told),)


def slo_groups(settings: Settings, slo: Slo) -> tuple[RuleGroup, RuleGroup]:
    """The fast and the slow group of one SLO."""
    intervals = settings.intervals
    terms = Terms.of(slo)
    burns = burn_alerts(terms, settings)
    fast: list[AlertRule] = [rule for rule in burns if not is_slow(rule)]
    slow: list[AlertRule] = [rule for rule in burns if is_slow(rule)]
    fast.extend(signal_alerts(terms, settings))
    return (
        RuleGroup(f"{slo.slo_id}:fast", intervals.fast, (*fast_records(terms, intervals), *fast)),
        RuleGroup(f"{slo.slo_id}:slow", intervals.slow, (*slow_records(terms), *slow)),
    )


def _alert_groups(project: Project, service: str) -> tuple[RuleGroup, ...]:
    rules = tuple(
        rule
        for alert in project.alerts
        if alert.service == service
        for rule in alert_rules(alert, project.settings)
    )
    if not rules:
        return ()
    return (RuleGroup(f"{service}:alerts", project.settings.intervals.fast, rules),)
