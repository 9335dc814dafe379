"""SLO035, for expressions of a user's own: a range that holds too few scrapes.

Tiers of SLOs are repaired; an alert's expression is its author's, and is only told of: with two
scrapes in its range every second evaluation sees nothing, with one it never fires.
"""

from __future__ import annotations

from collections.abc import Iterator

import promql_parser as pp

from slo.exact import Duration
from slo.plural import plural
from slo.policy import FEW_SCRAPES, LEAST_SCRAPES


def scarce(expr: pp.Expr, scrape: Duration) -> Iterator[tuple[str, str, str]]:
    """Code, text and way out for every range of `expr` below `LEAST_SCRAPES` scrapes.

    Series that rules record come as often as the rules run, and are not judged.
    """
    found: dict[str, Duration] = {}

    def visit(node: pp.Expr) -> None:
        if isinstance(node, pp.MatrixSelector):
            name = node.vector_selector.name or "the selector"
            span = Duration(int(node.range.total_seconds() * 1000))
            if ":" not in name and span.ms < LEAST_SCRAPES * scrape.ms:
                found[name] = min(span, found.get(name, span))

    pp.walk(expr, visit)
    needed = Duration(LEAST_SCRAPES * scrape.ms).promql()
    for name, span in found.items():
        text = (
            f"{name} is read over {span.promql()}, which holds "
            f"{plural(span.ms // scrape.ms, 'scrape')} at one every {scrape.promql()}"
        )
        yield FEW_SCRAPES, text, f"read it over {needed} or more, or scrape more often"
