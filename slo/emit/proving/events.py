"""Finds series that mean one good event, and series that mean one bad event, for an SLI.

The selectors of its expressions say which labels matter. Label sets that satisfy or just
miss their matchers are tried, alone and in pairs, until one grows the total only and one
grows the bad events as well.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations, islice, product
from typing import Final

import promql_parser as pp

from slo.emit.proving.linear import (
    Labels,
    Raw,
    UnsupportedError,
    Vector,
    accepts,
    evaluate,
    matches,
)
from slo.model import Sli, SliKind
from slo.promql import parse

_MOST_SERIES: Final = 64
"""Label sets that are tried per metric; more than this many means that none is obvious."""
_NEAR: Final = 1e-9
_OTHER: Final = "other"


@dataclass(frozen=True, slots=True)
class Events:
    """Series that count one kind of event: growth of each, for one event.

    Attributes:
        growth: Increase of every series per event.
        bad_share: Bad events per event: 0 for a good one, mostly 1 for a bad one.
    """

    growth: Mapping[Raw, Fraction]
    bad_share: Fraction


@dataclass(frozen=True, slots=True)
class Kinds:
    """One group's good and bad events."""

    good: Events
    bad: Events


def event_kinds(sli: Sli, group: Mapping[str, str]) -> Kinds | None:
    """Series for good and bad events of the budget `group`; None where none are found.

    Args:
        sli: Its errors and its total decide; of a composite the members are proven.
        group: A value for each of the SLO's `by` labels.
    """
    if sli.kind is SliKind.COMPOSITE:
        return None
    search = _Search(parse(sli.errors), parse(sli.total), frozenset(group.items()))
    try:
        return search.kinds(candidates((search.errors, search.total), group))
    except UnsupportedError:
        return None


def never_ends(expression: str) -> bool:
    """Whether `expression` has a result even where no series are: ``sum(x) or vector(0)``."""
    try:
        return bool(evaluate(parse(expression), {}))
    except UnsupportedError:
        return False


@dataclass(frozen=True, slots=True)
class _Search:
    """One SLI's expressions, and the labels of the budget whose events are looked for."""

    errors: pp.Expr
    total: pp.Expr
    group: Labels

    def kinds(self, found: list[Raw]) -> Kinds | None:
        """The first good and the worst bad event that one or two of `found` make."""
        good: Events | None = None
        bad: Events | None = None
        for size in (1, 2):
            for chosen in combinations(found, size):
                events = self._events(chosen, found)
                if events is None:
                    continue
                if events.bad_share == 0:
                    good = good or events
                elif bad is None or events.bad_share > bad.bad_share:
                    bad = events
            if good and bad:
                return Kinds(good, bad)
        return None

    def _events(self, chosen: tuple[Raw, ...], found: list[Raw]) -> Events | None:
        """What one unit of growth of each series in `chosen` means, if it is one event.

        A difference needs both of its series: the others stand still, and those that are
        not needed are left out.
        """
        slopes = dict.fromkeys(found, 0.0) | dict.fromkeys(chosen, 1.0)
        counted = self._count(slopes)
        if counted is None:
            return None
        for raw in found:
            without = {other: slope for other, slope in slopes.items() if other != raw}
            if raw not in chosen and self._count(without) == counted:
                slopes = without
        total, bad = counted
        # What tells a share, or yes and no, grows with nothing.
        if self._count({raw: 2 * slope for raw, slope in slopes.items()}) != (2 * total, 2 * bad):
            return None
        growth = {raw: Fraction(slope / total) for raw, slope in slopes.items()}
        return Events(
            {raw: share.limit_denominator(1000) for raw, share in growth.items()},
            Fraction(bad / total).limit_denominator(1000),
        )

    def _count(self, slopes: Mapping[Raw, float]) -> tuple[float, float] | None:
        """Total and bad events per second, if that is what `slopes` amount to."""
        total = _of_group(evaluate(self.total, slopes), self.group)
        if total is None or total <= _NEAR:
            return None
        bad = _of_group(evaluate(self.errors, slopes), self.group) or 0.0
        return (total, bad) if -_NEAR <= bad <= total + _NEAR else None


def _of_group(result: Vector | float, group: Labels) -> float | None:
    """The value of the one budget; None where there is none or there are others."""
    if not isinstance(result, dict) or set(result) != {group}:
        return None
    return next(iter(result.values()))


def candidates(expressions: Iterable[pp.Expr], group: Mapping[str, str]) -> list[Raw]:
    """Raw series worth trying: those of few labels first, each picked by some selector.

    Raises:
        UnsupportedError: A matcher cannot be read.
    """
    selectors = [selector for expr in expressions for selector in _selectors(expr)]
    found: set[Raw] = set()
    for metric in dict.fromkeys(selector.name for selector in selectors if selector.name):
        ours = [selector for selector in selectors if selector.name == metric]
        values = _values(ours, group)
        for choice in islice(product(*values.values()), 4 * _MOST_SERIES):
            pairs = {name: value for name, value in zip(values, choice, strict=True) if value}
            raw = Raw(str(metric), frozenset(pairs.items()))
            if any(raw.matches(selector) for selector in ours):
                found.add(raw)
    ordered = sorted(found, key=lambda raw: (len(raw.labels), raw.metric, sorted(raw.labels)))
    return ordered[:_MOST_SERIES]


def sample_value(expr: pp.Expr, label: str) -> str:
    """A value of `label` that every selector of `expr` accepts; empty where none asks for one.

    Raises:
        UnsupportedError: A matcher cannot be read.
    """
    asked = [
        matcher
        for selector in _selectors(expr)
        for matcher in selector.matchers.matchers
        if matcher.name == label
    ]
    tried = (value for matcher in asked for value in _samples(matcher))
    return next((value for value in tried if all(accepts(each, value) for each in asked)), "")


def _values(
    selectors: list[pp.VectorSelector], group: Mapping[str, str]
) -> dict[str, tuple[str, ...]]:
    """For each label that a matcher names, values that pass and values that do not."""
    values: dict[str, dict[str, None]] = {}
    for selector in selectors:
        for matcher in selector.matchers.matchers:
            tried = values.setdefault(matcher.name, {"": None})
            tried.update(dict.fromkeys(_samples(matcher)))
    fixed = {label: (value,) for label, value in group.items()}
    return {name: tuple(tried) for name, tried in sorted(values.items())} | fixed


def _samples(matcher: pp.Matcher) -> Iterator[str]:
    """Values that `matcher` speaks about, and one that it does not."""
    if matcher.op == pp.MatchOp.Equal or matcher.op == pp.MatchOp.NotEqual:  # noqa: PLR1714 - MatchOp is not hashable
        yield matcher.value
    else:
        yield from islice(words(matcher.value), 3)
    if not accepts(matcher, "") and accepts(matcher, _OTHER):
        yield _OTHER


def words(pattern: str) -> Iterator[str]:
    """Texts that `pattern` matches in full: its alternatives, with what repeats made short."""
    for alternative in _alternatives(pattern):
        word = _shortest(alternative)
        if word and matches(pattern, word):
            yield word


def _alternatives(pattern: str) -> list[str]:
    """Top-level alternatives; a group around all of them is opened."""
    whole = re.fullmatch(r"\((?:\?:)?([^()]*)\)", pattern)
    if whole:
        pattern = whole.group(1)
    depth, parts, start = 0, [], 0
    for index, char in enumerate(pattern):
        depth += (char == "(") - (char == ")")
        if char == "|" and depth == 0:
            parts.append(pattern[start:index])
            start = index + 1
    return [*parts, pattern[start:]]


def _shortest(pattern: str) -> str:
    """One word for a pattern of literals, classes and simple repeats."""
    word = re.sub(r"\((?:\?:)?[^()]*\)[?*]", "", pattern)
    word = re.sub(r"\((?:\?:)?([^()|]*)[^()]*\)", r"\1", word)
    word = re.sub(r"(?:\\d|\[0-9\])[+*]?", "5", word)
    word = re.sub(r"(?:\\w|\[a-z\]|\[a-zA-Z\])[+*]?", "x", word)
    word = re.sub(r"\[([^\]^\\])[^\]]*\][+*]?", r"\1", word)
    word = re.sub(r"(?<!\\)\.\*", "", word)
    word = re.sub(r"(?<!\\)\.\+?", "0", word)
    word = re.sub(r"(?<!\\)[?^$]", "", word)
    return re.sub(r"\\(.)", r"\1", word) or "x"


def _selectors(expr: pp.Expr) -> list[pp.VectorSelector]:
    """Every selector below `expr`."""
    found: list[pp.VectorSelector] = []

    def visit(node: pp.Expr) -> None:
        if isinstance(node, pp.VectorSelector):
            found.append(node)
        elif isinstance(node, pp.MatrixSelector):
            found.append(node.vector_selector)

    pp.walk(expr, visit)
    return list({str(selector): selector for selector in found}.values())
