"""SLO068: words that are nearly, but not quite, those of the catalogue.

Nothing matches such a selector, and then an SLO counts no bad event and is kept for ever. Names
that resemble none of the catalogue's are somebody's own metrics, and are not judged.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Final

import promql_parser as pp

from slo.catalog import metrics
from slo.catalog.load import Metric
from slo.catalog.usage import Match, selectors

UNKNOWN: Final = "SLO068"
_OURS: Final = re.compile(r"(mas|gen_ai|fleetslo)_")
_CHOICE: Final = re.compile(r"\w+(\|\w+)*")
_ALIKE: Final = 0.85


def known(expr: pp.Expr) -> Iterator[tuple[str, str, str]]:
    """Code, text and way out for every slip of the pen in the catalogue's own words."""
    series = _series()
    for selector in selectors(expr):
        metric = series.get(selector.name)
        if metric is not None:
            for match in selector.matchers:
                yield from _values(selector.name, metric, match)
        elif _OURS.match(selector.name) and f"{selector.name}_bucket" not in series:
            near = difflib.get_close_matches(selector.name, series, n=1, cutoff=_ALIKE)
            if near:
                text = f"no metric of the catalogue is called {selector.name}"
                yield UNKNOWN, text, f"did you mean {near[0]}?"


@cache
def _series() -> Mapping[str, Metric]:
    """The catalogue by the names that Prometheus has: put together once, not per expression."""
    return metrics().by_series()


def _values(name: str, metric: Metric, match: Match) -> Iterator[tuple[str, str, str]]:
    """Values that a label with a closed list of them never has."""
    attribute = metric.labels.get(match.label)
    if attribute is None or not attribute.values:
        return
    if match.is_regex and not _CHOICE.fullmatch(match.value):
        return
    for each in match.value.split("|") if match.is_regex else [match.value]:
        if each not in ("", *attribute.values):
            text = f"{match.label} of {name} is never {each!r}"
            yield UNKNOWN, text, f"it is one of {', '.join(attribute.values)}"
