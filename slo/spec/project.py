"""All files of a run become one project, or every reason why they do not.

The order is that of knowledge: settings, classes, policies and names first, so that an SLO
may refer to anything, wherever it stands.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import PurePosixPath
from typing import TypeVar

from slo.diagnostic import Diagnostic
from slo.model import Alert, Project, Slo, UserFile
from slo.names import burn_alert
from slo.policy import read as read_policy
from slo.source import Mapping
from slo.spec.alerts import read_alert
from slo.spec.check import check
from slo.spec.context import Context, Document, nothing_at_hand
from slo.spec.cycles import cycles
from slo.spec.lint import conflicts, runbooks
from slo.spec.maintenance import excluded, read_maintenance
from slo.spec.objectives import expanded
from slo.spec.ordered import read_slos
from slo.spec.problems import Problems
from slo.spec.recognise import UNCLEAR, SourceFile, adopted, documents
from slo.spec.settings import check_defaults, read_settings
from slo.spec.shapes import KINDS
from slo.spec.slos import check_class, identity
from slo.spec.teams import read_team

_T = TypeVar("_T")
_UNREAD = frozenset({"SLO001", "SLO003"})
_MISSING = frozenset({"SLO007", "SLO021", "SLO027"})
"""Nothing of ours, no such document, no such policy."""


def read(
    files: Sequence[SourceFile],
    handwritten: Sequence[UserFile] = (),
    open_text: Callable[[str], str] = nothing_at_hand,
    natives: Sequence[Mapping] = (),
) -> tuple[Project | None, list[Diagnostic]]:
    """Read, check and resolve every document of `files`.

    Args:
        files: Texts that hold documents.
        handwritten: Parts of runbooks, each called as its alert: ``runbooks/<alert>.md``.
        open_text: Reads a file that a document names; raises OSError or UnicodeDecodeError.
        natives: Documents of ours that an importer made.

    Returns:
        The project, or None when there is an error; and every problem, by place.
    """
    problems = Problems()
    found = [*documents(files, problems), *adopted(natives, problems)]
    context = Context(problems, open_text=open_text)
    parts = _handwritten(handwritten, problems)
    formed = expanded([_formed(document, problems) for document in found], problems)
    project = replace(_resolve(formed, context), handwritten=parts)
    if not problems.errors:
        problems.extend(runbooks(project.alerts, parts))
    if not found and not problems.errors:
        names = ", ".join(file.name for file in files[:5]) or "nothing"
        problems.error("SLO007", f"no document of ours was found, looked at {names}", None)
    return (None if problems.errors else project), _first_things(problems.sorted())


def _first_things(found: list[Diagnostic]) -> list[Diagnostic]:
    """Without what may only be missing because a document could not be read at all.

    A name that is near to one that is known is misspelt, whatever else there is.
    """
    if not any(problem.code in _UNREAD for problem in found):
        return found
    return [
        problem
        for problem in found
        if problem.code not in _MISSING or problem.help.startswith("did you mean")
    ]


def _handwritten(parts: Iterable[UserFile], problems: Problems) -> dict[str, UserFile]:
    """The parts by the name of their alert; two for one alert are an error."""
    found: dict[str, UserFile] = {}
    for part in sorted(parts, key=lambda part: part.path):
        alert = PurePosixPath(part.path).stem
        first = found.setdefault(alert, part)
        if first is not part:
            text = f"the runbook of {alert} has two hand-written parts, the first is {first.path}"
            problems.error("SLO020", text, part.place, "put them into one file")
    return found


def _formed(document: Document, problems: Problems) -> Document:
    """`document`, marked as unsound where a value does not have its form."""
    if document.kind == UNCLEAR:
        return document
    before = problems.errors
    check(document.node, KINDS[document.kind], document.kind, problems)
    return replace(document, sound=problems.errors == before)


def _resolve(found: Sequence[Document], context: Context) -> Project:
    by_kind = {kind: [d for d in found if d.kind == kind] for kind in KINDS}
    context.unclear = frozenset(d.name for d in found if d.kind == UNCLEAR)
    _learn(by_kind, context)
    slos = read_slos(by_kind["SLO"], context)
    alerts = _all(by_kind["Alert"], read_alert, context)
    for document in by_kind["Class"]:
        check_class(document, context)
    for document in by_kind["Settings"][:1]:
        check_defaults(document, context)
    _circles(slos, alerts, context)
    read_by = [(text, slo.place) for slo in slos for text in (slo.sli.errors, slo.sli.total)]
    read_by += [(alert.expr, alert.place) for alert in alerts]
    context.problems.extend(conflicts(read_by))
    maintenance = _all(by_kind["Maintenance"], read_maintenance, context)
    slos = [replace(slo, excluded=excluded(slo, maintenance)) for slo in slos]
    return Project(
        slos=tuple(sorted(slos, key=lambda slo: slo.slo_id)),
        alerts=tuple(sorted(alerts, key=lambda alert: alert.name)),
        teams=tuple(sorted(_all(by_kind["Team"], read_team, context), key=lambda team: team.name)),
        maintenance=tuple(sorted(maintenance, key=lambda window: window.name)),
        settings=context.settings,
    )


def _learn(by_kind: dict[str, list[Document]], context: Context) -> None:
    """What must be known before an SLO is read."""
    for document in by_kind["Settings"][1:]:
        first = by_kind["Settings"][0].place
        text = f"Settings may stand once, first in {first.file} line {first.line}"
        context.problems.error("SLO025", text, document.place)
    for document in by_kind["Settings"][:1]:
        context.settings = read_settings(document, context)
    for kind in ("Class", "Team", "Policy", "Maintenance", "Alert"):
        _unique(by_kind[kind], lambda document: document.name, kind, context)
    _unique(by_kind["SLO"], identity, "SLO", context)
    _unique_alert_names(by_kind, context)
    context.classes = {d.name: d for d in reversed(by_kind["Class"]) if d.name}
    context.teams = frozenset(d.name for d in by_kind["Team"] if d.name)
    context.alerts = frozenset(d.name for d in by_kind["Alert"] if d.name)
    context.slo_ids = {identity(d): d.name for d in by_kind["SLO"] if d.name}
    _policies(by_kind["Policy"], context)


def _policies(found: Sequence[Document], context: Context) -> None:
    broken: set[str] = set()
    for document in found:
        policy, faults = read_policy(document.node)
        context.problems.extend(faults)
        if policy is None:
            broken.add(document.name)
        else:
            context.policies[document.name] = policy
    context.broken_policies = frozenset(broken)


def _unique(
    found: Sequence[Document], key: Callable[[Document], str], kind: str, context: Context
) -> None:
    seen: dict[str, Document] = {}
    for document in found:
        own = key(document)
        first = seen.setdefault(own, document)
        if first is not document and document.name:
            text = f"{kind} {own} stands twice, first in {_where(first)}"
            context.problems.error("SLO020", text, document.place, "give one of them another name")


def _unique_alert_names(by_kind: dict[str, list[Document]], context: Context) -> None:
    """Two SLOs may have different ids and yet the same alert name; an Alert may take it too.

    Names that differ in case only are the same file to some file systems: ``runbooks/<name>.md``.
    """
    seen: dict[str, Document] = {}
    for document in by_kind["Alert"]:
        first = seen.setdefault(document.name.casefold(), document)
        if document.name and first.name != document.name:
            text = f"Alert {document.name} differs from {first.name} in case only"
            hint = f"rename it, or the one in {_where(first)}: their runbooks would be one file"
            context.problems.error("SLO020", text, document.place, hint)
    for document in by_kind["SLO"]:
        name = burn_alert(document.metadata.text("service"), document.name)
        first = seen.setdefault(name.casefold(), document)
        same = first.kind == "SLO" and identity(first) == identity(document)
        if first is not document and not same and document.name:
            text = f"the burn alert would be called {name}, as that of {first.name}"
            hint = f"rename it, or the one in {_where(first)}"
            context.problems.error("SLO020", text, document.place, hint)


def _where(document: Document) -> str:
    return f"{document.place.file} line {document.place.line}"


def _all(
    found: Sequence[Document], read_one: Callable[[Document, Context], _T | None], context: Context
) -> list[_T]:
    values = (read_one(document, context) for document in found)
    return [value for value in values if value is not None]


def _circles(slos: Sequence[Slo], alerts: Sequence[Alert], context: Context) -> None:
    """A page must not inhibit itself by way of others."""
    edges = {slo.slo_id: slo.alerting.depends_on for slo in slos}
    edges |= {alert.name: alert.depends_on for alert in alerts}
    places = {slo.slo_id: slo.place for slo in slos} | {a.name: a.place for a in alerts}
    for circle in cycles(edges):
        text = f"depends_on goes in a circle: {' -> '.join((*circle, circle[0]))}"
        hint = "a cause may not depend on its effect"
        context.problems.error("SLO023", text, places[circle[0]], hint)
