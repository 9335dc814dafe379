"""What keeps an alert from reaching a person, found before anything is written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from difflib import get_close_matches

from alerts.routing import hours, planned, receivers
from alerts.routing.build import AUDIT_TEAM, WATCHDOG_TEAM, fallback, people, routing
from alerts.routing.inhibit import alert_labels, documents, edges, title, unresolved
from alerts.routing.simulate import silences
from alerts.routing.texts import defined
from alerts.routing.tree import Labels
from slo.diagnostic import Diagnostic, Level, Span
from slo.model import Alert, AlertRule, Compiled, Severity, Slo


def check(compiled: Compiled) -> Iterator[Diagnostic]:
    """Every problem between the alerts of `compiled` and the people who should get them."""
    yield from _owners(compiled)
    yield from _destinations(compiled)
    times = (*_hours(compiled), *planned.windows(compiled.project))
    yield from times
    yield from _causes(compiled)
    yield from _last_resort(compiled)
    if not times:
        yield from planned.lengths(compiled)
        yield from _mutual_silence(compiled)


def _owners(compiled: Compiled) -> Iterator[Diagnostic]:
    teams = {team.name: team for team in people(compiled.project)}
    wanted: dict[tuple[str, Severity], AlertRule] = {}
    for rule in compiled.alert_rules():
        if rule.labels.get("severity") != "none":
            wanted.setdefault((rule.team, rule.severity), rule)
    for (name, severity), rule in wanted.items():
        team = teams.get(name)
        if team is None:
            near = get_close_matches(name, teams, 1)
            yield Diagnostic(
                "ALM002",
                Level.ERROR,
                f"alert {rule.name} is owned by {name!r}, which is no team",
                _place(rule),
                f"did you mean {near[0]}?" if near else "add a document of kind Team",
            )
        elif not any(severity in each.severities for each in team.destinations):
            yield Diagnostic(
                "ALM001",
                Level.ERROR,
                f"team {name} owns {rule.name}, a {severity.value}, but has no destination "
                f"for a {severity.value}",
                team.place,
                "add a destination, or give it both severities",
            )


def _destinations(compiled: Compiled) -> Iterator[Diagnostic]:
    settings = compiled.project.settings
    version = settings.alertmanager_version
    # A configuration of the user's own may bring templates of its own.
    templates = None if settings.base.alertmanager else defined()
    for team in compiled.project.teams:
        for destination in team.destinations:
            yield from receivers.check(destination, team.name, version, templates)


def _hours(compiled: Compiled) -> Iterator[Diagnostic]:
    for team in people(compiled.project):
        try:
            hours.working_hours(team)
        except ValueError as error:
            text = f"working hours of team {team.name}: {error}"
            yield Diagnostic("ALM009", Level.ERROR, text, team.place)


def _causes(compiled: Compiled) -> Iterator[Diagnostic]:
    for effect, name in unresolved(compiled.project):
        known = sorted(title(each) for each in documents(compiled.project))
        near = get_close_matches(name, known, 1)
        yield Diagnostic(
            "ALM012",
            Level.ERROR,
            f"{title(effect)} depends on {name!r}, which is no SLO and no alert",
            effect.place,
            f"did you mean {near[0]}?" if near else "write an SLO's id or an alert's name",
        )
    for edge in edges(compiled.project):
        if not _pages(edge.cause):
            yield Diagnostic(
                "ALM015",
                Level.WARNING,
                f"{title(edge.effect)} depends on {title(edge.cause)}, which never pages and so "
                "silences nothing",
                edge.effect.place,
            )


def _last_resort(compiled: Compiled) -> Iterator[Diagnostic]:
    project = compiled.project
    if not compiled.alert_rules():
        return
    last = fallback(project)
    reached = any(
        Severity.PAGE in destination.severities
        for team in last
        for destination in team.destinations
    )
    if not reached:
        text = "an alert that nobody owns would reach nobody: no destination for a page"
        yield Diagnostic("ALM013", Level.ERROR, text, last[0].place if last else None)
    elif len(last) > 1:
        yield Diagnostic(
            "ALM013",
            Level.WARNING,
            "an alert that nobody owns goes to every team",
            None,
            "set defaults.owner in Settings",
        )
    reserved = {team.name for team in project.teams}
    if WATCHDOG_TEAM not in reserved:
        yield Diagnostic(
            "ALM014",
            Level.NOTICE,
            "nobody misses the heartbeat: there is no team called watchdog",
            None,
            "add one whose webhook is a dead man's switch outside of this Alertmanager",
        )
    if AUDIT_TEAM not in reserved:
        text = "no copy of the alerts is kept: there is no team called audit"
        yield Diagnostic("ALM014", Level.NOTICE, text)


def _mutual_silence(compiled: Compiled) -> Iterator[Diagnostic]:
    """A ring of alerts that silence each other would be told to nobody."""
    built = routing(compiled)
    external = compiled.project.settings.external_labels
    rules = compiled.alert_rules()
    labels = [alert_labels(rule, external) for rule in rules]
    quiet: dict[int, set[int]] = {}
    for pair in silences(built, labels):
        quiet.setdefault(pair.source, set()).add(pair.target)
    ring = _ring(quiet)
    if ring:
        told = " -> ".join(_called(labels[place]) for place in (*ring, ring[0]))
        yield Diagnostic(
            "ALM011",
            Level.ERROR,
            f"these alerts would silence each other and nobody would be told: {told}",
            next((_place(rules[place]) for place in ring if _states_cause(rules[place])), None),
            "remove one depends_on",
        )


def _ring(quiet: dict[int, set[int]]) -> tuple[int, ...]:
    """A cycle of the graph, or nothing."""
    done: set[int] = set()
    for start in sorted(quiet):
        trail: list[int] = []
        stack: list[tuple[int, Iterator[int]]] = []
        if start not in done:
            trail.append(start)
            stack.append((start, iter(sorted(quiet[start]))))
        while stack:
            node, following = stack[-1]
            step = next(following, None)
            if step is None:
                done.add(node)
                stack.pop()
                trail.pop()
            elif step in trail:
                return tuple(trail[trail.index(step) :])
            elif step not in done:
                trail.append(step)
                stack.append((step, iter(sorted(quiet.get(step, ())))))
    return ()


def _called(labels: Labels) -> str:
    tier = labels.get("slo_tier")
    return f"{labels['alertname']} ({tier})" if tier else labels["alertname"]


def _states_cause(rule: AlertRule) -> bool:
    stated: Iterable[str] = rule.slo.alerting.depends_on if rule.slo else ()
    return bool(tuple(stated) or (rule.alert and rule.alert.depends_on))


def _pages(document: Slo | Alert) -> bool:
    if isinstance(document, Slo):
        return any(tier.severity is Severity.PAGE for tier in document.alerting.tiers)
    escalation = document.runbook.escalation
    return document.severity is Severity.PAGE or (escalation is not None and escalation.expr != "")


def _place(rule: AlertRule) -> Span | None:
    if rule.slo is not None:
        return rule.slo.place
    return rule.alert.place if rule.alert is not None else None
