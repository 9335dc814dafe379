"""Which alert keeps quiet while which other one fires.

Four laws, checked in `alerts.routing.lint`: only a page silences a page; every label
that must be equal is guarded on both sides, since Alertmanager takes two missing labels
for equal; source and target never fit the same alert; and among all alerts of a project
nobody silences somebody who silences him, for then nobody would be told.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from alerts.routing.tree import Inhibition, Matcher, equals, none_of, one_of, present
from slo.model import Alert, AlertRule, Compiled, Project, Scope, Severity, Slo, Tier, TierForm
from slo.names import SIGNAL_LOST, burn_alert, escalated
from slo.rules.burn import IDLE

CLUSTER: Final = "cluster"
"""Comes with the external labels: the same on all alerts of one Prometheus, or on none."""

_PAGE: Final = equals("severity", "page")
_TICKET: Final = equals("severity", "ticket")


@dataclass(frozen=True, slots=True)
class Edge:
    """A dependency as the files state it: `effect` names `cause` in its `depends_on`."""

    cause: Slo | Alert
    effect: Slo | Alert


def inhibitions(compiled: Compiled) -> tuple[Inhibition, ...]:
    """Every inhibition of the project, from the narrow to the wide."""
    return (
        *_page_over_ticket(compiled),
        *_fast_over_slow(compiled.project.slos),
        *_signal_lost(compiled),
        *_pipeline_over_signals(compiled),
        *_service_over_agent(compiled),
        *(_edge(edge) for edge in edges(compiled.project)),
    )


def documents(project: Project) -> tuple[Slo | Alert, ...]:
    """All that alerts: the SLOs, then the operational alerts."""
    return project.slos + project.alerts


def edges(project: Project) -> tuple[Edge, ...]:
    """Every `depends_on` whose cause exists, by effect, then by cause."""
    return tuple(
        Edge(cause, effect)
        for effect in documents(project)
        for name in sorted(set(_depends_on(effect)))
        if (cause := resolve(project, effect, name)) is not None
    )


def unresolved(project: Project) -> tuple[tuple[Slo | Alert, str], ...]:
    """Every `depends_on` that names nothing of this project."""
    return tuple(
        (effect, name)
        for effect in documents(project)
        for name in sorted(set(_depends_on(effect)))
        if resolve(project, effect, name) is None
    )


def resolve(project: Project, effect: Slo | Alert, name: str) -> Slo | Alert | None:
    """What `name` means in the `depends_on` of `effect`.

    An SLO's id, an alert's name, or an SLO's short name: of the same service first, else
    where it is the only one of that name.
    """
    for slo in project.slos:
        if slo.slo_id == name:
            return slo
    for alert in project.alerts:
        if alert.name == name:
            return alert
    named = [slo for slo in project.slos if slo.name == name]
    near = [slo for slo in named if slo.service == effect.service]
    chosen = near or named
    return chosen[0] if len(chosen) == 1 else None


def at_once(rule: AlertRule) -> bool:
    """Whether a single sample is enough: an operational page without a `for`.

    Such a page (a compliance violation) leaves without `group_wait`, and no general rule
    silences it. Its escalation is treated likewise.
    """
    alert = rule.alert
    return (
        alert is not None
        and rule.severity is Severity.PAGE
        and alert.severity is Severity.PAGE
        and alert.hold.ms == 0
    )


def speed(tier: Tier) -> tuple[bool, int, int]:
    """Sorts tiers fastest first: outage, then by window, then by how long it must hold."""
    return (tier.form is not TierForm.OUTAGE, tier.long.ms, tier.hold.ms)


def _page_over_ticket(compiled: Compiled) -> Iterator[Inhibition]:
    """Whatever its alert, budget or team: a ticket of a cause that somebody is up for waits."""
    causes: dict[str, set[Severity]] = {}
    for rule in compiled.alert_rules():
        causes.setdefault(rule.labels.get("root_cause", ""), set()).add(rule.severity)
    if any(cause and kinds == set(Severity) for cause, kinds in causes.items()):
        yield Inhibition(
            (_PAGE, present("root_cause")),
            (_TICKET, present("root_cause")),
            (CLUSTER, "root_cause"),
            "page-over-ticket",
            "who is paged for a root cause needs no ticket for the same root cause",
        )


def _fast_over_slow(slos: tuple[Slo, ...]) -> Iterator[Inhibition]:
    """One rule for each tier that is faster than others of its severity.

    Two policies may order the same two names differently: then neither silences the
    other, since together they would silence both.
    """
    pairs = {pair for slo in slos for pair in _ordered(slo)}
    clear = {(kind, fast, slow) for kind, fast, slow in pairs if (kind, slow, fast) not in pairs}
    for severity, name in sorted({(kind, fast) for kind, fast, _ in clear}):
        same = equals("severity", severity)
        behind = {slow for kind, fast, slow in clear if (kind, fast) == (severity, name)}
        yield Inhibition(
            (same, equals("slo_tier", name), present("budget_id")),
            (same, one_of("slo_tier", behind), present("budget_id")),
            (CLUSTER, "budget_id"),
            f"{name}-over-slower",
            "the fastest tier tells the whole story of its budget",
        )


def _ordered(slo: Slo) -> Iterator[tuple[str, str, str]]:
    tiers = sorted(slo.alerting.tiers, key=speed)
    for place, tier in enumerate(tiers):
        for other in tiers[place + 1 :]:
            if other.severity is tier.severity and other.name != tier.name:
                yield tier.severity.value, tier.name, other.name


def _signal_lost(compiled: Compiled) -> Iterator[Inhibition]:
    if any(rule.name == SIGNAL_LOST for rule in compiled.alert_rules()):
        yield Inhibition(
            (equals("alertname", SIGNAL_LOST), present("slo_id")),
            (_TICKET, present("slo_id"), present("slo_tier"), _not(SIGNAL_LOST)),
            (CLUSTER, "slo_id"),
            "signal-lost-over-tickets",
            "a burn computed from a signal that is gone says nothing",
        )


def _pipeline_over_signals(compiled: Compiled) -> Iterator[Inhibition]:
    rules = compiled.alert_rules()
    lost = any(rule.name == SIGNAL_LOST for rule in rules)
    if lost and any(_is(rule, Scope.PIPELINE) and rule.severity is Severity.PAGE for rule in rules):
        yield Inhibition(
            (_PAGE, equals("scope", Scope.PIPELINE.value)),
            (_TICKET, equals("alertname", SIGNAL_LOST)),
            (CLUSTER,),
            "pipeline-over-lost-signals",
            "when telemetry is not delivered, every signal is lost for one and the same reason",
        )


def _service_over_agent(compiled: Compiled) -> Iterator[Inhibition]:
    """A page on the whole service silences its agents; one on a single agent, that agent.

    An SLO of the service with one budget per agent pages for one agent. It must not
    silence the others: so labels that name an agent have to be equal, or absent.
    """
    rules = compiled.alert_rules()
    agents = [rule for rule in rules if _is(rule, Scope.AGENT)]
    sources = [
        rule for rule in rules if _is(rule, Scope.SERVICE) and rule.severity is Severity.PAGE
    ]
    if not (agents and sources):
        return
    named = {label for rule in agents for label in rule.by}
    shared = sorted(named & {label for rule in sources for label in rule.by})
    source = (_PAGE, equals("scope", Scope.SERVICE.value), present("service"))
    spared = _spared(agents, compiled.project)
    target = (equals("scope", Scope.AGENT.value), present("service"), *spared)
    yield Inhibition(
        (*source, *(equals(label, "") for label in shared)),
        target,
        (CLUSTER, "service"),
        "service-over-agent",
        "a page on the whole service comes before those of its agents; what leaves at once "
        "and what is a stated cause stays loud",
    )
    for label in shared:
        yield Inhibition(
            (*source, present(label)),
            (*target, present(label)),
            (CLUSTER, "service", label),
            f"service-over-same-{label}",
            f"a page on the service names the same {label}",
        )


def _is(rule: AlertRule, scope: Scope) -> bool:
    return rule.labels.get("scope") == scope.value


def _spared(agents: list[AlertRule], project: Project) -> tuple[Matcher, ...]:
    """Guards for what a page of the service must not silence."""
    causes = [edge.cause for edge in edges(project)]
    alerts = {name for cause in causes if isinstance(cause, Alert) for name in _names(cause)}
    slos = {cause.slo_id for cause in causes if isinstance(cause, Slo)}
    loud = {rule.name for rule in agents if at_once(rule) or rule.name in alerts}
    stated = {rule.slo.slo_id for rule in agents if rule.slo is not None} & slos
    return tuple(
        none_of(label, values)
        for label, values in (("alertname", loud), ("slo_id", stated))
        if values
    )


def _edge(edge: Edge) -> Inhibition:
    shared = tuple(sorted(set(edge.cause.by) & set(edge.effect.by)))
    guards = tuple(present(label) for label in shared)
    cause, effect = title(edge.cause), title(edge.effect)
    return Inhibition(
        (_PAGE, *_who(edge.cause), *guards),
        (*_who(edge.effect), *guards),
        (CLUSTER, *shared),
        f"{cause}-over-{effect}",
        f"{effect} states that it depends on {cause}",
    )


def title(document: Slo | Alert) -> str:
    """How `depends_on` names it without doubt: an SLO's id, an alert's name."""
    return document.slo_id if isinstance(document, Slo) else document.name


def _who(document: Slo | Alert) -> tuple[Matcher, ...]:
    if isinstance(document, Slo):
        burn = burn_alert(document.service, document.name)
        burns = (burn,) if document.alerting.idle == "ok" else (burn, IDLE)
        return (equals("slo_id", document.slo_id), one_of("alertname", burns))
    return (one_of("alertname", _names(document)),)


def _names(alert: Alert) -> tuple[str, ...]:
    """Its name, and that of its escalation where one is generated."""
    escalation = alert.runbook.escalation
    if escalation is None or not escalation.expr:
        return (alert.name,)
    return (alert.name, escalated(alert.name))


def _not(alert: str) -> Matcher:
    return Matcher("alertname", "!=", alert)


def _depends_on(document: Slo | Alert) -> tuple[str, ...]:
    return document.alerting.depends_on if isinstance(document, Slo) else document.depends_on


def alert_labels(rule: AlertRule, external: Mapping[str, str]) -> dict[str, str]:
    """The labels that an alert of `rule` arrives with; its series adds ``<label>``."""
    unknown = {label: f"<{label}>" for label in rule.by}
    return {**external, **unknown, **rule.labels, "alertname": rule.name}
