"""The page of an operational alert and of its escalation: the runbook, with the queries."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from alerts.routing.inhibit import at_once, resolve, title
from alerts.runbooks import links, text
from alerts.runbooks.way import Ways, severities
from slo import names
from slo.model import Alert, AlertRule, Settings, Slo


def alert_page(alert: Alert, rules: Sequence[AlertRule], ways: Ways) -> text.Page:
    """The page of `alert`."""
    settings = ways.compiled.project.settings
    runbook = alert.runbook
    return text.Page(
        alert.name,
        _lead(alert),
        _facts(alert, rules, ways),
        (runbook.meaning, _when(rules)),
        (runbook.impact or f"See what {alert.service} promises on the dashboard.",),
        tuple(_diagnosis(alert, rules, ways)),
        tuple(_mitigation(alert, settings)),
        tuple(_escalation(alert, rules, ways)),
        _links(alert, rules, settings),
    )


def escalation_page(alert: Alert, rules: Sequence[AlertRule], ways: Ways) -> text.Page:
    """The page of the generated escalation of `alert`, written for the team it wakes."""
    settings = ways.compiled.project.settings
    escalation = alert.runbook.escalation
    when = escalation.when if escalation else "the first responders need help"
    return text.Page(
        rules[0].name,
        f"**{alert.title}** goes on, and {when}: the first responders need you.",
        _facts(alert, rules, ways),
        (
            f"{links.page(alert.name)} fires, and more than that: {when}.",
            _when(rules),
            alert.runbook.meaning,
        ),
        (alert.runbook.impact or f"See {links.page(alert.name)}.",),
        (
            f"What the first responders did is on {links.page(alert.name)}:",
            text.steps(links.clickable(settings, step) for step in alert.runbook.triage),
            "The conditions of this escalation:",
            *(text.query(rule.expr) for rule in rules),
        ),
        tuple(_mitigation(alert, settings)),
        (
            text.bullets(f"woken: {ways.people(rule.team)}" for rule in rules[:1])
            + f"\n- already at work: {ways.people(alert.owner)}",
            ways.delivery(rules),
            ways.quiet(rules[0].name),
        ),
        _links(alert, rules, settings),
    )


def _facts(alert: Alert, rules: Sequence[AlertRule], ways: Ways) -> tuple[tuple[str, str], ...]:
    return (
        ("Severity", severities(rules)),
        ("Service", alert.service),
        ("Scope", alert.scope.value),
        ("Owner", ways.people(rules[0].team)),
        ("Root cause", f"`{alert.root_cause}`"),
        *((("Catalogue", alert.catalog_id),) if alert.catalog_id else ()),
    )


def _when(rules: Sequence[AlertRule]) -> str:
    rule = rules[0]
    held = f"for {rule.hold.promql()}" if rule.hold.ms else "once, a single sample is enough"
    kept = rule.keep_firing_for
    lasting = f", and goes on for {kept.promql()} after the condition ends" if kept.ms else ""
    return f"It fires when its condition holds {held}{lasting}."


def _diagnosis(alert: Alert, rules: Sequence[AlertRule], ways: Ways) -> Iterator[str]:
    settings = ways.compiled.project.settings
    # A cause comes first: whoever is woken must not begin with its effect.
    for name in alert.depends_on:
        cause = resolve(ways.compiled.project, alert, name)
        if cause is not None:
            page = (
                names.burn_alert(cause.service, cause.name)
                if isinstance(cause, Slo)
                else cause.name
            )
            yield f"It depends on {title(cause)}: look at {links.page(page)} first."
    triage = (links.clickable(settings, step) for step in alert.runbook.triage)
    yield text.steps(triage) or "Look at what the condition selects:"
    yield f"Who else fires: {links.firing(settings, alert.service)}."
    yield "The condition, exactly as it is evaluated:"
    for rule in rules:
        yield text.query(rule.expr)


def _mitigation(alert: Alert, settings: Settings) -> Iterator[str]:
    yield text.steps(links.clickable(settings, step) for step in alert.runbook.mitigation)
    yield "Was it a change? [Roll it back](procedures/rolling-back-a-deployment.md)."


def _escalation(alert: Alert, rules: Sequence[AlertRule], ways: Ways) -> Iterator[str]:
    escalation = alert.runbook.escalation
    if escalation is not None:
        own = names.escalated(alert.name)
        by_itself = f" {links.page(own)} wakes them by itself." if own in ways.tiers else ""
        yield f"Escalates to {ways.people(escalation.team)}. When: {escalation.when}.{by_itself}"
    else:
        yield f"{ways.people(alert.owner)} owns this alert."
    if any(at_once(rule) for rule in rules):
        yield "It is sent without waiting, and no general rule silences it."
    yield ways.delivery(rules)
    yield ways.quiet(alert.name)


def _links(
    alert: Alert, rules: Sequence[AlertRule], settings: Settings
) -> tuple[tuple[str, str], ...]:
    return (
        ("Dashboard on call", links.dashboard(settings, "on-call")),
        ("Dashboard debug", links.dashboard(settings, "debug")),
        ("Condition in Prometheus", links.graph(settings, rules[0].expr)),
        ("Silence this root cause", links.silence(settings, {"root_cause": alert.root_cause})),
    )


def _lead(alert: Alert) -> str:
    told = _plain(alert.description) or _plain(alert.summary) or alert.runbook.meaning
    return f"**{alert.title}**: {told}" if told else f"**{alert.title}**"


def _plain(template: str) -> str:
    """An annotation without what only a firing alert fills in."""
    return template if "{{" not in template else ""
