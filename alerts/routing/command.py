"""`sloctl routes`: who is told what, asked of a generated tree, and proven."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from datetime import datetime
from difflib import get_close_matches
from pathlib import Path
from typing import Final

import click

from alerts.routing.count import counts
from alerts.routing.crew import CREW_PATH, Crew, parse
from alerts.routing.generator import CONFIG_PATH
from alerts.routing.insert import read
from alerts.routing.proof import PROOF, alert_labels
from alerts.routing.table import called, table
from alerts.routing.tree import Labels, Routing
from alerts.routing.who import Tree, answer
from alerts.routing.words import RULES, meant, meant_labels, words_of
from slo.model import SeverityWords
from slo.plugin import Verdict
from slo.spec.problems import nearest

PROBLEMS: Final = 1
CANNOT_TELL: Final = 4

_TREE: Final = click.Path(exists=True, file_okay=False, path_type=Path)


@click.group()
def routes() -> None:
    """Who is told what: show it, compare it, prove it.

    DIR is the output of `sloctl generate`.
    """


@routes.command()
@click.argument("directory", metavar="DIR", type=_TREE)
def show(directory: Path) -> None:
    """Print every alert's way.

    For each route that takes it: the receiver, how long it gathers, waits and repeats, when
    nothing leaves, and the group key; then what would silence it.
    """
    click.echo(_ways(directory), nl=False)


@routes.command()
@click.argument("old", type=_TREE)
@click.argument("new", type=_TREE)
def diff(old: Path, new: Path) -> None:
    """Print which alerts go another way in NEW than in OLD; exit 1 if any does."""
    lines = difflib.unified_diff(
        _ways(old).splitlines(), _ways(new).splitlines(), str(old), str(new), lineterm="", n=4
    )
    changed = "\n".join(lines)
    if changed:
        click.echo(changed)
        raise SystemExit(PROBLEMS)
    click.echo("every alert goes the same way")


@routes.command()
@click.argument("directory", metavar="DIR", type=_TREE)
@click.argument("labels", metavar="[ALERT] LABEL=VALUE...", nargs=-1, required=True)
@click.option(
    "--at", "moment", metavar="TIME", help="ISO 8601 with offset, say 2026-12-05T22:30+01:00."
)
def who(directory: Path, labels: tuple[str, ...], moment: str | None) -> None:
    """Say who is told of an alert, now or at another time.

    ALERT is the name of an alert of the tree, and stands for its labels; LABEL=VALUE adds to
    them, or describes an alert that there is not. Told are the receiver and its team, by
    what it is reached, when, and who is called next.
    """
    when = _moment(moment)
    tree = Tree(_read(directory), _crews(directory), tuple(alert_labels(directory)))
    words = words_of(directory / RULES)
    asked = _meant(tree, labels)
    for line in _strangers(tree, asked, words):
        click.echo(line, err=True)
    for found in asked:
        stated = meant_labels(found, words)
        if "alertname" in stated:
            click.echo(called(stated))
        for line in answer(tree, stated, when):
            click.echo(line)


@routes.command()
@click.argument("directory", metavar="DIR", type=_TREE)
def count(directory: Path) -> None:
    """Print how many notifications people get, were all alerts of a root cause to fire at once.

    Beside it, what routing by severity alone would send, grouped by alert and service.
    """
    click.echo("alerts  silent  notifications  by severity only  root cause")
    for line in counts(_read(directory), tuple(alert_labels(directory))):
        numbers = f"{line.alerts:6}  {line.silent:6}  {line.told:13}  {line.plain:16}"
        click.echo(f"{numbers}  {line.cause}")


@routes.command()
@click.argument("directory", metavar="DIR", type=_TREE)
@click.option(
    "--ways",
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="What `show` printed when it was last reviewed: a difference fails.",
)
def prove(directory: Path, ways: Path | None) -> None:
    """Prove that every alert reaches its owner; exit 1 if not, 4 if amtool is missing."""
    verdicts: list[Verdict] = []
    for result in PROOF.run(directory):
        verdicts.append(result.verdict)
        click.echo(f"{result.verdict.value}  {result.name}")
        if result.detail:
            click.echo(f"  {result.detail}")
    if ways is not None:
        same = ways.read_text("utf-8") == _ways(directory)
        verdicts.append(Verdict.PASSED if same else Verdict.FAILED)
        click.echo(f"{verdicts[-1].value}  every alert goes the way that {ways} says")
    if Verdict.FAILED in verdicts:
        raise SystemExit(PROBLEMS)
    if Verdict.SKIPPED in verdicts:
        raise SystemExit(CANNOT_TELL)


def _ways(directory: Path) -> str:
    return table(_read(directory), tuple(alert_labels(directory)))


def _read(directory: Path) -> Routing:
    config = directory / CONFIG_PATH
    if not config.is_file():
        msg = f"{directory} holds no {CONFIG_PATH}: give the DIR of sloctl generate --out"
        raise click.ClickException(msg)
    try:
        return meant(read(config.read_text("utf-8")), words_of(directory / RULES))
    except ValueError as error:
        msg = f"{config}: {error}"
        raise click.ClickException(msg) from error


def _crews(directory: Path) -> tuple[Crew, ...]:
    path = directory / CREW_PATH
    if not path.is_file():  # a tree of an earlier version
        return ()
    try:
        return parse(path.read_text("utf-8"))
    except ValueError as error:
        msg = f"{path}: {error}"
        raise click.ClickException(msg) from error


def _meant(tree: Tree, words: tuple[str, ...]) -> list[dict[str, str]]:
    """The label sets that `words` stand for: one, or one for each tier of a named alert."""
    stated = dict(_pair(word) for word in words if "=" in word)
    names = [word for word in words if "=" not in word]
    if not names:
        return [stated]
    (name, *more) = names
    found = [each for each in tree.alerts if each["alertname"] == name]
    if more or not found:
        wrong = more[0] if more else name
        near = get_close_matches(wrong, {each["alertname"] for each in tree.alerts}, 1)
        hint = f"did you mean {near[0]}?" if near else "a label is written severity=page"
        msg = f"not the name of an alert of this tree: {wrong!r}, {hint}"
        raise click.BadParameter(msg)
    # A tier is chosen by its own label; what only a series says is added.
    fits = [each for each in found if all(each.get(k, v) == v for k, v in stated.items())]
    return [{**each, **stated} for each in fits or found]


def _strangers(tree: Tree, asked: Iterable[Labels], words: SeverityWords) -> Iterator[str]:
    """A word on each team and severity that nobody has: most likely it is misspelt.

    No refusal: an alert of somebody else may carry it, and goes to the catch-all.
    """
    known = {
        "team": {crew.name for crew in tree.crews} | {rule.get("team", "") for rule in tree.alerts},
        "severity": {words.said(rule.get("severity", "")) for rule in tree.alerts}
        | {words.page, words.ticket},
    }
    for label, values in known.items():
        for given in dict.fromkeys(labels[label] for labels in asked if label in labels):
            if given not in values and words.said(given) not in values:
                yield f"note: no such {label}: {given!r}, {nearest(given, values - {''})}"


def _pair(text: str) -> tuple[str, str]:
    label, equals, value = text.partition("=")
    if not (label and equals):
        msg = f"not a label: {text!r}, write for example severity=page"
        raise click.BadParameter(msg)
    return label, value


def _moment(text: str | None) -> datetime:
    if text is None:
        return datetime.now().astimezone()
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        msg = f"not a time: {text!r}"
        raise click.BadParameter(msg) from error
    if moment.tzinfo is None:
        msg = f"a time needs its offset, got {text!r}"
        raise click.BadParameter(msg)
    return moment
