"""Backtests of several SLOs, run and told: tables, JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path

import click

from slo.ask import Prometheus
from slo.backtest import EventsError, Outcome, Past, Spent, backtested, read_events, variants
from slo.backtest.events import counted
from slo.backtest.plot import svg
from slo.cli.playing import played
from slo.cli.state import Fault
from slo.cli.table import show as show_table
from slo.cli.tiers import spoken
from slo.exact import Ratio
from slo.model import Settings, Severity, Slo
from slo.percent import percent
from slo.plural import plural
from slo.policy import PolicyName
from slo.replay import Story

_SHOWN = 20
"""Alerts that a table tells; the others are counted."""
_ALERTS = ("alert", "severity", "fired", "lasted", "budget at fire", "budget in all", "labels")
_SWEEP = ("objective", "policy", "pages", "tickets", "paged for", "budget left", "kept")
Sweep = tuple[Sequence[Ratio], Sequence[PolicyName]]


def run_all(
    slos: Sequence[Slo],
    settings: Settings,
    *,
    source: Prometheus | None,
    events: Path | None,
    span: tuple[int, int] | None,
    sweep: Sweep,
    told: Callable[[str], None],
) -> list[tuple[Outcome, ...]]:
    """The outcomes of each SLO, the one as written first."""
    found: list[tuple[Outcome, ...]] = []
    try:
        read = None if events is None else read_events(events)
        for slo in slos:
            chosen = variants(slo if read is None else counted(slo), *sweep)
            if read is not None:
                mine = read.of(slo)
                scrape = settings.intervals.scrape
                series = tuple(mine.series(slo, float(scrape.total_seconds)))
                past = Past(Story(mine.start, mine.end, scrape), series=series)
            else:
                assert span is not None
                past = Past(Story(*span, settings.intervals.scrape), source=source)
            with played():
                found.append(backtested(past, chosen, settings, told))
    except EventsError as error:
        raise Fault(str(error)) from error
    return found


def show(found: Sequence[tuple[Outcome, ...]], form: str, plot: Path | None) -> None:
    """Tell all outcomes on stdout, and draw those as written into `plot`."""
    if plot is not None:
        plot.write_text(svg([outcomes[0] for outcomes in found]), encoding="utf-8")
    if form == "json":
        told = [_plain(outcome) for outcomes in found for outcome in outcomes]
        click.echo(json.dumps({"backtests": told}, indent=2))
        return
    for outcomes in found:
        _told(outcomes)


def _told(outcomes: tuple[Outcome, ...]) -> None:
    first = outcomes[0]
    slo = first.variant.slo
    click.echo(f"{slo.slo_id}  {slo.title}")
    for line in _summary(first):
        click.echo(f"  {line}")
    if first.alerts:
        rows = [_alert(spent) for spent in first.alerts[:_SHOWN]]
        show_table(_ALERTS, rows, ("labels", "budget in all"))
        if len(first.alerts) > _SHOWN:
            click.echo(f"  and {len(first.alerts) - _SHOWN} more, see --format json")
    if len(outcomes) > 1:
        click.echo()
        rows = [_line(outcome) for outcome in outcomes]
        show_table(_SWEEP, rows)
    click.echo()


def _summary(outcome: Outcome) -> Iterator[str]:
    if not outcome.total:
        yield "no event in this past"
        return
    share = outcome.bad / outcome.total * 100
    yield f"{outcome.total:.0f} events, {outcome.bad:.0f} bad: {share:.4g} %"
    if outcome.worst is not None:
        what = "the worst window" if outcome.whole else "this past, shorter than the window,"
        yield f"{what} had {outcome.worst * 100:.4g} % bad, {_suggestion(outcome)}"
    pages, tickets = _count(outcome, Severity.PAGE), _count(outcome, Severity.TICKET)
    yield f"{plural(pages, 'page')}, {plural(tickets, 'ticket')}"


def _suggestion(outcome: Outcome) -> str:
    if outcome.suggested is None:
        return "which keeps no objective from 90 % on"
    return f"which keeps an objective of {outcome.suggested.percent()} %"


def _count(outcome: Outcome, severity: Severity) -> int:
    return sum(spent.firing.rule.severity is severity for spent in outcome.alerts)


def _alert(spent: Spent) -> list[str]:
    firing = spent.firing
    tier = firing.rule.tier
    by = ", ".join(f"{label}={firing.labels.get(label, '')}" for label in firing.rule.by)
    return [
        firing.rule.name if tier is None else tier.name,
        str(firing.rule.severity),
        _moment(firing.start),
        "goes on" if firing.end is None else spoken(Fraction(firing.end - firing.start)),
        _share(spent.at_fire),
        _share(spent.by_end),
        by,
    ]


def _line(outcome: Outcome) -> list[str]:
    slo = outcome.variant.slo
    paged = sum(
        (spent.firing.end or spent.firing.start) - spent.firing.start
        for spent in outcome.alerts
        if spent.firing.rule.severity is Severity.PAGE
    )
    left = None if outcome.worst is None else 1 - outcome.worst / float(slo.objective.budget.value)
    mark = " (as written)" if outcome.variant.as_written else ""
    return [
        f"{slo.objective.percent()} %",
        f"{slo.alerting.policy}{mark}",
        str(_count(outcome, Severity.PAGE)),
        str(_count(outcome, Severity.TICKET)),
        spoken(Fraction(paged)),
        _share(left),
        "unknown" if left is None else ("yes" if left >= 0 else "no"),
    ]


def _share(share: float | None) -> str:
    return "" if share is None else percent(share)


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _plain(outcome: Outcome) -> dict[str, object]:
    slo = outcome.variant.slo
    return {
        "slo_id": slo.slo_id,
        "objective_percent": slo.objective.percent(),
        "policy": slo.alerting.policy,
        "as_written": outcome.variant.as_written,
        "events": outcome.total,
        "bad_events": outcome.bad,
        "worst_error_ratio": outcome.worst,
        "whole_window": outcome.whole,
        "suggested_objective_percent": outcome.suggested and outcome.suggested.percent(),
        "pages": _count(outcome, Severity.PAGE),
        "tickets": _count(outcome, Severity.TICKET),
        "alerts": [
            {
                "labels": dict(spent.firing.labels),
                "fired": _moment(spent.firing.start),
                "ended": None if spent.firing.end is None else _moment(spent.firing.end),
                "budget_at_fire": spent.at_fire,
                "budget_by_end": spent.by_end,
                "value": spent.firing.value,
            }
            for spent in outcome.alerts
        ],
    }
