"""What is recorded for an SLO: numerator and denominator first, everything else from them.

Longer windows are sums of both, never means of ratios, so that a quiet hour weighs what it
weighs. No window is read from raw series beyond an hour: the cost of an SLO does not grow
with its period.
"""

from __future__ import annotations

from typing import Final

from slo import names
from slo.exact import Duration, decimal
from slo.model import Intervals, RecordRule, Rolling, Slo
from slo.rules.calendar import since_start
from slo.rules.terms import FIVE_MINUTES, SLOW_FROM, Terms, checked, reads_raw
from slo.rules.tiles import tiles

_BURN_WINDOW: Final = Duration.parse("1h")
"""`slo:burn_rate:ratio` is the burn over this window: as soon as it is told, it is steady."""


def fast_records(terms: Terms, intervals: Intervals) -> tuple[RecordRule, ...]:
    """What is evaluated often: the event rates and the windows below a day."""
    windows = [window for window in terms.windows if window < SLOW_FROM]
    return (
        *_rates(terms, intervals),
        *(_ratio(terms, window) for window in windows),
        _burn_rate(terms),
    )


def slow_records(terms: Terms) -> tuple[RecordRule, ...]:
    """What moves slowly: windows of days, the period, the budget, and what is told of the SLO."""
    windows = [window for window in terms.windows if window >= SLOW_FROM]
    return (
        *(_ratio(terms, window) for window in windows),
        _period_error(terms),
        _constant(terms.slo, names.OBJECTIVE, terms.slo.objective.promql()),
        _budget_remaining(terms),
        _info(terms.slo),
    )


def _rates(terms: Terms, intervals: Intervals) -> tuple[RecordRule, ...]:
    """Event rates, and what each tile of 5 minutes holds."""
    identity = {"slo_id": terms.slo.slo_id}
    total, errors = tiles(terms, intervals)
    recorded = (
        (f"{names.SLI_TOTAL}:rate5m", terms.raw_total(FIVE_MINUTES)),
        (f"{names.SLI_ERRORS}:rate5m", f"({terms.raw_errors(FIVE_MINUTES)})"),
        (f"{names.SLI_TOTAL}:avg5m", _closed(total)),
        (f"{names.SLI_ERRORS}:avg5m", _closed(errors)),
    )
    return tuple(RecordRule(record, checked(_number(expr)), identity) for record, expr in recorded)


def _number(expr: str) -> str:
    """`expr` where it is a number: one sample that is none would spoil sums for a whole period."""
    return f"{expr} > -Inf"


def _closed(tile: str) -> str:
    """A tile as one side of a comparison: `or` binds weaker than `>`."""
    return f"({tile})" if " or " in tile else tile


def _ratio(terms: Terms, window: Duration) -> RecordRule:
    record, identity = names.error_ratio(window.promql()), {"slo_id": terms.slo.slo_id}
    if window == FIVE_MINUTES:
        errors = terms.select(f"{names.SLI_ERRORS}:rate5m")
        total = terms.select(f"{names.SLI_TOTAL}:rate5m")
        return RecordRule(record, checked(f"{errors} / ({total} > 0)"), identity)
    if reads_raw(terms.slo, window):
        expr = f"({terms.raw_errors(window)}) / ({terms.raw_total(window)} > 0)"
        return RecordRule(record, checked(expr), identity)
    return RecordRule(record, checked(terms.derived(window)), identity)


def _period_error(terms: Terms) -> RecordRule:
    """The error ratio of the SLO's own window, by a name that does not tell its length."""
    window, identity = terms.slo.window, {"slo_id": terms.slo.slo_id}
    if isinstance(window, Rolling):
        length = window.length
        expr = terms.derived(length)
        if length in terms.windows:
            expr = terms.select(names.error_ratio(length.promql()))
        return RecordRule(names.PERIOD_ERROR, checked(expr), identity)
    errors, total = (
        f"sum_over_time({since_start(terms.select(f'{series}:avg5m'), window)})"
        for series in (names.SLI_ERRORS, names.SLI_TOTAL)
    )
    return RecordRule(names.PERIOD_ERROR, checked(f"{errors} / ({total} > 0)"), identity)


def _budget_remaining(terms: Terms) -> RecordRule:
    """Share of the period's budget that is left; below 0 when it is overspent."""
    budget = terms.slo.objective.budget.promql()
    expr = f"1 - {terms.select(names.PERIOD_ERROR)} / {budget}"
    return RecordRule(names.BUDGET_REMAINING, checked(expr), {"slo_id": terms.slo.slo_id})


def _burn_rate(terms: Terms) -> RecordRule:
    """Budgets per period at the pace of the last hour."""
    ratio = terms.select(names.error_ratio(_BURN_WINDOW.promql()))
    expr = f"{ratio} / {terms.slo.objective.budget.promql()}"
    return RecordRule(names.BURN_RATE, checked(expr), {"slo_id": terms.slo.slo_id})


def _constant(slo: Slo, record: str, number: str) -> RecordRule:
    return RecordRule(record, checked(f"vector({number})"), {"slo_id": slo.slo_id})


def _info(slo: Slo) -> RecordRule:
    """Everything that describes the SLO, on one series, so that a new word breaks no history."""
    window = slo.window
    told = {
        "objective": slo.objective.percent(),
        "policy": slo.alerting.policy,
        "scope": str(slo.scope),
        "service": slo.service,
        "slo": slo.name,
        "slo_id": slo.slo_id,
        "budget": decimal(slo.objective.budget.value),
        "team": slo.owner,
        "title": slo.title,
        "window": window.length.promql() if isinstance(window, Rolling) else window.period,
    }
    if slo.alerting.signal_lost == "ok":
        told["signal_lost"] = "ok"
    if slo.catalog_id:
        told["catalog_id"] = slo.catalog_id
    if not isinstance(window, Rolling):
        told["timezone"] = window.timezone
    return RecordRule(names.INFO, checked("vector(1)"), {**slo.labels, **told})
