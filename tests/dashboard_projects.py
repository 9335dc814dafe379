"""Projects of SLOs with compiled rules, for whoever draws dashboards of them."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

from slo.diagnostic import Span
from slo.exact import Duration, Ratio
from slo.model import (
    Alert,
    Alerting,
    Calendar,
    Compiled,
    Maintenance,
    Project,
    Rolling,
    Runbook,
    Scope,
    Settings,
    Severity,
    Sli,
    SliKind,
    Slo,
    Team,
)
from slo.policy import builtin, tiers
from slo.rules.compile import compile_project

PLACE = Span("slos.yaml", 1, 1, 5)
MONTH = Duration.parse("30d")


def slo(
    name: str,
    objective: str = "99",
    *,
    by: tuple[str, ...] = (),
    policy: str = "sre-multiwindow",
    catalog_id: str = "",
    owner: str = "core-engineering",
    title: str = "",
) -> Slo:
    ratio = Ratio.from_percent(objective)
    plan = tiers(builtin(policy), ratio, MONTH)
    group = f" by ({', '.join(by)})" if by else ""
    bad = 'rate(mas_agent_actions_total{mas_action_outcome=~"failure|timeout"}[$window])'
    total = "rate(mas_agent_actions_total[$window])"
    return Slo(
        slo_id=f"fleet-{name}",
        name=name,
        service="fleet",
        title=title or name.replace("-", " ").capitalize(),
        description=f"About {name}.",
        objective=ratio,
        window=Rolling(MONTH),
        sli=Sli(SliKind.EVENTS, f"sum{group} ({bad})", f"sum{group} ({total})"),
        by=by,
        alerting=Alerting(policy, plan.tiers, "ok", ()),
        owner=owner,
        labels={},
        events_per_second=None,
        scope=Scope.SERVICE,
        root_cause=f"fleet/{name}",
        catalog_id=catalog_id,
        place=PLACE,
    )


def health(objective: str = "99.9") -> Slo:
    """M1, on health checks."""
    checks = "mas_agent_health_checks_total"
    return replace(
        slo("availability", objective, catalog_id="M1", owner="operations"),
        sli=Sli(
            SliKind.EVENTS,
            f'sum(rate({checks}{{mas_check_result=~"fail|missed"}}[$window]))',
            f'sum(rate({checks}{{mas_check_result!="drained"}}[$window]))',
        ),
    )


def alert(name: str, catalog_id: str, expr: str) -> Alert:
    return Alert(
        name=name,
        title=name,
        service="fleet",
        expr=expr,
        hold=Duration.parse("1m"),
        keep_firing_for=Duration(0),
        severity=Severity.PAGE,
        owner="operations",
        scope=Scope.SERVICE,
        by=(),
        depends_on=(),
        runbook=Runbook(meaning="m", impact="i", triage=("look",)),
        summary="s",
        description="d",
        root_cause=f"fleet/{name}",
        catalog_id=catalog_id,
        labels={},
        place=PLACE,
    )


def team(name: str) -> Team:
    return Team(name, name.replace("-", " ").title(), (), (), (), None, PLACE)


def project(*slos: Slo, settings: Settings | None = None) -> Project:
    owners = sorted({each.owner for each in slos} | {"operations"})
    return Project(
        slos=tuple(sorted(slos, key=lambda each: each.slo_id)),
        alerts=(
            alert(
                "HighMessageQueueLatency", "R2", "max(mas_queue_oldest_message_age_seconds) > 60"
            ),
        ),
        teams=tuple(team(name) for name in owners),
        maintenance=(
            Maintenance(
                "database",
                "moves house",
                "operations",
                "2026-12-05T22:00:00+00:00",
                "2026-12-06T02:00:00+00:00",
                {"service": "fleet"},
                (),
                PLACE,
            ),
        ),
        settings=settings or Settings(),
    )


@cache
def fleet() -> Compiled:
    """Availability, action success by agent in the guide's policy, and a calendar SLO."""
    monthly = replace(slo("monthly", "99.5"), window=Calendar("month", "Europe/Berlin"))
    return compile_project(
        project(
            health(),
            slo(
                "action-success",
                by=("gen_ai_agent_name",),
                policy="fleet-sustained",
                catalog_id="M2",
            ),
            monthly,
        )
    )
