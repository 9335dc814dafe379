"""Problems as text for people, as JSON for programs, as annotations for GitHub."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Final

import click

from slo.cli.draw import draw, summary
from slo.cli.state import State, coloured
from slo.diagnostic import Diagnostic, Level
from slo.plural import plural

_GITHUB: Final = {Level.ERROR: "error", Level.WARNING: "warning", Level.NOTICE: "notice"}


class Format(StrEnum):
    """How problems are told."""

    TEXT = "text"
    JSON = "json"
    GITHUB = "github"


def report(
    problems: Sequence[Diagnostic],
    sources: Mapping[str, str],
    state: State,
    form: Format = Format.TEXT,
) -> None:
    """Tell all `problems`: text goes to stderr, the other formats to stdout.

    Notices wait for `--verbose`. Those on a line of a file are counted until then; one without a
    place is advice on the whole set-up, the same in every run, and is not.
    """
    if form is Format.JSON:
        click.echo(as_json(problems))
        return
    if form is Format.GITHUB:
        for problem in problems:
            click.echo(as_github(problem))
        return
    kept = [p for p in problems if p.level is Level.NOTICE and not state.verbose]
    tell([p for p in problems if p.level is not Level.NOTICE or state.verbose], sources)
    hidden = sum(p.place is not None for p in kept)
    if hidden and not state.quiet:
        click.echo(f"{plural(hidden, 'notice')}, shown by sloctl -v", err=True)


def tell(problems: Sequence[Diagnostic], sources: Mapping[str, str]) -> None:
    """Draw `problems` on stderr, and how many they are."""
    colour = coloured(sys.stderr)
    for problem in problems:
        click.echo(draw(problem, sources, colour=colour) + "\n", err=True, color=colour or None)
    words = summary(problems)
    if words:
        click.echo(f"{words}, sloctl explain {problems[0].code} tells more", err=True)


def as_json(problems: Sequence[Diagnostic]) -> str:
    """All problems as one JSON document; lines and columns from 1, the end exclusive."""
    found = [
        {
            "code": problem.code,
            "level": problem.level.value,
            "message": problem.text,
            "help": problem.help,
            "file": problem.place.file if problem.place else None,
            "line": problem.place.line if problem.place else None,
            "column": problem.place.column if problem.place else None,
            "end_column": problem.place.end_column if problem.place else None,
        }
        for problem in problems
    ]
    return json.dumps({"problems": found}, indent=2, ensure_ascii=False)


def as_github(problem: Diagnostic) -> str:
    """A workflow command that annotates the changed line of a pull request.

    Source: GitHub, "Workflow commands for GitHub Actions", notice, warning and error.
    """
    properties = {"title": problem.code}
    if problem.place is not None:
        place = problem.place
        properties = {
            "file": place.file,
            "line": str(place.line),
            "col": str(place.column),
            "endColumn": str(place.end_column),
            "title": problem.code,
        }
    listed = ",".join(f"{key}={_property(value)}" for key, value in properties.items())
    text = problem.text + (f"\nhelp: {problem.help}" if problem.help else "")
    return f"::{_GITHUB[problem.level]} {listed}::{_data(text)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
