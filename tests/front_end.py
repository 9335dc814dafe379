"""Small documents for tests of the compiler's front end, and the way in."""

from __future__ import annotations

from slo.diagnostic import Diagnostic, Level
from slo.model import Project, Slo
from slo.spec import SourceFile, read

TEAM = """\
apiVersion: fleetslo/v1
kind: Team
metadata: {name: web}
spec:
  destinations:
    - webhook: {url: "http://127.0.0.1:9095/web"}
"""
EVENTS = """\
    events:
      bad: sum(rate(errors_total[$window]))
      total: sum(rate(requests_total[$window]))
"""


def slo_text(
    name: str = "checkout",
    *,
    sli: str = EVENTS,
    objective: str = "99.9",
    more: str = "",
    service: str = "shop",
    owner: str = "web",
) -> str:
    return (
        "apiVersion: fleetslo/v1\n"
        "kind: SLO\n"
        f"metadata: {{name: {name}, service: {service}}}\n"
        "spec:\n"
        f"  objective: {objective}\n"
        f"  owner: {owner}\n"
        f"  sli:\n{sli}{more}"
    )


def alert_text(name: str = "QueueStuck", *, expr: str = "sum(depth) > 9", more: str = "") -> str:
    return (
        "apiVersion: fleetslo/v1\n"
        "kind: Alert\n"
        f"metadata: {{name: {name}, service: shop}}\n"
        f"spec:\n  expr: {expr}\n  severity: page\n  owner: web\n{more}"
    )


def document(kind: str, name: str, spec: str) -> str:
    return f"apiVersion: fleetslo/v1\nkind: {kind}\nmetadata: {{name: {name}}}\nspec: {spec}\n"


def read_texts(*texts: str, named: bool = True) -> tuple[Project | None, list[Diagnostic]]:
    return read([SourceFile("test.yaml", "---\n".join((*texts, TEAM)), named)])


def problems_of(*texts: str) -> list[Diagnostic]:
    return read_texts(*texts)[1]


def codes_of(*texts: str) -> list[str]:
    return [problem.code for problem in problems_of(*texts)]


def project_of(*texts: str) -> Project:
    project, problems = read_texts(*texts)
    assert [p for p in problems if p.level is Level.ERROR] == []
    assert project is not None
    return project


def slo_of(*texts: str) -> Slo:
    return project_of(*texts).slos[0]


def marked(problem: Diagnostic, text: str) -> str:
    """The part of `text` that `problem` points at."""
    assert problem.place is not None
    line = text.split("\n")[problem.place.line - 1]
    return line[problem.place.column - 1 : problem.place.end_column - 1]
