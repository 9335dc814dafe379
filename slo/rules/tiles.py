"""Tiles of 5 minutes, of which days and whole periods are made: each event in exactly one.

Where an SLI adds rates of counters, a tile is what the counters gained since the tile
before, whenever that was seen: 12 times the rate of an hour up to now, less 11 times that of
the 55 minutes before. Both begin at the same moment, so all that is old cancels out, and a
gain across a gap between scrapes, or across a stop of Prometheus, of up to 50 minutes is
counted when it shows. Rates over 5 minutes lose such gains, and an outage often begins with
scrapes that fail. Any other SLI is averaged over the evaluations of the tile.
"""

from __future__ import annotations

from slo import names
from slo.exact import Duration
from slo.model import Intervals
from slo.promql import adds_rates, form
from slo.rules.terms import FIVE_MINUTES, Terms


def tiles(terms: Terms, intervals: Intervals) -> tuple[str, str]:
    """All events and bad events per second in the last 5 minutes, as two expressions.

    Whoever puts something around them checks the whole.
    """
    slo = terms.slo
    if slo.excluded or not (adds_rates(form(slo.sli.total)) and adds_rates(form(slo.sli.errors))):
        return _averaged(terms, intervals, names.SLI_TOTAL), _averaged(
            terms, intervals, names.SLI_ERRORS
        )
    # Zero where there was nothing before. Without the identity, which the rule adds: else both
    # sides of `or` would be taken. From what is recorded: it costs no raw samples.
    now = terms.select(f"{names.SLI_TOTAL}:rate5m")
    nothing = f"0 * sum without (slo_id) ({now})"
    errors = f"{_gained(terms.errors, nothing)} or {nothing}"
    return _gained(terms.total, nothing), errors


def _gained(template: str, nothing: str) -> str:
    hour = template.replace("[$window]", "[1h]")
    before = template.replace("[$window]", "[55m] offset 5m")
    return f"12 * {hour} - 11 * ({before} or {nothing})"


def _averaged(terms: Terms, intervals: Intervals, series: str) -> str:
    """The mean over the evaluations of a tile.

    It is shorter by half an interval, so that the evaluation at its start, which belongs to
    the tile before, is not counted twice.
    """
    span = Duration(FIVE_MINUTES.ms - intervals.fast.ms // 2).promql()
    return f"avg_over_time({terms.select(f'{series}:rate5m')}[{span}])"
