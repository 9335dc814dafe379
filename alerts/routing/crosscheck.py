"""What the generated files say of the routing, held against the routing: teams and runbooks.

A runbook names the receivers of its alert and what silences what; the file of teams says who
stands behind a receiver. Only what is in the tree is compared.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from alerts.routing.crew import CREW_PATH, SPECIAL, parse
from alerts.routing.simulate import receivers, silences
from alerts.routing.tree import AUDIT, NOBODY, Labels, Routing
from alerts.routing.words import RULES, meant_labels, words_of
from slo import promql
from slo.names import ALERT_LABELS
from slo.plugin import Result, Verdict
from slo.prove.reading import Rule, rules_of

_ROW: Final = re.compile(r"^\| \S+ \| (fleetslo-\S+) \|", re.MULTILINE)
_SILENT: Final = re.compile(r"^- While this fires you will not hear (.*?): ", re.MULTILINE)
_SILENCED: Final = re.compile(r"^- You will not hear this during (.*?): ", re.MULTILINE)
_PAGE: Final = re.compile(r"\[(\w+)\]\(\w+\.md\)")
_MORE: Final = re.compile(r"\band \d+ more: ")
"""A page names a dozen alerts at most."""
FROM_SERIES: Final = re.compile(r"\{\{[^}]*\}\}")
"""What an alert's label takes from its series."""
_OF_SERIES: Final = re.compile(r"\$labels\.(\w+)")

_OURS: Final = frozenset(ALERT_LABELS)
"""What rules say themselves, and no series."""

_Pair = tuple[str, str]


def crosscheck(directory: Path, routing: Routing, alerts: Sequence[Labels]) -> Iterator[Result]:
    """The verdicts on the tree in `directory`."""
    teams = directory / CREW_PATH
    if teams.is_file():
        try:
            broken = sorted(_crews(teams.read_text("utf-8"), routing))
        except ValueError as error:
            broken = [f"{CREW_PATH}: {error}"]
        yield _result("every receiver has its team, every team its receivers", broken)
    pages = directory / "runbooks"
    if pages.is_dir():
        names = {labels["alertname"] for labels in alerts}
        told = sorted({*_pages(pages, routing, alerts), *_unsaid(directory, routing, names)})
        yield _result("every runbook says of its alert's way what the routes do", told)


def _crews(text: str, routing: Routing) -> Iterator[str]:
    crews = parse(text)
    named = {receiver for crew in crews for receiver in crew.receivers}
    defined = {receiver.name for receiver in routing.receivers}
    for name in named - defined:
        yield f"a team has the receiver {name}, which is not defined"
    for name in defined - named - SPECIAL.keys():
        yield f"nobody stands behind the receiver {name}"
    known = {crew.name for crew in crews}
    for crew in crews:
        for name in set(crew.escalation) - known:
            yield f"{crew.name} calls {name} next, which is no team"


def _pages(pages: Path, routing: Routing, alerts: Sequence[Labels]) -> Iterator[str]:
    pairs = _silent_pairs(routing, alerts)
    ways: dict[str, set[str]] = {}
    for labels in alerts:
        found = set(receivers(routing, labels)) - {AUDIT}
        ways.setdefault(labels["alertname"], set()).update(found)
    for name, reached in sorted(ways.items()):
        path = pages / f"{name}.md"
        if not path.is_file():
            continue  # the links between the files tell
        text = path.read_text("utf-8")
        said = set(_ROW.findall(text))
        for receiver in said - reached:
            yield f"runbooks/{name}.md names {receiver}, which is not told"
        for receiver in reached - said - {NOBODY}:
            yield f"runbooks/{name}.md does not name {receiver}, which is told"
        for silent in _named(_SILENT, text):
            if (name, silent) not in pairs:
                yield f"runbooks/{name}.md says that it silences {silent}, and no route does so"
        for loud in _named(_SILENCED, text):
            if (loud, name) not in pairs:
                yield f"runbooks/{name}.md says that {loud} silences it, and no route does so"


def _unsaid(directory: Path, routing: Routing, names: set[str]) -> Iterator[str]:
    """What one alert certainly does to another and not both pages say."""
    texts = {
        path.stem: path.read_text("utf-8") for path in sorted((directory / "runbooks").glob("*.md"))
    }
    for source, target in sorted(_certain(directory, routing, names)):
        for name, other, line in ((source, target, _SILENT), (target, source, _SILENCED)):
            text = texts.get(name, "")
            shortened = any(_MORE.search(said[0]) for said in line.finditer(text))
            if text and not shortened and other not in _named(line, text):
                yield f"runbooks/{name}.md does not say that {source} silences {target}"


def _certain(directory: Path, routing: Routing, names: set[str]) -> set[_Pair]:
    """The names of every two alerts of which the first silences the second.

    Where an expression does not tell what its series carry, it must be so with and without.
    """
    asked = _asked(routing)
    rules = [rule for rule in _rules(directory) if rule.name in names]
    words = words_of(directory / RULES)
    found: list[set[_Pair]] = []
    for unknown in (set[str](), asked):
        alerts = [meant_labels(_labels(rule, unknown), words) for rule in rules]
        pairs = ((rules[p.source].name, rules[p.target].name) for p in silences(routing, alerts))
        found.append({pair for pair in pairs if pair[0] != pair[1]})
    return set.intersection(*found)


def _rules(directory: Path) -> list[Rule]:
    files = sorted((directory / RULES).glob("*.yaml"))
    return [rule for file in files for rule in rules_of(file) if rule.is_alert]


def _labels(rule: Rule, unknown: set[str]) -> dict[str, str]:
    """The labels of an alert; those of its series stand as ``x``, `unknown` ones too."""
    carried = promql.result_labels(promql.parse(rule.expr))
    if carried is None:
        # Those of an SLO tell by the label `budget_id` which ones they are.
        told = {label for text in rule.labels.values() for label in _OF_SERIES.findall(text)}
        carried = frozenset(told if "slo_id" in rule.labels else unknown - _OURS)
    own = {name: FROM_SERIES.sub("x", text) for name, text in rule.labels.items()}
    return {**dict.fromkeys(carried, "x"), **own, "alertname": rule.name}


def _named(line: re.Pattern[str], text: str) -> set[str]:
    return {name for found in line.findall(text) for name in _PAGE.findall(found)}


def _silent_pairs(routing: Routing, alerts: Sequence[Labels]) -> set[_Pair]:
    """The names of every two alerts of which the first may silence the second.

    A rule does not say which labels its series have: each alert is looked at without the
    labels that inhibitions ask for, and with all of them.
    """
    asked = _asked(routing)
    both = [each for labels in alerts for each in (labels, _filled(labels, asked))]
    return {
        (both[pair.source]["alertname"], both[pair.target]["alertname"])
        for pair in silences(routing, both)
    }


def _asked(routing: Routing) -> set[str]:
    """The labels that inhibitions look at."""
    rules = routing.inhibitions
    asked = {matcher.label for rule in rules for matcher in rule.source + rule.target}
    return asked | {label for rule in rules for label in rule.equal}


def _filled(labels: Labels, asked: set[str]) -> Mapping[str, str]:
    return {**dict.fromkeys(asked - _OURS, "x"), **labels}


def _result(name: str, broken: Sequence[str]) -> Result:
    return Result(name, Verdict.FAILED if broken else Verdict.PASSED, "; ".join(broken))
