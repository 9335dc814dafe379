"""Time slices: each evaluation counts every series as one event, good or bad."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from slo.exact import Duration, decimal, number
from slo.promql import canonical, operand
from slo.spec.fields import Fields
from slo.spec.problems import Problems

_COMPARISON: Final = re.compile(r"(==|!=|>=|<=|>|<)\s*(\S+)")


def bad_when(fields: Fields, problems: Problems) -> str | None:
    """The comparison as PromQL, ``> bool 5``; None after its problem was reported."""
    scalar = fields.scalar("bad_when")
    if scalar is None:
        return None
    match = _COMPARISON.fullmatch(scalar.text.strip())
    try:
        if match is not None:
            return f"{match.group(1)} bool {decimal(number(match.group(2)))}"
    except ValueError:
        pass
    text = f"bad_when must be a comparison with a number, got {scalar.text!r}"
    hint = 'write for example "== 0" or "> 5"; other conditions belong into expr'
    problems.error("SLO016", text, scalar.span, hint)
    return None


def slices(expr: str, comparison: str, by: Sequence[str], step: Duration) -> tuple[str, str]:
    """Bad and all slices per second, as templates.

    A series that is there for half of the window counts half: what is added up is its
    slices, divided by the slices that the window holds.
    """
    seconds = decimal(step.total_seconds)
    every = step.promql()
    clause = f" by ({', '.join(sorted(by))}) " if by else ""
    held = f"scalar(count_over_time(vector(1)[$window:{every}]))"
    errors = f"sum{clause}(sum_over_time(({operand(expr)} {comparison})[$window:{every}]))"
    # A sample that is no number was not measured: neither good nor bad.
    told = f"{operand(expr)} >= -Inf"
    total = f"sum{clause}(count_over_time(({told})[$window:{every}]))"
    return (
        canonical(f"{errors} / {held} / {seconds}"),
        canonical(f"{total} / {held} / {seconds}"),
    )
