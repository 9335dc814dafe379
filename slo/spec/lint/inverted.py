"""SLO064: what is called bad is good by its own words, or the other way round."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

import promql_parser as pp

from slo.spec.lint.uses import uses

CODE: Final = "SLO064"
_GOOD: Final = frozenset({"success", "succeeded", "ok", "2..", "200", "allowed", "completed"})
_BAD: Final = frozenset({"error", "errors", "failure", "failed", "timeout", "5..", "500"})
_HEALTHY_AT_ONE: Final = re.compile(r"(.*_)?(up|ready|healthy|success)")
_BURN: Final = re.compile(r"slo:(burn_rate|(current|period)_burn_rate):ratio")
_ONE_IS_BAD: Final = frozenset({"== 1", "> 0", ">= 1", "!= 0"})


def inverted(expr: pp.Expr, *, bad: bool) -> Iterator[tuple[str, str, str]]:
    """Code, text and way out where events that are called bad (or good) say the opposite."""
    called, wrong = ("bad", _GOOD) if bad else ("good", _BAD)
    for read in uses(expr):
        for matcher in read.selector.matchers.matchers:
            picks = matcher.op == pp.MatchOp.Equal or matcher.op == pp.MatchOp.Re  # noqa: PLR1714 - MatchOp is not hashable
            values = {word.lower() for word in matcher.value.strip("()").split("|")}
            if picks and values and values <= wrong:
                text = f'{called} events are those with {matcher.name} "{matcher.value}"'
                other = "good" if bad else "bad"
                yield CODE, f"{text}: the condition is inverted", f"write them under {other}"


def inverted_gauge(expr: pp.Expr, comparison: str) -> Iterator[tuple[str, str, str]]:
    """Likewise where a healthy gauge, 1 when all is well, is bad when it is 1."""
    if comparison.replace("bool ", "") not in _ONE_IS_BAD or not isinstance(
        expr, pp.VectorSelector
    ):
        return
    if _HEALTHY_AT_ONE.fullmatch(expr.name or ""):
        text = f"{expr.name} is 1 when all is well, and that is called bad"
        yield CODE, f"{text}: the condition is inverted", 'write bad_when: "== 0"'


def inverted_alert(expr: pp.Expr) -> Iterator[tuple[str, str, str]]:
    """Likewise where an alert fires while a burn rate is low."""
    if not isinstance(expr, pp.BinaryExpr) or str(expr.op) not in {"<", "<="}:
        return
    if isinstance(expr.lhs, pp.VectorSelector) and _BURN.fullmatch(expr.lhs.name or ""):
        text = f"the alert fires while {expr.lhs.name} is low"
        yield CODE, f"{text}: the condition is inverted", "write > for a budget that burns too fast"
