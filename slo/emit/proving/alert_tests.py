"""The test of an operational alert, where its own condition tells which series make it true.

The selectors of the expression are tried as those of an SLI are: everything at zero must be
silent, one or two series that grow or stand high must be enough. What looks at another time,
at quantiles or at absence is left to whoever wrote it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations, product
from math import ceil
from typing import Final

import promql_parser as pp

from slo.emit.proving.events import candidates, sample_value
from slo.emit.proving.linear import Raw, UnsupportedError, evaluate
from slo.emit.proving.scenario import GROUPS, metric
from slo.emit.yaml import Value
from slo.exact import Duration
from slo.model import AlertRule
from slo.promql import parse

_LEVELS: Final = (1000, 2)
"""Events per second, or the height of a gauge: above any threshold, or just more than one."""
_QUIET: Final = 300
_LONGEST: Final = 2 * 3600
"""Seconds above which a test is not worth its time."""


@dataclass(frozen=True, slots=True)
class _Incident:
    """What makes the condition true.

    Attributes:
        levels: Slope or height of each series; those at zero have to exist.
        counters: The metrics that grow; all others stand.
        seconds: After so long every window of the expression sees nothing else.
    """

    levels: Mapping[Raw, int]
    counters: frozenset[str]
    seconds: int


def alert_test(rule: AlertRule, step: Duration) -> Value | None:
    """Silent while nothing happens, firing in time when it does; None where none is found."""
    expr = parse(rule.expr)
    interval = int(step.total_seconds)
    try:
        group = {label: sample_value(expr, label) or GROUPS[0] for label in rule.by}
        incident = _incident(expr, group)
    except UnsupportedError:
        return None
    if incident is None:
        return None
    quiet = ceil(_QUIET / interval) * interval
    lasts = incident.seconds + rule.hold.ms // 1000 + 3 * interval
    end = quiet + ceil(lasts / interval) * interval
    if end > _LONGEST or any("{{" in text for text in rule.labels.values()):
        return None
    firing = {**rule.labels, **group, "alertname": rule.name, "alertstate": "firing"}
    return {
        "name": f"{rule.name}: silent, then firing",
        "interval": step.promql(),
        "input_series": [
            {
                "series": metric(raw.metric, dict(raw.labels)),
                "values": _values(level, raw.metric in incident.counters, interval, quiet, end),
            }
            for raw, level in incident.levels.items()
        ],
        "promql_expr_test": [
            _check(rule, quiet, []),
            _check(rule, end, [{"labels": metric("ALERTS", firing), "value": 1}]),
        ],
    }


def _check(rule: AlertRule, seconds: int, samples: list[Value]) -> Value:
    chosen = {"alertname": rule.name} | ({"alertstate": "firing"} if samples else {})
    return {
        "expr": metric("ALERTS", chosen),
        "eval_time": Duration.seconds(seconds).promql(),
        "exp_samples": samples,
    }


def _values(level: int, counter: bool, step: int, quiet: int, end: int) -> str:
    count = (end - quiet) // step
    if not counter:
        return f"0+0x{quiet // step} {level}+0x{count - 1}"
    return f"0+0x{quiet // step} {level * step}+{level * step}x{count - 1}"


def _incident(expr: pp.Expr, group: Mapping[str, str]) -> _Incident | None:
    """The smallest set of series that makes `expr` true for `group`, and for it only.

    Raises:
        UnsupportedError: `expr` does more than can be told.
    """
    ranged, standing = _reads(expr)
    if standing & set(ranged):
        return None
    found = candidates((expr,), group)
    still = dict.fromkeys(found, 0)
    if evaluate(expr, _floats(still)) != {}:
        return None
    for size, level in product((1, 2), _LEVELS):
        for chosen in combinations(found, size):
            levels = still | dict.fromkeys(chosen, level)
            result = evaluate(expr, _floats(levels))
            if isinstance(result, dict) and set(result) == {frozenset(group.items())}:
                return _Incident(levels, frozenset(ranged), max(ranged.values(), default=0))
    return None


def _floats(levels: Mapping[Raw, int]) -> dict[Raw, float]:
    return {raw: float(level) for raw, level in levels.items()}


def _reads(expr: pp.Expr) -> tuple[dict[str, int], set[str]]:
    """The metrics that are read over a range, with the longest one; and those as they stand."""
    ranged: dict[str, int] = {}
    times: Counter[str] = Counter()

    def visit(node: pp.Expr) -> None:
        if isinstance(node, pp.MatrixSelector):
            name = node.vector_selector.name or ""
            ranged[name] = max(ceil(node.range.total_seconds()), ranged.get(name, 0))
            times[name] -= 1  # Its selector is visited as well.
        elif isinstance(node, pp.VectorSelector):
            times[node.name or ""] += 1

    pp.walk(expr, visit)
    return ranged, {name for name, count in times.items() if count > 0}
