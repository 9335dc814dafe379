"""The page of an SLO's burn alert: what burns, how fast, what is left, where to look."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from functools import lru_cache
from typing import Final

from alerts.routing.inhibit import resolve, title
from alerts.runbooks import links, text
from alerts.runbooks.way import Ways, severities
from slo import names
from slo.exact import Duration, Ratio
from slo.model import AlertRule, Calendar, Rolling, Settings, Slo, Tier, TierForm
from slo.policy import TierEstimate, estimates, period_seconds

_LOOK: Duration = Duration.parse("5m")
_SELDOM: Final = 0.01


def burn_page(slo: Slo, rules: Sequence[AlertRule], ways: Ways) -> text.Page:
    """The page for all tiers of `slo`; `rules` are those of its one alert name."""
    settings = ways.compiled.project.settings
    alert = rules[0].name
    return text.Page(
        alert,
        f"**{slo.title}** of {slo.service} spends its error budget too fast.",
        (
            ("Objective", f"{text.percent(slo.objective)} over {window(slo)}"),
            ("Error budget", f"{text.percent(slo.objective.budget)}{_allowance(slo)}"),
            ("Severity", severities(rules)),
            ("Owner", ways.people(slo.owner)),
            ("SLO", f"`{slo.slo_id}`" + (f" ({slo.catalog_id})" if slo.catalog_id else "")),
            ("One budget for each", ", ".join(f"`{label}`" for label in slo.by)),
            ("Root cause", f"`{slo.root_cause}`"),
            ("Policy", slo.alerting.policy),
        ),
        (
            slo.description,
            (
                "The share of bad events is higher than the objective allows for long. "
                "The label `slo_tier` says which of these conditions holds:"
            ),
            _tiers(slo.alerting.tiers),
        ),
        (
            (
                f"Every bad event is a failure for somebody who relies on {slo.service}. "
                "Detection time and budget spent by then, if the bad events begin all at once:"
            ),
            _impacts(slo.alerting.tiers, slo.objective, slo.window, slo.events_per_second),
            _exhaustion(slo.alerting.tiers, slo.window),
        ),
        tuple(_diagnosis(slo, rules, ways)),
        tuple(_mitigation(slo)),
        (
            _next(slo, ways),
            ways.delivery(rules),
            ways.quiet(alert),
        ),
        _links(slo, rules, settings),
    )


def window(slo: Slo) -> str:
    """``30d``, or ``each month (Europe/Berlin)``."""
    if isinstance(slo.window, Rolling):
        return slo.window.length.promql()
    return f"each {slo.window.period} ({slo.window.timezone})"


def selector(slo: Slo) -> str:
    """The labels that choose this SLO's recorded series."""
    return f'{{slo_id="{slo.slo_id}"}}'


def _allowance(slo: Slo) -> str:
    rate = slo.events_per_second
    if rate is None:
        return ""
    allowed = rate * period_seconds(slo.window) * slo.objective.budget.value
    return (
        f": {text.number(allowed)} bad events per period at the stated "
        f"{text.number(rate)} events a second"
    )


@lru_cache(maxsize=256)
def _tiers(tiers: tuple[Tier, ...]) -> str:
    rows = (
        (f"`{tier.name}`", tier.severity.value, condition(tier), text.span(tier.hold))
        for tier in tiers
    )
    return text.table(("Tier", "Severity", "Fires when", "Held for"), rows)


def condition(tier: Tier) -> str:
    """When `tier` fires, in words and exact numbers."""
    above = f"above {text.percent(tier.threshold)}"
    burn = f"{text.number(tier.burn)} times the budget"
    least = tier.min_bad_events
    events = (
        f", with at least {text.number(least)} bad events in {tier.long.promql()}" if least else ""
    )
    if tier.form is TierForm.WINDOWS and tier.short is not None:
        both = f"{tier.long.promql()} and over {tier.short.promql()}"
        return f"bad events over {both} are {above} ({burn}){events}"
    return f"bad events over {tier.long.promql()} are {above} ({burn}){events}"


@lru_cache(maxsize=256)
def _impacts(
    tiers: tuple[Tier, ...],
    objective: Ratio,
    window: Rolling | Calendar,
    events_per_second: Fraction | None,
) -> str:
    """Of every SLO with these numbers: hundreds of pages have the same table."""
    lines = estimates(tiers, objective, window, events_per_second)
    if not lines:
        return ""
    head = ["Tier", *(f"at {text.percent(each.error_ratio)} bad" for each in lines[0].impacts)]
    return text.table((*head, "By chance in 30 days"), (_impact(line) for line in lines))


def _impact(line: TierEstimate) -> Sequence[str]:
    chance = line.false_alerts
    cells = [
        "never"
        if each.detection is None
        else f"{text.clock(each.detection)}, {text.share(each.budget_used)} spent"
        for each in line.impacts
    ]
    told = "unknown: no traffic stated" if chance is None else _often(chance)
    return (f"`{line.tier.name}`", *cells, told)


def _often(times: float) -> str:
    """How many alerts by chance; below one in a hundred months nobody needs to know."""
    return "< 0.01" if times < _SELDOM else f"{times:.2g}"


@lru_cache(maxsize=256)
def _exhaustion(tiers: tuple[Tier, ...], window: Rolling | Calendar) -> str:
    burns = sorted({tier.burn for tier in tiers}, reverse=True)
    period = period_seconds(window)
    return text.bullets(
        f"at {text.number(burn)} times the budget, a full budget lasts {text.clock(period / burn)}"
        for burn in burns
    )


def _diagnosis(slo: Slo, rules: Sequence[AlertRule], ways: Ways) -> Iterator[str]:
    settings, recorded = ways.compiled.project.settings, ways.recorded
    chosen = selector(slo)
    causes = [resolve(ways.compiled.project, slo, name) for name in slo.alerting.depends_on]
    for cause in causes:
        if cause is not None:
            name = (
                names.burn_alert(cause.service, cause.name)
                if isinstance(cause, Slo)
                else cause.name
            )
            yield f"It depends on {title(cause)}: look at {links.page(name)} first."
    yield "1. How fast, and what is left:"
    how_fast = (names.BURN_RATE, names.BUDGET_REMAINING)
    yield _asked(settings, (each + chosen for each in how_fast if each in recorded))
    yield "2. The share of bad events, short to long: is it still going on?"
    shares = (names.error_ratio(span) for span in ("5m", "1h", "6h", "1d"))
    yield _asked(settings, (each + chosen for each in shares if each in recorded))
    bad, total = (
        each.replace("$window", _LOOK.promql()) for each in (slo.sli.errors, slo.sli.total)
    )
    yield (
        f"3. What is counted as bad ([ask Prometheus]({links.graph(settings, bad)})), "
        f"and out of what ([ask Prometheus]({links.graph(settings, total)})):"
    )
    yield text.query(bad)
    yield text.query(total)
    yield (
        f"4. Traces and logs of the bad events: [debug]({links.dashboard(settings, 'debug')}). "
        f"Who else fires: {links.firing(settings, slo.service)}."
    )
    yield "The conditions, exactly as they are evaluated:"
    for rule in rules:
        yield f"`{rule.labels.get('slo_tier', rule.severity.value)}`:"
        yield text.query(rule.expr)


def _asked(settings: Settings, series: Iterable[str]) -> str:
    """Series to look at, each a link to its graph."""
    return text.bullets(f"[`{each}`]({links.graph(settings, each)})" for each in series)


def _mitigation(slo: Slo) -> Iterator[str]:
    yield text.steps(
        (
            (
                "What changed last? A deployment: [roll it back]"
                "(procedures/rolling-back-a-deployment.md). A policy: put the last one back."
            ),
            (
                "Bad events of one agent, one queue, one provider: take that one out, drain its "
                "work to the others."
            ),
            (
                "Every caller is hit: pause the least important class of agents until "
                "the share of bad events falls."
            ),
            (
                "The budget is spent: no risky change to this service until "
                f"`{names.BUDGET_REMAINING}` is above zero again."
            ),
        )
    )
    if any(tier.severity.value == "ticket" for tier in slo.alerting.tiers):
        yield ("A ticket: find the slow leak in working hours; nothing needs to be done at night.")
    yield (
        f"It stops by itself: {_resets(slo)} after the bad events have stopped. "
        "Silence only what you are working on, with a comment and an end."
    )


def _next(slo: Slo, ways: Ways) -> str:
    after = ways.after(slo.owner)
    call = (
        f" No cause found within an hour of a page, or the budget spent: call {after}."
        if after
        else ""
    )
    return f"{ways.people(slo.owner)} owns this objective.{call}"


def _resets(slo: Slo) -> str:
    short = [tier.short or tier.long for tier in slo.alerting.tiers]
    kept = [tier.keep_firing_for for tier in slo.alerting.tiers]
    return f"{min(short).promql()} to {Duration(max(short).ms + max(kept).ms).promql()}"


def _links(slo: Slo, rules: Sequence[AlertRule], settings: Settings) -> tuple[tuple[str, str], ...]:
    return (
        ("Dashboard on call", links.dashboard(settings, "on-call")),
        ("Dashboard debug", links.dashboard(settings, "debug")),
        ("Condition in Prometheus", links.graph(settings, rules[0].expr)),
        ("Silence this root cause", links.silence(settings, {"root_cause": slo.root_cause})),
    )
