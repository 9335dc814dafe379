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
from dashboards.proving.reading import Node, mapping, nodes, word
from dashboards.proving.scenario import Labels
from slo.model import SeverityWords
from slo.names import BURN_RATE, SEVERITIES
from slo.promql import parse, selected_metrics, selects

_AT_ONCE: Final = 4
Families = dict[str, list[tuple[Labels, Sequence[tuple[int, float]]]]]


@dataclass(frozen=True, slots=True)
class Rule:
    """A recording or an alerting rule, as its file has it; exactly one name is set."""

    record: str
    alert: str
    expr: str
    labels: Mapping[str, str]


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


def hottest(url: str, timeline: Timeline) -> Mapping[str, str]:
    """The SLO that burns most where each phase ends, of the Prometheus at `url`."""
    query = f"topk(1, max by (slo_id) ({BURN_RATE}))"
    found = {phase: instant(url, query, time) for phase, time in timeline.moments().items()}
    return {phase: some[0].labels["slo_id"] for phase, some in found.items() if some}


def alerts(rules: Sequence[Rule], timeline: Timeline, burning: Mapping[str, str]) -> Families:
    """Prometheus's own series about alerts: one page and one ticket, where the story has them.

    Whether alerts fire when they should is proven elsewhere; here panels about alerts need
    some that do: those of the SLO that `burning` names for the phase, else the first.
    """
    families: Families = {"ALERTS": [], "ALERTS_FOR_STATE": []}
    words = severity_words(rules)
    for phase, start, end in timeline.spans():
        if phase.alerting:
            times = range(start + COARSE_SECONDS, end + 1, COARSE_SECONDS)
            slo_id = burning.get(phase.name, "")
            chosen = [_first(rules, severity, slo_id) for severity in (words.page, words.ticket)]
            for rule in (rule for rule in chosen if rule is not None):
                static = {key: text for key, text in rule.labels.items() if "{{" not in text}
                labels = {"alertname": rule.alert, **static}
                firing = {**labels, "alertstate": "firing"}
                families["ALERTS"].append((_sorted(firing), [(time, 1.0) for time in times]))
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


def _first(rules: Sequence[Rule], severity: str, slo_id: str) -> Rule | None:
    fit = [rule for rule in rules if rule.alert and rule.labels.get("severity") == severity]
    return next(
        (rule for rule in fit if rule.labels.get("slo_id") == slo_id), next(iter(fit), None)
    )


def _rules(group: Node) -> Iterator[Rule]:
    for node in nodes(group.get("rules")):
        labels = {key: str(value) for key, value in mapping(node.get("labels")).items()}
        yield Rule(word(node, "record"), word(node, "alert"), word(node, "expr"), labels)


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
