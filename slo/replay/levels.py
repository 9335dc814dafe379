"""Recording rules in the order in which a past can be recorded.

A rule that reads what another one records has to wait for it. Rules of one level read only
raw series and those of the levels before.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import promql_parser as pp

from slo.exact import Duration
from slo.model import AlertRule, RecordRule, RuleGroup
from slo.promql import parse, selected_metrics, selects


class CircleError(ValueError):
    """Rules read each other in a circle: no order can record them."""


@dataclass(frozen=True, slots=True)
class Timed:
    """A rule, and how often its group evaluates it."""

    rule: RecordRule
    interval: Duration


def levels(
    groups: Iterable[RuleGroup],
    wanted: Iterable[str] | None = None,
    done: Collection[RecordRule] = (),
) -> tuple[tuple[Timed, ...], ...]:
    """The recording rules of `groups`, each once, in levels.

    Args:
        groups: Equal rules in several of them are recorded once.
        wanted: Names of recorded series; what neither they nor the alerts of `groups` read
            is left out. None records everything.
        done: Rules that are recorded already.

    Raises:
        CircleError: The rules read each other in a circle.
    """
    groups = tuple(groups)
    left = _distinct(groups)
    if wanted is not None:
        left = _needed(left, frozenset(wanted), groups)
    left = [timed for timed in left if timed.rule not in done]
    found: list[tuple[Timed, ...]] = []
    while left:
        ready = tuple(timed for timed in left if not _waits(timed, left))
        if not ready:
            circle = sorted({timed.rule.record for timed in left})
            msg = f"rules read each other in a circle: {', '.join(circle)}"
            raise CircleError(msg)
        found.append(ready)
        left = [timed for timed in left if timed not in ready]
    return tuple(found)


def inlined(groups: Iterable[RuleGroup]) -> tuple[RuleGroup, ...]:
    """`groups` with no recording rule that reads both raw and recorded series.

    What such a rule reads of another one at the same moment is put in its place, so that
    whoever holds the raw series can evaluate it without the recorded ones.
    """
    groups = tuple(groups)
    known = {_selector(timed.rule): timed.rule.expr for timed in _distinct(groups)}
    recorded = {timed.rule.record for timed in _distinct(groups)}
    return tuple(
        replace(group, rules=tuple(_inlined(rule, known, recorded) for rule in group.rules))
        for group in groups
    )


def _inlined(
    rule: RecordRule | AlertRule, known: Mapping[str, str], recorded: Collection[str]
) -> RecordRule | AlertRule:
    read = reads(rule.expr)
    if isinstance(rule, AlertRule) or read <= set(recorded) or not read & set(recorded):
        return rule
    expr = rule.expr
    for selector, put in known.items():
        expr = expr.replace(selector, f"({put})")
    return replace(rule, expr=expr)


def _selector(rule: RecordRule) -> str:
    """How rules of the compiler select what `rule` records."""
    matchers = ",".join(f'{key}="{text}"' for key, text in sorted(rule.labels.items()))
    return f"{rule.record}{{{matchers}}}"


def reads(expr: str) -> frozenset[str]:
    """The names of the series that `expr` selects."""
    return selected_metrics(parse(expr))


def _waits(timed: Timed, left: Sequence[Timed]) -> bool:
    """Whether a rule reads what one of `left` records."""
    expr = parse(timed.rule.expr)
    return any(_reads(expr, other.rule) for other in left)


def _reads(expr: pp.Expr, rule: RecordRule) -> bool:
    """Whether `expr` reads what `rule` records; of another SLO it may be the same name."""
    return selects(expr, rule.record, "slo_id", rule.labels.get("slo_id", ""))


def _distinct(groups: Sequence[RuleGroup]) -> list[Timed]:
    found: dict[tuple[str, str, tuple[tuple[str, str], ...]], Timed] = {}
    for group in groups:
        for rule in group.rules:
            if isinstance(rule, RecordRule):
                key = (rule.record, rule.expr, tuple(sorted(rule.labels.items())))
                found.setdefault(key, Timed(rule, group.interval))
    return list(found.values())


def _needed(
    rules: Sequence[Timed], wanted: Collection[str], groups: Sequence[RuleGroup]
) -> list[Timed]:
    """Those of `rules` whose record is `wanted`, or read by an alert or by another one needed."""
    alerts = [rule for group in groups for rule in group.rules if isinstance(rule, AlertRule)]
    readers = [parse(rule.expr) for rule in alerts]
    needed = [timed for timed in rules if timed.rule.record in wanted]
    readers += [parse(timed.rule.expr) for timed in needed]
    rest = [timed for timed in rules if timed.rule.record not in wanted]
    while more := [each for each in rest if any(_reads(expr, each.rule) for expr in readers)]:
        needed += more
        readers = [parse(timed.rule.expr) for timed in more]
        rest = [timed for timed in rest if timed not in more]
    return [timed for timed in rules if timed in needed]
