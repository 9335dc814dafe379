"""Planned work is proven on rules with that work moved to where promtool's clock begins.

They must say nothing else than the rules that are loaded, whenever the work is; and where an
SLI does not tell its events as raw series, others stand in for them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import zip_longest
from typing import Final

from slo import names
from slo.promql import PromqlError, canonical, operand
from slo.prove.reading import Rule

_SPANS: Final = re.compile(r"(?: \* \(1 - \(time\(\) >= bool \d+\) \* \(time\(\) < bool \d+\)\))+")
_STAND_IN: Final = re.compile(
    rf"sum(?: by \([^)]*\) )?\(rate\(({'|'.join(names.STAND_INS)})\[5m\]\)\)"
)


def differing(moved: Iterable[Rule], rules: Iterable[Rule]) -> Iterator[str]:
    """The rules of `moved` that are not those of `rules`, in words."""
    loaded = {_key(rule): rule for rule in rules}
    for rule in moved:
        real = loaded.get(_key(rule))
        if real is None:
            yield f"{rule.group} has no {rule.name}, and it is proven"
        elif not _same(_timeless(real.expr), _timeless(rule.expr)):
            yield f"{rule.name} in {rule.group} is not the rule that is proven"


def _key(rule: Rule) -> tuple[str, str, str]:
    return rule.group, rule.name, rule.labels.get("slo_tier", "")


def _same(real: str, proven: str) -> bool:
    """Whether both rules say the same, except for events that stand in for an SLI's own.

    What stands in its place must be one operand, or the operators around it tear it apart.
    """
    if not _STAND_IN.search(proven):
        return real == proven
    # Between texts stand the names of the series, whose first use is remembered.
    texts_between = _STAND_IN.split(proven)
    pattern, seen = "", set[str]()
    for text, series in zip_longest(texts_between[::2], texts_between[1::2], fillvalue=""):
        anything = f"(?P={series})" if series in seen else f"(?P<{series}>.+)"
        pattern += re.escape(text) + (anything if series else "")
        seen.add(series)
    found = re.fullmatch(pattern, real, re.DOTALL)
    return found is not None and all(_is_operand(text) for text in found.groups())


def _is_operand(text: str) -> bool:
    try:
        return operand(text) == canonical(text)
    except PromqlError:
        return False


def _timeless(expr: str) -> str:
    """An expression in which all planned work is one piece of it, whenever it is."""
    return _SPANS.sub(" * planned", expr)
