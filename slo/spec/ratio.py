"""A share that the user has divided already: split where possible, else time slices."""

from __future__ import annotations

from collections.abc import Sequence

from slo.exact import Duration, decimal
from slo.model import Sli, SliKind
from slo.promql import (
    PromqlError,
    Quotient,
    canonical,
    compact,
    grouped,
    operand,
    parse,
    quotient,
    unguarded,
    without_zero,
    written,
)
from slo.source import Scalar
from slo.spec.expressions import has_window, rate_template
from slo.spec.fields import Fields
from slo.spec.problems import Problems


def ratio(fields: Fields, by: Sequence[str], step: Duration, problems: Problems) -> Sli | None:
    """The SLI of `sli.ratio`; None after its problems were reported."""
    side = "bad" if fields.has("bad") else "good"
    scalar = fields.scalar(side)
    if scalar is None:
        return None
    try:
        parts = quotient(written(scalar.text))
    except PromqlError as error:
        problems.promql(error, scalar)
        return None
    if parts is None:
        return _unweighted(scalar, by, step, problems, good=side == "good")
    return _weighted(parts, scalar, by, problems, good=side == "good")


def _weighted(
    parts: Quotient, scalar: Scalar, by: Sequence[str], problems: Problems, *, good: bool
) -> Sli | None:
    """Above the line stand the events that count, below it all of them."""
    part, whole = (
        rate_template(Scalar(text, "str", quoted=True, span=scalar.span), by, problems)
        for text in (parts.part, parts.whole)
    )
    if part is None or whole is None:
        return None
    part, whole = compact(without_zero(parse(part))), compact(unguarded(parse(whole)))
    if good == parts.complement:
        return Sli(SliKind.RATIO, part, whole)
    counted, every = operand(part), operand(whole)
    errors = f"{every} - ({counted} or 0 * {every})"
    return Sli(SliKind.RATIO, canonical(errors), whole)


def _unweighted(
    scalar: Scalar, by: Sequence[str], step: Duration, problems: Problems, *, good: bool
) -> Sli | None:
    """Without weights each evaluation counts the same; an idle one, NaN, is none, and told."""
    if not has_window(scalar, problems):
        return None
    try:
        share = compact(grouped(parse(scalar.text), by))
    except PromqlError as error:
        problems.promql(error, scalar, "SLO053")
        return None
    text = "the ratio cannot be split into events, so each evaluation counts the same"
    hint = "write errors / total, or use sli.events: then busy hours weigh more than idle ones"
    problems.warning("SLO055", text, scalar.span, hint)
    seconds = decimal(step.total_seconds)
    valid = f"({operand(share)} >= 0)"
    bad = f"(1 - {valid})" if good else valid
    total = f"({operand(share)} >= bool 0)"
    return Sli(SliKind.RATIO, canonical(f"{bad} / {seconds}"), canonical(f"{total} / {seconds}"))
