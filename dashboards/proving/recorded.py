"""Recording rules run over a past that Prometheus did not see: level by level.

A rule that reads what another one records has to wait for it. So rules are sorted into
levels; each level is asked for over the whole story, written as blocks, and served to the
next.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final, cast

import yaml

from dashboards.notation import JsonValue
from dashboards.proving.ask import Answer, instant, ranged
from dashboards.proving.history import COARSE_SECONDS, Timeline
from dashboards.proving.phases import Phase
from dashboards.proving.reading import Node, mapping, nodes, word
from dashboards.proving.scenario import Labels
from slo.exact import Duration
from slo.model import SeverityWords
from slo.names import SEVERITIES, SIGNAL_LOST
from slo.promql import parse, selected_metrics, selects

_AT_ONCE: Final = 4
Families = dict[str, list[tuple[Labels, Sequence[tuple[int, float]]]]]


@dataclass(frozen=True, slots=True)
class Rule:
    """A recording or an alerting rule, as its file has it; exactly one name is set.

    Attributes:
        hold_seconds: How long the condition must hold before the alert fires.
    """

    record: str
    alert: str
    expr: str
    labels: Mapping[str, str]
    hold_seconds: int = 0


def rules_below(directory: Path) -> tuple[Rule, ...]:
    """Every rule of the tree of `sloctl generate` at `directory`."""
    return tuple(
        rule
        for path in sorted((directory / "prometheus" / "rules").glob("*.yaml"))
        for group in nodes(
            mapping(cast("JsonValue", yaml.safe_load(path.read_text()))).get("groups")
        )
        for rule in _rules(group)
    )


def levels(rules: Sequence[Rule]) -> list[list[Rule]]:
    """Recording rules, each after those whose series it reads; rules in a circle come last."""
    left = [rule for rule in rules if rule.record]
    found: list[list[Rule]] = []
    while left:
        ready = [rule for rule in left if not _waits(rule, left)]
        found.append(ready or left)
        left = [rule for rule in left if rule not in ready] if ready else []
    return found


def recorded(url: str, rules: Sequence[Rule], timeline: Timeline) -> Families:
    """What `rules` would have recorded over the story, asked of the Prometheus at `url`."""

    def one(rule: Rule) -> list[Answer]:
        return ranged(url, rule.expr, timeline.start, timeline.end, COARSE_SECONDS)

    families: Families = {}
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for rule, answers in zip(rules, pool.map(one, rules), strict=True):
            family = families.setdefault(rule.record, [])
            family.extend((_labels(rule, answer), answer.points) for answer in answers)
    return families


def fired(url: str, rules: Sequence[Rule], timeline: Timeline) -> Mapping[str, tuple[Rule, ...]]:
    """The alerts of SLOs that fire by the end of each phase in which budgets are spent.

    Asked of the Prometheus at `url`; whatever holds where a phase ends held all through it.
    """
    ours = [rule for rule in rules if rule.alert and rule.labels.get("slo_id")]

    def fires(rule: Rule, phase: Phase, end: int) -> bool:
        return rule.hold_seconds < phase.seconds and bool(instant(url, rule.expr, end))

    return {
        phase.name: tuple(rule for rule in ours if fires(rule, phase, end))
        for phase, _, end in timeline.spans()
        if phase.alerting
    }


def alerts(
    rules: Sequence[Rule], timeline: Timeline, burning: Mapping[str, tuple[Rule, ...]]
) -> Families:
    """Prometheus's own series about alerts, where the story has them.

    Whether alerts fire when they should is proven elsewhere; here panels about alerts need
    some that do: those that `burning` names, and one of the severity that its phase must have.
    """
    families: Families = {"ALERTS": [], "ALERTS_FOR_STATE": []}
    words = severity_words(rules)
    for phase, start, end in timeline.spans():
        if phase.alerting:
            times = range(start + COARSE_SECONDS, end + 1, COARSE_SECONDS)
            needed = words.page if phase.alerting == "page" else words.ticket
            for rule in _firing(rules, burning.get(phase.name, ()), needed):
                static = {key: text for key, text in rule.labels.items() if "{{" not in text}
                labels = {"alertname": rule.alert, **static}
                firing = {**labels, "alertstate": "firing"}
                held = rule.hold_seconds if rule.hold_seconds < phase.seconds else 0
                told = [(time, 1.0) for time in times if time > start + held]
                families["ALERTS"].append((_sorted(firing), told))
                since = [(time, float(start)) for time in times]
                families["ALERTS_FOR_STATE"].append((_sorted(labels), since))
    return _joined(families)


def _joined(families: Families) -> Families:
    """Each family with the points of equal label sets in one series."""
    joined: Families = {}
    for name, series in families.items():
        points: dict[Labels, list[tuple[int, float]]] = {}
        for labels, values in series:
            points.setdefault(labels, []).extend(values)
        joined[name] = list(points.items())
    return joined


def severity_words(rules: Iterable[Rule]) -> SeverityWords:
    """How the project of `rules` calls page and ticket."""
    told = next((rule.labels for rule in rules if rule.record == SEVERITIES), None)
    return SeverityWords(told["page"], told["ticket"]) if told else SeverityWords()


def _firing(rules: Sequence[Rule], burning: Sequence[Rule], severity: str) -> tuple[Rule, ...]:
    """Those that burn, and one more where none of them is of `severity`, of an SLO if it can be."""
    fit = [rule for rule in rules if rule.alert and rule.labels.get("severity") == severity]
    if not fit or any(rule in burning for rule in fit):
        return tuple(burning)
    spent = {rule.labels["slo_id"] for rule in burning}

    def rank(rule: Rule) -> tuple[bool, bool]:
        slo_id = rule.labels.get("slo_id", "")
        return not slo_id or rule.alert == SIGNAL_LOST, slo_id not in spent

    return (*burning, min(fit, key=rank))


def _rules(group: Node) -> Iterator[Rule]:
    for node in nodes(group.get("rules")):
        labels = {key: str(value) for key, value in mapping(node.get("labels")).items()}
        held = word(node, "for")
        hold = Duration.parse(held).ms // 1000 if held else 0
        yield Rule(word(node, "record"), word(node, "alert"), word(node, "expr"), labels, hold)


def _waits(rule: Rule, left: Sequence[Rule]) -> bool:
    """Whether `rule` reads what one of `left` records, itself aside."""
    expr = parse(rule.expr)
    metrics = selected_metrics(expr)
    return any(
        selects(expr, other.record, "slo_id", other.labels.get("slo_id", ""))
        for other in left
        if other is not rule and other.record in metrics
    )


def _labels(rule: Rule, answer: Answer) -> Labels:
    labels = {key: text for key, text in answer.labels.items() if key != "__name__"}
    return _sorted({**labels, **rule.labels})


def _sorted(labels: Mapping[str, str]) -> Labels:
    return tuple(sorted(labels.items()))
