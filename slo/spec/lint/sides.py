"""SLO063: the two sides of an SLI select different series.

Both sides are over the same things when what the total asks for is asked for by the bad (or
good) events too. Else events are counted above the line that are missing below it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import promql_parser as pp

from slo.spec.lint.uses import uses

CODE: Final = "SLO063"


def sides(part: pp.Expr, total: pp.Expr) -> Iterator[tuple[str, str, str]]:
    """Code, text and way out where `part` leaves out what every selector of `total` asks for.

    Only exact matchers are compared, and only where the part does not speak about the label
    at all: what it says otherwise may be meant.
    """
    wanted = [_exact(read.selector) for read in uses(total)]
    if not wanted:
        return
    common = frozenset.intersection(*wanted)
    for read in uses(part):
        named = {matcher.name for matcher in read.selector.matchers.matchers}
        missing = sorted(pair for pair in common if pair[0] not in named)
        if missing:
            matchers = ", ".join(f'{name}="{value}"' for name, value in missing)
            text = f"{read.metric} is counted everywhere, the total only where {matchers}"
            yield CODE, text, f"add {matchers} to {read.metric}, or take it out of the total"


def _exact(selector: pp.VectorSelector) -> frozenset[tuple[str, str]]:
    return frozenset(
        (matcher.name, matcher.value)
        for matcher in selector.matchers.matchers
        if matcher.op == pp.MatchOp.Equal
    )
