"""An SLO in words and numbers: when its tiers fire, and what is spent by then."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from fractions import Fraction

import click

from slo.cli import table
from slo.cli.state import coloured
from slo.exact import decimal
from slo.model import Rolling, Severity, Slo, Tier, TierForm
from slo.percent import percent
from slo.policy import TierEstimate, estimate, period_seconds
from slo.promql import pretty

_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400
_SELDOM = 0.01
_BELOW = ("fires when", "by chance in 30 d", "1 % bad")
_HEADINGS = (
    "tier",
    "severity",
    "fires when",
    "100 % bad: after, budget",
    "10 % bad",
    "1 % bad",
    "by chance in 30 d",
)


def show(slo: Slo) -> None:
    """Print `slo` on stdout."""
    name = click.style(slo.slo_id, bold=True) if coloured(sys.stdout) else slo.slo_id
    click.echo(f"{name}  {slo.title}")
    for line in described(slo):
        click.echo(f"  {line}")
    click.echo()
    if slo.alerting.tiers:
        found = estimate(slo)
        table.show(_HEADINGS, [_row(line) for line in found], _BELOW)
        for sentence in late(found):
            click.echo(f"  {sentence}")
    else:
        click.echo("  no tier: this SLO measures, and never alerts")
    for sentence in slo.alerting.changed:
        click.echo(f"  changed: {sentence}")
    click.echo()


def late(found: Sequence[TierEstimate]) -> Iterator[str]:
    """What to know of tiers that speak up in a total outage when the budget is gone.

    A ticket after a page that came in time is meant so, and not worth a word.
    """
    spent = {line.tier.name: line.impacts[0].budget_used for line in found}
    in_time = [name for name, used in spent.items() if used is not None and used < 1]
    gone = [line.tier for line in found if (spent[line.tier.name] or 0) >= 1]
    if gone and not in_time:
        yield "late: in a total outage the budget is gone before any tier fires"
    elif Severity.PAGE in {tier.severity for tier in gone}:
        late_ones = ", ".join(tier.name for tier in gone if tier.severity is Severity.PAGE)
        yield (
            f"late: in a total outage the budget is gone before {late_ones} fires; "
            f"{in_time[0]} fires first"
        )


def described(slo: Slo) -> list[str]:
    """What is promised, to whom, and what is counted."""
    budget = slo.objective.budget.value
    period = period_seconds(slo.window)
    lines = [slo.description] if slo.description else []
    lines.append(
        f"objective {slo.objective.percent()} % over {_window(slo)}: a budget of "
        f"{decimal(budget * 100)} % of events, {spoken(budget * period)} of a total outage"
    )
    if slo.events_per_second is not None:
        events = budget * period * slo.events_per_second
        lines.append(f"at {decimal(slo.events_per_second)} events/s: {int(events)} bad events")
    else:
        lines.append("traffic unknown: say traffic.events_per_second for the false pages")
    alerting = slo.alerting
    lines.append(
        f"owner {slo.owner}, policy {alerting.policy}, idle is {alerting.idle}, "
        f"a lost signal {alerting.signal_lost}"
    )
    if slo.by:
        lines.append(f"one budget for each {', '.join(slo.by)}")
    if slo.alerting.depends_on:
        lines.append(f"silent while a page stands on {', '.join(slo.alerting.depends_on)}")
    return [*lines, *expression("bad", slo.sli.errors), *expression("total", slo.sli.total)]


def expression(name: str, expr: str) -> Iterator[str]:
    """PromQL under its name: beside it where it is short, laid out below it otherwise."""
    lines = pretty(expr).splitlines()
    if len(lines) == 1:
        yield f"{name + ':':<7}{lines[0]}"
        return
    yield f"{name}:"
    yield from (f"  {line}" for line in lines)


def spoken(seconds: Fraction) -> str:
    """A length of time with two figures of meaning: ``43 min``, ``1.5 h``, ``7.2 d``."""
    for unit, word in ((_DAY, "d"), (_HOUR, "h"), (_MINUTE, "min")):
        if seconds >= 2 * unit or (seconds >= unit and word != "d"):
            return f"{float(seconds / unit):.3g} {word}"
    return f"{float(seconds):.3g} s"


def _window(slo: Slo) -> str:
    if isinstance(slo.window, Rolling):
        return slo.window.length.promql()
    return f"the calendar {slo.window.period} ({slo.window.timezone})"


def _row(line: TierEstimate) -> list[str]:
    tier = line.tier
    impacts = [
        "never"
        if impact.detection is None or impact.budget_used is None
        else f"{spoken(impact.detection)}, {percent(float(impact.budget_used))}"
        for impact in line.impacts
    ]
    chance = "unknown" if line.false_alerts is None else _seldom(line.false_alerts)
    return [tier.name, tier.severity.value, _condition(tier), *impacts, chance]


def _seldom(times: float) -> str:
    return "< 0.01" if times < _SELDOM else f"{times:.2g}"


def _condition(tier: Tier) -> str:
    share = f"> {float(tier.threshold.value) * 100:.4g} % bad"
    burn = f"({float(tier.burn):.3g}x)"
    if tier.form is TierForm.WINDOWS and tier.short is not None:
        return f"{share} {burn} over {tier.long.promql()} and {tier.short.promql()}"
    held = f" for {tier.hold.promql()}" if tier.hold.ms else ""
    return f"{share} {burn} over {tier.long.promql()}{held}"
