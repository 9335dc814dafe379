"""SLOs and projects for the back end of the compiler, made by hand from the model's values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from slo import names
from slo.diagnostic import Span
from slo.emit.prometheus import GENERATOR as RULES
from slo.emit.tests import GENERATOR as TESTS
from slo.exact import Duration, Ratio
from slo.model import (
    Alert,
    Alerting,
    Calendar,
    Compiled,
    Escalation,
    Project,
    Rolling,
    Runbook,
    Scope,
    Settings,
    Severity,
    Sli,
    SliKind,
    Slo,
)
from slo.policy import PolicyName, PolicyOptions, builtin, period_seconds, tiers
from slo.servers import find

PLACE = Span("slos.yaml", 3, 1, 9)
BAD = 'sum(rate(actions_total{outcome=~"failure|timeout"}[$window]))'
TOTAL = "sum(rate(actions_total[$window]))"


def make_slo(
    name: str = "action-success",
    *,
    objective: str = "99",
    window: str | Calendar = "30d",
    policy: PolicyName = PolicyName.SRE_MULTIWINDOW,
    options: PolicyOptions | None = None,
    events_per_second: Fraction | None = Fraction(12),
    by: tuple[str, ...] = (),
    errors: str = BAD,
    total: str = TOTAL,
    idle: str = "ok",
    signal_lost: str = "ticket",
    labels: Mapping[str, str] | None = None,
) -> Slo:
    """An SLO of the service `fleet`, its tiers from a shipped policy."""
    span = window if isinstance(window, Calendar) else Rolling(Duration.parse(window))
    promised = Ratio.from_percent(objective)
    period = Duration(int(period_seconds(span) * 1000))
    plan = tiers(
        builtin(policy), promised, period, options=options, events_per_second=events_per_second
    )
    if by:
        errors, total = (
            text.replace("sum(", f"sum by ({', '.join(by)}) (") for text in (errors, total)
        )
    return Slo(
        slo_id=names.slo_id("fleet", name),
        name=name,
        service="fleet",
        title=name.replace("-", " ").capitalize(),
        description="What agents do succeeds.",
        objective=promised,
        window=span,
        sli=Sli(SliKind.EVENTS, errors, total),
        by=by,
        alerting=Alerting(str(policy), plan.tiers, idle, (), signal_lost=signal_lost),
        owner="agents-core",
        labels=labels or {},
        events_per_second=events_per_second,
        scope=Scope.SERVICE,
        root_cause=f"fleet:{name}",
        catalog_id="",
        place=PLACE,
    )


def make_alert(
    name: str = "QueueStuck",
    expr: str = "max by (queue) (queue_age_seconds) > 60",
    *,
    escalation: Escalation | None = None,
    by: tuple[str, ...] = ("queue",),
) -> Alert:
    """A page of the service `fleet`, held for two minutes."""
    return Alert(
        name=name,
        title="Queue stuck",
        service="fleet",
        expr=expr,
        hold=Duration.parse("2m"),
        keep_firing_for=Duration.parse("1m"),
        severity=Severity.PAGE,
        owner="operations",
        scope=Scope.SERVICE,
        by=by,
        depends_on=(),
        runbook=Runbook(escalation=escalation),
        summary="",
        description="Nothing leaves the queue.",
        root_cause="queue",
        catalog_id="",
        labels={"area": "bus"},
        place=PLACE,
    )


def make_project(
    *slos: Slo, alerts: tuple[Alert, ...] = (), settings: Settings | None = None
) -> Project:
    """A project of these documents."""
    return Project(slos, alerts, (), (), settings or Settings(default_owner="platform"))


def write_tree(compiled: Compiled, folder: Path) -> Path:
    """Write rules and tests below `folder`, as `sloctl generate` would."""
    for generator in (RULES, TESTS):
        for file in generator.generate(compiled):
            path = folder / file.path
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(file.text, encoding="utf-8")
    return folder


def promtool() -> Path:
    """The tool, or a visible skip."""
    found = find("promtool")
    if found is None:
        pytest.skip("promtool is not to be had, run `make servers`")
    return found


def with_burn(slo: Slo, tier: str, threshold: Ratio) -> Slo:
    """`slo` with another threshold of one tier, which its rules were not made for."""
    changed = tuple(
        replace(each, threshold=threshold) if each.name == tier else each
        for each in slo.alerting.tiers
    )
    return replace(slo, alerting=replace(slo.alerting, tiers=changed))
