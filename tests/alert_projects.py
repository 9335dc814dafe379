"""Projects with teams, SLOs and alerts, made by hand from the model's values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction

from slo import names
from slo.diagnostic import Span
from slo.exact import Duration, Ratio
from slo.model import (
    Alert,
    Alerting,
    AlertRule,
    Compiled,
    Destination,
    DestinationKind,
    Escalation,
    Maintenance,
    Project,
    Rolling,
    RuleFile,
    RuleGroup,
    Runbook,
    Scope,
    Settings,
    Severity,
    Sli,
    SliKind,
    Slo,
    Team,
    Tier,
    TierForm,
    WorkingHours,
)

BOTH = (Severity.PAGE, Severity.TICKET)
ZERO = Duration(0)
OFFICE = WorkingHours("monday:friday", "09:00", "17:00", "Europe/Berlin")


def place(line: int = 1) -> Span:
    return Span("project.yaml", line, 1, 5)


def webhook(url: str, *severities: Severity, line: int = 1) -> Destination:
    return Destination(DestinationKind.WEBHOOK, severities or BOTH, {"url": url}, place(line))


def destination(kind: DestinationKind, line: int = 1, **settings: str) -> Destination:
    return Destination(kind, BOTH, settings, place(line))


def team(name: str, *destinations: Destination, hours: WorkingHours | None = None) -> Team:
    return Team(name, name.title(), ("ada",), (), destinations, hours, place(7))


def tier(name: str, severity: Severity, hours: int, form: TierForm = TierForm.WINDOWS) -> Tier:
    return Tier(
        name,
        form,
        severity,
        Fraction(72, 5),
        Ratio(Fraction(144, 1000)),
        Duration.seconds(3600 * hours),
        Duration.parse("5m") if form is TierForm.WINDOWS else None,
        ZERO,
        Duration.parse("5m"),
        Fraction(10),
    )


SRE_TIERS = (
    replace(tier("outage", Severity.PAGE, 1, TierForm.OUTAGE), long=Duration.parse("5m")),
    tier("fast", Severity.PAGE, 1),
    tier("slow", Severity.PAGE, 6),
    tier("trend", Severity.TICKET, 24),
    tier("drift", Severity.TICKET, 72),
)


def slo(
    name: str,
    owner: str = "platform",
    *,
    service: str = "agent-fleet",
    scope: Scope = Scope.SERVICE,
    by: tuple[str, ...] = (),
    depends_on: tuple[str, ...] = (),
    tiers: tuple[Tier, ...] = SRE_TIERS,
) -> Slo:
    identity = names.slo_id(service, name)
    return Slo(
        slo_id=identity,
        name=name,
        service=service,
        title=name.replace("-", " ").title(),
        description=f"The {name} that is promised.",
        objective=Ratio.from_percent("99"),
        window=Rolling(Duration.parse("30d")),
        sli=Sli(SliKind.EVENTS, "sum(rate(bad_total[$window]))", "sum(rate(all_total[$window]))"),
        by=by,
        alerting=Alerting("sre-multiwindow", tiers, "ok", depends_on),
        owner=owner,
        labels={},
        events_per_second=Fraction(12),
        scope=scope,
        root_cause=f"{service}:{name}",
        catalog_id="",
        place=place(20),
    )


def alert(
    name: str,
    owner: str = "platform",
    *,
    severity: Severity = Severity.PAGE,
    hold: str = "1m",
    scope: Scope = Scope.SERVICE,
    service: str = "agent-fleet",
    by: tuple[str, ...] = (),
    depends_on: tuple[str, ...] = (),
    escalation: str = "",
) -> Alert:
    escalate = (
        Escalation("it persists after a restart", escalation, "vector(1)", Duration.parse("5m"))
        if escalation
        else None
    )
    return Alert(
        name=name,
        title=name,
        service=service,
        expr="up == 0",
        hold=Duration.parse(hold) if hold else ZERO,
        keep_firing_for=ZERO,
        severity=severity,
        owner=owner,
        scope=scope,
        by=by,
        depends_on=depends_on,
        runbook=Runbook(
            "It is gone.", "Nothing moves.", ("Look at it.",), ("Restart it.",), escalate
        ),
        summary=f"{name} happens",
        description="It stopped 5 minutes ago.",
        root_cause=f"{service}:{name}",
        catalog_id="",
        labels={},
        place=place(40),
    )


def burn_rules(owned: Slo) -> list[AlertRule]:
    base = {
        "slo_id": owned.slo_id,
        "slo": owned.name,
        "service": owned.service,
        "team": owned.owner,
        "scope": owned.scope.value,
        "root_cause": owned.root_cause,
        "budget_id": owned.slo_id,
    }
    name = names.burn_alert(owned.service, owned.name)
    rules = [
        _rule(
            name,
            each.severity,
            owned.owner,
            {**base, "slo_tier": each.name},
            f'slo:burn_rate:ratio{{slo_id="{owned.slo_id}"}} > 14.4',
            owned.by,
            slo=owned,
            tier=each,
        )
        for each in owned.alerting.tiers
    ]
    lost = _rule(
        names.SIGNAL_LOST,
        Severity.TICKET,
        owned.owner,
        {**base, "root_cause": names.LOST_SIGNALS},
        "vector(1)",
        owned.by,
        slo=owned,
    )
    return [*rules, lost]


def alert_rules(stated: Alert) -> list[AlertRule]:
    base = {
        "service": stated.service,
        "scope": stated.scope.value,
        "root_cause": stated.root_cause,
        "team": stated.owner,
    }
    rules = [
        _rule(
            stated.name,
            stated.severity,
            stated.owner,
            base,
            stated.expr,
            stated.by,
            alert=stated,
            hold=stated.hold,
        )
    ]
    escalation = stated.runbook.escalation
    if escalation is not None:
        rules.append(
            _rule(
                names.escalated(stated.name),
                Severity.PAGE,
                escalation.team,
                {**base, "team": escalation.team},
                escalation.expr,
                stated.by,
                alert=stated,
                escalated=True,
                hold=escalation.hold,
            )
        )
    return rules


def watchdog(owner: str) -> AlertRule:
    return _rule(names.WATCHDOG, Severity.TICKET, owner, {"severity": "none"}, "vector(1)", ())


def project(
    *,
    teams: tuple[Team, ...],
    slos: tuple[Slo, ...] = (),
    alerts: tuple[Alert, ...] = (),
    maintenance: tuple[Maintenance, ...] = (),
    settings: Settings | None = None,
) -> Compiled:
    """Compiled as the compiler would, as far as routing and runbooks look."""
    rules = [rule for each in slos for rule in burn_rules(each)]
    rules += [rule for each in alerts for rule in alert_rules(each)]
    if teams:
        rules.append(watchdog(teams[0].name))
    chosen = settings or Settings(
        default_owner=teams[0].name if teams else "", external_labels={"cluster": "prod"}
    )
    return Compiled(
        Project(slos, alerts, teams, maintenance, chosen),
        (RuleFile("all", (RuleGroup("all", Duration.parse("30s"), tuple(rules)),)),),
    )


def fleet(url: str = "http://127.0.0.1:9") -> Compiled:
    """A project in which every construct occurs once."""

    def at(name: str) -> str:
        return f"{url}/{name}"

    teams = (
        team(
            "platform",
            webhook(at("platform-page"), Severity.PAGE),
            webhook(at("platform-ticket"), Severity.TICKET),
            hours=OFFICE,
        ),
        replace(team("core-engineering", webhook(at("core"))), escalation=("platform",)),
        team("legal-and-compliance", webhook(at("legal"))),
        team("audit", webhook(at("audit"))),
        team("watchdog", webhook(at("watchdog"))),
    )
    slos = (
        slo("llm-availability"),
        slo("action-success", depends_on=("llm-availability",)),
        slo(
            "agent-success",
            "core-engineering",
            scope=Scope.AGENT,
            by=("gen_ai_agent_name",),
            depends_on=("TelemetryMissing",),
        ),
    )
    alerts = (
        alert("OrchestratorUnhealthy", escalation="core-engineering"),
        alert("TelemetryMissing", scope=Scope.PIPELINE, service="telemetry"),
        alert("AgentsDrained", by=("gen_ai_agent_name",)),
        alert("AgentSilent", scope=Scope.AGENT, by=("gen_ai_agent_name",)),
        alert("QueueSlow", severity=Severity.TICKET, depends_on=("OrchestratorUnhealthy",)),
        alert(
            "ComplianceViolationDetected",
            "legal-and-compliance",
            hold="",
            scope=Scope.AGENT,
            by=("gen_ai_agent_name",),
        ),
    )
    return project(teams=teams, slos=slos, alerts=alerts)


def _rule(
    name: str,
    severity: Severity,
    owner: str,
    labels: Mapping[str, str],
    expr: str,
    by: tuple[str, ...],
    *,
    slo: Slo | None = None,
    tier: Tier | None = None,
    alert: Alert | None = None,
    escalated: bool = False,
    hold: Duration = ZERO,
) -> AlertRule:
    return AlertRule(
        name=name,
        expr=expr,
        hold=hold,
        keep_firing_for=ZERO,
        labels={"severity": severity.value, **labels},
        annotations={
            "summary": f"{name} happens",
            "description": "It burns 14.4 times too fast, 62 % of the budget is left.",
            "runbook_url": f"http://127.0.0.1:8085/{names.runbook_path(name)}",
            "dashboard_url": "http://127.0.0.1:3000/d/fleetslo-on-call",
        },
        severity=severity,
        team=owner,
        by=by,
        slo=slo,
        tier=tier,
        alert=alert,
        escalated=escalated,
    )
