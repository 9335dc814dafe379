"""`sloctl diff`: what a change of the files means, not how their text differs."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from itertools import groupby

import click

from slo.cli.reading import read_paths
from slo.cli.report import report
from slo.cli.state import FINE, PROBLEMS, State, coloured
from slo.compare import Change, changes
from slo.model import Project


@click.command("diff")
@click.argument("old", type=click.Path(exists=True))
@click.argument("new", type=click.Path(exists=True))
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="For people, or for programs.",
)
@click.option("--exit-code", is_flag=True, help="Exit 1 when anything changed.")
@click.pass_obj
def diff(state: State, old: str, new: str, form: str, exit_code: bool) -> int:
    """Tell what NEW means that OLD did not: files or directories of SLO files.

    Objectives, windows, tiers with their detection times and budgets at fire, who is told,
    and what it costs Prometheus. Moved text, order and comments are no change.
    """
    projects = [_project(path, state) for path in (old, new)]
    before, after = projects
    if before is None or after is None:
        return PROBLEMS
    found = changes(before, after)
    if form == "json":
        click.echo(json.dumps({"changes": [_plain(change) for change in found]}, indent=2))
    else:
        for line in _lines(found):
            click.echo(line, color=coloured(sys.stdout) or None)
        if not found:
            state.say("nothing changed in meaning")
    return PROBLEMS if found and exit_code else FINE


def _project(path: str, state: State) -> Project | None:
    reading = read_paths([path])
    report([p for p in reading.problems if p.level == "error"], reading.sources, state)
    return reading.project


def _lines(found: Sequence[Change]) -> Iterator[str]:
    for (kind, name), group in groupby(found, key=lambda change: (change.kind, change.name)):
        title = click.style(f"{kind} {name}".strip(), bold=True)
        ours = list(group)
        whole = next((change for change in ours if not change.what), None)
        if whole is not None and kind != "Settings":
            word = "is new" if whole.old is None else "is gone"
            yield f"{title} {word}: {whole.new or whole.old}"
            continue
        yield title
        for change in ours:
            yield f"  {change.what}: {_side(change.old)} -> {_side(change.new)}"


def _side(text: str | None) -> str:
    return "none" if text is None else text


def _plain(change: Change) -> dict[str, str | None]:
    return {
        "kind": change.kind,
        "name": change.name,
        "what": change.what,
        "old": change.old,
        "new": change.new,
    }


COMMAND = diff
