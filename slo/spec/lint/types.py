"""SLO060, SLO061: counters that are read as they stand, and gauges that are rated.

The type is told by the name: OpenMetrics ends counters in ``_total`` and the buckets of
histograms in ``_bucket``; ``_count`` may be a gauge too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

import promql_parser as pp

from slo.spec.lint.uses import Use, uses

COUNTER: Final = "SLO060"
GAUGE: Final = "SLO061"
_COUNTER: Final = re.compile(r"[^:]+_(total|bucket)")
_GAUGE: Final = re.compile(
    r"up|[^:]+_(up|ratio|percent|celsius|info|ready|depth|in_flight|in_progress|timestamp_seconds)"
)


def types(expr: pp.Expr) -> Iterator[tuple[str, str, str]]:
    """Code, text and way out for every metric that `expr` uses against its type.

    A counter that is compared with its own past may be read as it stands.
    """
    found = list(uses(expr))
    past = {read.metric for read in found if read.selector.offset is not None}
    for read in found:
        name = read.metric
        if read.use is Use.VALUE and _COUNTER.fullmatch(name) and name not in past:
            text = f"{name} is a counter and is read as it stands: it only grows, until a restart"
            yield COUNTER, text, f"write rate({name}[...]) or increase({name}[...])"
        elif read.use is Use.RATED and _GAUGE.fullmatch(name):
            text = f"{name} is a gauge and is rated: every fall counts as a restart"
            yield GAUGE, text, "use sli.gauge for time slices, or deriv() for a slope"


def told_by_name(metric: str) -> bool:
    """Whether the name of `metric` says what it is."""
    return bool(_COUNTER.fullmatch(metric) or _GAUGE.fullmatch(metric))
