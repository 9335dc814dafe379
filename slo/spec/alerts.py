"""`kind: Alert`: a condition that is not an error budget, with its runbook."""

from __future__ import annotations

import re

from slo.exact import Duration
from slo.model import Alert, Escalation, Runbook, Scope, Severity
from slo.promql import compact
from slo.spec.context import Context, Document
from slo.spec.expressions import carried_labels, instant_vector
from slo.spec.fields import Fields
from slo.spec.lint import inverted_alert, scarce

_NONE = Duration(0)
# Between a small letter and a capital, and before the last capital of a run: LLMAPIError.
_WORDS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


def read_alert(document: Document, context: Context) -> Alert | None:
    """The alert of `document`; None after its problems were reported."""
    problems = context.problems
    before = problems.errors
    metadata, spec = document.metadata, document.spec
    service = metadata.text("service")
    scalar = spec.scalar("expr")
    expr = None if scalar is None else instant_vector(scalar, problems)
    by: tuple[str, ...] = ()
    if expr is not None and scalar is not None:
        problems.lint(inverted_alert(expr), scalar.span)
        problems.lint(scarce(expr, context.settings.intervals.scrape), scalar.span)
        by = carried_labels(expr, scalar, sorted(set(spec.texts("by"))), problems)
    runbook = _runbook(spec.child("runbook"), context)
    owner = context.team(spec, "owner", document)
    depends_on = context.causes(spec, "depends_on", service)
    if expr is None or not document.sound or problems.errors > before:
        return None
    title = metadata.text("title") or _WORDS.sub(" ", document.name)
    return Alert(
        name=document.name,
        title=title,
        service=service,
        expr=compact(expr),
        hold=spec.duration("for") or _NONE,
        keep_firing_for=spec.duration("keep_firing_for") or _NONE,
        severity=Severity(spec.text("severity")),
        owner=owner,
        scope=Scope(spec.text("scope", Scope.SERVICE)),
        by=by,
        depends_on=depends_on,
        runbook=runbook,
        summary=spec.text("summary") or title,
        description=spec.text("description") or runbook.meaning,
        root_cause=spec.text("root_cause") or document.name,
        catalog_id=spec.text("catalog"),
        labels=metadata.pairs("labels"),
        place=document.place,
    )


def _runbook(fields: Fields, context: Context) -> Runbook:
    escalation = fields.child("escalation")
    return Runbook(
        meaning=fields.text("meaning"),
        impact=fields.text("impact"),
        triage=fields.texts("triage"),
        mitigation=fields.texts("mitigation"),
        escalation=_escalation(escalation, context) if fields.has("escalation") else None,
    )


def _escalation(fields: Fields, context: Context) -> Escalation:
    team = fields.text("team")
    if team:
        context.check_team(team, fields.place("team"))
    scalar = fields.scalar("expr")
    expr = None if scalar is None else instant_vector(scalar, context.problems)
    if expr is not None and scalar is not None:
        scrape = context.settings.intervals.scrape
        context.problems.lint(scarce(expr, scrape), scalar.span)
    if fields.has("for") and scalar is None:
        text = "for has no meaning without expr: nothing would be measured"
        hint = "give expr, or say in words under when how long to wait"
        context.problems.error("SLO011", text, fields.place("for"), hint)
    return Escalation(
        when=fields.text("when"),
        team=team,
        expr="" if expr is None else compact(expr),
        hold=fields.duration("for") or _NONE,
    )
