"""Compliance: violations, the audit trail, requests of data subjects."""

from __future__ import annotations

from typing import Final

from dashboards import palette
from dashboards.board import Section
from dashboards.layout import Size
from dashboards.limits import above, any_is
from dashboards.material import Material
from dashboards.panel import Link, Step, Viz, Words
from dashboards.panels import Lines, Stat
from dashboards.query import Prom

_SMALL: Final = Size(4, 5)
_VIOLATIONS: Final = "mas_compliance_violations_total"
_AUDIT_COVERAGE: Final = 0.999
"""Audited actions that the conflict SLO needs to be believed (M4)."""


def compliance(material: Material) -> Section:
    """What Legal and Compliance ask about."""
    return Section(
        "compliance",
        "Compliance",
        (_violations(material), _rules(material), _audit(), _gaps(), _dsr(), _stale(material)),
    )


def _violations(material: Material) -> Viz:
    return Stat(
        key="violations",
        title="Violations",
        words=Words(
            "Breaches of compliance rules in the time chosen above.",
            "0 is good; each one is a page to Legal and Compliance.",
            "Pause the agent at once, then follow the runbook.",
        ),
        none="No agent reports compliance.",
        queries=(
            Prom(
                expr=_broken("sum", "$__range"),
                instant=True,
            ),
        ),
        unit="none",
        decimals=0,
        steps=(*any_is(palette.BAD)[:1], Step(palette.BAD, 0.5)),
        background=True,
        see=_links(material),
        wish=_SMALL,
    )


def _broken(add: str, within: str) -> str:
    """Violations `within` that time, the first of a rule that nobody broke before included.

    A series begins with its first violation where the sender said no zero before; no increase
    would show that one, though a page is sent for it. So five minutes of zeros are put before
    each beginning, unless the series was only away.
    """
    zeros = f"0 * {_VIOLATIONS} offset -5m unless last_over_time({_VIOLATIONS}[1h])"
    return f"{add} (increase((1 * {_VIOLATIONS} or {zeros})[{within}:1m]))"


def _rules(material: Material) -> Viz:
    return Lines(
        key="rules",
        title="Violations by rule",
        words=Words(
            "Breaches per hour, by the rule that was broken.",
            "0 is good.",
            "The action history in the debug view shows what the agent did.",
        ),
        none="No agent reports compliance.",
        queries=(
            Prom(
                expr=_broken("sum by (mas_compliance_rule)", "1h"),
                legend="{{mas_compliance_rule}}",
            ),
        ),
        unit="none",
        low=0.0,
        limits=True,
        steps=above(1.0),
        color_mode="continuous-BlPu",
        see=_links(material),
        wish=Size(8, 8),
    )


def _audit() -> Viz:
    return Stat(
        key="audit",
        title="Audit coverage",
        words=Words(
            "Actions that left an audit record, in the time chosen above.",
            f"{_AUDIT_COVERAGE:.1%} or more is good; below, conflicts may go unseen.",
            "Find the agent with gaps beside this, and its sequence numbers.",
        ),
        none="No action ended in this time.",
        queries=(
            Prom(
                expr="clamp_max(sum(increase(mas_audit_records_total[$__range]))"
                " / (sum(increase(mas_agent_actions_total[$__range])) > 0), 1)",
                instant=True,
            ),
        ),
        unit="percentunit",
        decimals=2,
        steps=(
            Step(palette.BAD, None),
            Step(palette.GOOD, _AUDIT_COVERAGE),
        ),
        wish=_SMALL,
    )


def _gaps() -> Viz:
    return Stat(
        key="gaps",
        title="Gaps in the audit trail",
        words=Words(
            "Audit records missing by their numbers, or of decisions that have none, in the time "
            "chosen above.",
            "0 is good.",
            "Keep the agent's log: the record may still be there.",
        ),
        none="No audit trail is watched.",
        queries=(Prom(expr="sum(increase(mas_audit_gaps_total[$__range]))", instant=True),),
        unit="none",
        decimals=0,
        steps=any_is(palette.BAD),
        wish=_SMALL,
    )


def _dsr() -> Viz:
    return Stat(
        key="dsr",
        title="Data subject requests ended",
        words=Words(
            "Requests of data subjects that ended, in the time chosen above, by outcome.",
            "Done is good. Failed ones have a legal time limit that goes on.",
            "Failed: hand to Legal and Compliance with the request's record.",
        ),
        none="No request of a data subject ended while this was measured.",
        queries=(
            Prom(
                expr="sum by (mas_dsr_outcome) (increase(mas_dsr_requests_total[$__range]))",
                legend="{{mas_dsr_outcome}}",
                instant=True,
            ),
        ),
        unit="none",
        decimals=0,
        text_mode="value_and_name",
        wish=Size(8, 5),
    )


def _stale(material: Material) -> Viz:
    return Lines(
        key="stale",
        title="Agents on an old policy",
        words=Words(
            "Agents that do not enforce the desired revision, by policy.",
            "0 is good; some, for minutes, after each publication.",
            "For longer than ten minutes: look at the agents' policy cache.",
        ),
        none="No policy is watched.",
        queries=(
            Prom(
                expr="max by (mas_policy_name) (mas_policy_stale_agent_count)",
                legend="{{mas_policy_name}}",
            ),
        ),
        unit="none",
        decimals=0,
        low=0.0,
        limits=True,
        steps=above(1.0),
        color_mode="continuous-BlPu",
        see=material.runbook("StalePolicy", "stale policy"),
        wish=Size(8, 8),
    )


def _links(material: Material) -> tuple[Link, ...]:
    return material.runbook("ComplianceViolationDetected", "compliance violation")
