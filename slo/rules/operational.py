"""Operational alerts, their escalations, and the watchdog.

Alertmanager cannot escalate over time. So an escalation is a second alert with a condition
and a team of its own, and the same root cause, which keeps it in the same notification group.
"""

from __future__ import annotations

import promql_parser as pp

from slo import names
from slo.exact import Duration
from slo.model import Alert, AlertRule, Escalation, Settings, Severity
from slo.promql import parse, result_labels
from slo.rules.terms import checked
from slo.rules.words import alert_words, escalation_words, links


def alert_rules(alert: Alert, settings: Settings) -> tuple[AlertRule, ...]:
    """The rule of `alert`, and that of its escalation where a condition can tell it.

    An escalation that stands in words only, without `expr` and without `hold`, is for a
    person to judge: it stays in the runbook.
    """
    first = _alert_rule(alert, settings)
    escalation = alert.runbook.escalation
    if escalation is None or not (escalation.expr or escalation.hold.ms):
        return (first,)
    return first, _escalation_rule(alert, escalation, settings)


def watchdog(settings: Settings) -> AlertRule:
    """An alert that always fires: whoever stops receiving it knows that the chain is broken.

    It disturbs nobody. Its label `severity` is ``none``.
    """
    return AlertRule(
        name=names.WATCHDOG,
        expr=checked("vector(1)"),
        hold=Duration(0),
        keep_firing_for=Duration(0),
        labels={
            "severity": "none",
            "service": "fleetslo",
            "scope": "pipeline",
            "root_cause": "watchdog",
        },
        annotations={
            "summary": "Alerting works",
            "description": (
                "This alert always fires. Its absence means that Prometheus, Alertmanager or "
                "the way between them is broken, and that no other alert would arrive."
            ),
            **links(settings.urls, names.WATCHDOG),
        },
        severity=Severity.TICKET,
        team=settings.default_owner,
        by=(),
    )


def _alert_rule(alert: Alert, settings: Settings) -> AlertRule:
    return AlertRule(
        name=alert.name,
        expr=checked(alert.expr.strip()),
        hold=alert.hold,
        keep_firing_for=alert.keep_firing_for,
        labels=_labels(alert, alert.severity, alert.owner),
        annotations={**alert_words(alert), **links(settings.urls, alert.name)},
        severity=alert.severity,
        team=alert.owner,
        by=alert.by,
        alert=alert,
    )


def _escalation_rule(alert: Alert, escalation: Escalation, settings: Settings) -> AlertRule:
    """It never comes before the alert that it escalates."""
    name = names.escalated(alert.name)
    return AlertRule(
        name=name,
        expr=_both(alert.expr.strip(), escalation.expr.strip()),
        hold=max(alert.hold, escalation.hold),
        keep_firing_for=alert.keep_firing_for,
        labels=_labels(alert, Severity.PAGE, escalation.team),
        annotations={
            **escalation_words(alert, escalation.when),
            **links(settings.urls, name),
        },
        severity=Severity.PAGE,
        team=escalation.team,
        by=alert.by,
        alert=alert,
        escalated=True,
    )


def _both(alert: str, escalation: str) -> str:
    """The alert's result where the escalation's condition holds too.

    Matched on what both are known to carry: a condition on the whole fleet speaks for each
    of its agents.
    """
    if not escalation or escalation == alert:
        return checked(alert)
    return checked(f"{_closed(alert)}\nand{_matching(alert, escalation)} {_closed(escalation)}")


def _matching(alert: str, escalation: str) -> str:
    left, right = result_labels(parse(alert)), result_labels(parse(escalation))
    if right is None or left == right:
        return ""
    common = sorted(right if left is None else left & right)
    return f" on ({', '.join(common)})"


def _closed(expr: str) -> str:
    return f"({expr})" if isinstance(parse(expr), pp.BinaryExpr) else expr


def _labels(alert: Alert, severity: Severity, team: str) -> dict[str, str]:
    return {
        **alert.labels,
        "severity": str(severity),
        "service": alert.service,
        "team": team,
        "scope": str(alert.scope),
        "root_cause": alert.root_cause,
    }
