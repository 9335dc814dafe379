"""Regains the weights of a ratio: a division at the top has events above and below."""

from __future__ import annotations

from dataclasses import dataclass

import promql_parser as pp

from slo.promql.syntax import compact


@dataclass(frozen=True, slots=True)
class Quotient:
    """``part / whole``, or its complement ``1 - part / whole``."""

    part: str
    whole: str
    complement: bool


def quotient(expr: pp.Expr) -> Quotient | None:
    """The division at the top of `expr`; None where there is none.

    A division that is matched with `on` or `ignoring` is left alone: its parts do not
    have the same labels, and adding them up apart would mean something else.
    """
    expr = _bare(expr)
    if not isinstance(expr, pp.BinaryExpr) or expr.modifier is not None:
        return None
    if str(expr.op) == "-" and _is_one(expr.lhs):
        inner = quotient(expr.rhs)
        return None if inner is None else Quotient(inner.part, inner.whole, not inner.complement)
    if str(expr.op) != "/" or isinstance(_bare(expr.rhs), pp.NumberLiteral):
        return None
    return Quotient(compact(expr.lhs), compact(expr.rhs), complement=False)


def _bare(expr: pp.Expr) -> pp.Expr:
    while isinstance(expr, pp.ParenExpr):
        expr = expr.expr
    return expr


def _is_one(expr: pp.Expr) -> bool:
    expr = _bare(expr)
    return isinstance(expr, pp.NumberLiteral) and expr.val == 1
