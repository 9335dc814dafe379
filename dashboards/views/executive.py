"""The executive view: nine tiles for people who answer for the fleet, in plain words.

No tile needs knowledge of the system behind it; each one says what to ask next. Numbers are
asked for at this moment: over four weeks the last point of a line is up to an hour old.
"""

from __future__ import annotations

from typing import Final

from dashboards import limits, palette
from dashboards.board import Section
from dashboards.layout import Size
from dashboards.limits import above, any_is
from dashboards.material import Material, window_words
from dashboards.notation import shortened
from dashboards.panel import NEUTRAL, Override, State, Step, Viz, Words
from dashboards.panels import History, Stat
from dashboards.query import Prom, quoted
from dashboards.views.exhaustion import NOT_YET, exhaustion
from slo.exact import decimal
from slo.model import Severity, Slo

_TILE: Final = Size(6, 6)
_ROW_CHARACTERS: Final = 40
"""Longer names leave no room for the boxes beside them."""
_CROWD: Final = 20
"""Rows of the calendar where there are too many promises for all."""
_REMEDIATION_GOAL_SECONDS: Final = 30.0
"""Median that the catalogue promises for fixes of running services (M3)."""
_REMEDIATION_SLOW_SECONDS: Final = 120.0
"""What 95 % of them stay below (M3, the further goal)."""


def sections(material: Material) -> tuple[Section, ...]:
    """At most nine tiles, without headers."""
    return (
        Section("tiles", "", (*_promises(material), *_operations(material), *_calendar(material))),
    )


def _promises(material: Material) -> tuple[Viz, ...]:
    return (_availability(material), _budget(material), _burn(material), exhaustion(material))


def _budget(material: Material) -> Viz:
    return Stat(
        key="budget",
        title="Error budget left, lowest",
        words=Words(
            "How much failure our promises still allow, for the promise that has the least left.",
            "100 % is untouched. Below 25 % one more incident may break the promise; "
            "at 0 % or less it is broken.",
            "Ask the team that owns it to put reliability before features until it recovers.",
        ),
        none=NOT_YET,
        queries=(
            Prom(expr=f"min(slo:error_budget_remaining:ratio{{{material.only()}}})", instant=True),
        ),
        unit="percentunit",
        decimals=1,
        steps=limits.budget_steps(),
        wish=_TILE,
    )


def _burn(material: Material) -> Viz:
    return Stat(
        key="burn",
        title="Budget spending pace (1 is as planned)",
        words=Words(
            "How fast the error budget is being spent, for the promise that spends fastest. "
            "1 means that it lasts exactly as long as planned.",
            _burn_words(material.slos),
            "Open the on-call view from the link at the top; the team is alerted by then.",
        ),
        none=NOT_YET,
        queries=(Prom(expr=f"max(slo:burn_rate:ratio{{{material.only()}}})", instant=True),),
        unit="none",
        decimals=2,
        steps=limits.burn_steps(material.slos),
        wish=_TILE,
    )


def _availability(material: Material) -> Viz:
    slo = material.slo_of("M1")
    share = (
        "1 - sum(increase(mas_agent_health_checks_total"
        '{mas_check_result=~"fail|missed"}[$__range]))'
        ' / (sum(increase(mas_agent_health_checks_total{mas_check_result!="drained"}[$__range]))'
        " > 0)"
    )
    over, judge = "the time chosen above", "Close to 100 % is good; planned stops do not count."
    if slo is not None:
        share = f"1 - max(slo:period_error:ratio{{slo_id={quoted(slo.slo_id)}}})"
        over = f"the last {window_words(slo)}"
        judge = (
            f"We promise {slo.objective.percent()} %. Below that the promise is broken. "
            "Planned stops do not count."
        )
    return Stat(
        key="availability",
        title="Agents available",
        words=Words(
            f"Share of health checks that agents of the whole fleet passed, over {over}.",
            judge,
            "Ask who is missing: the on-call view lists agents by state.",
        ),
        none="No health checks arrive: the roster or the telemetry pipeline is down.",
        queries=(Prom(expr=share, instant=True),),
        unit="percentunit",
        decimals=3,
        steps=limits.success_steps(slo.objective) if slo is not None else NEUTRAL,
        wish=_TILE,
    )


def _operations(material: Material) -> tuple[Viz, ...]:
    return (_incidents(material.settings.severities.page), _remediation(), _cost(), _saved())


def _incidents(page: str) -> Viz:
    return Stat(
        key="incidents",
        title="Major incidents",
        words=Words(
            "Incidents that woke somebody up, in the time chosen above; "
            "several alerts of one cause count once.",
            "0 is good. One is worth a review.",
            "Ask for the review; the on-call view lists what fired.",
        ),
        none="Alerts cannot be counted: Prometheus does not answer.",
        queries=(
            Prom(
                expr="count(count by (root_cause) (present_over_time("
                f'ALERTS{{alertstate="firing",severity="{page}"}}[$__range]))) or vector(0)',
                instant=True,
            ),
        ),
        unit="none",
        decimals=0,
        steps=any_is(palette.BAD),
        wish=_TILE,
    )


def _remediation() -> Viz:
    return Stat(
        key="remediation",
        title="Average time to remediate",
        words=Words(
            "From the moment a fault is seen until an agent has fixed it, on average, "
            "in the time chosen above. Failed fixes count too.",
            f"Half of all fixes should take less than {_REMEDIATION_GOAL_SECONDS:.0f} s; "
            f"an average above {_REMEDIATION_SLOW_SECONDS:.0f} s is bad.",
            "Ask operations which faults took long; the on-call view splits them by outcome.",
        ),
        none="No remediation ended in this time.",
        queries=(
            Prom(
                expr="sum(increase(mas_remediation_duration_seconds_sum[$__range]))"
                " / (sum(increase(mas_remediation_duration_seconds_count[$__range])) > 0)",
                instant=True,
            ),
        ),
        unit="s",
        decimals=0,
        steps=above(_REMEDIATION_GOAL_SECONDS, _REMEDIATION_SLOW_SECONDS),
        wish=_TILE,
    )


def _cost() -> Viz:
    return Stat(
        key="cost",
        title="Spent on language models",
        words=Words(
            "What calls of language models cost, in US dollars, in the time chosen above.",
            "There is no limit: compare it with the same time before, and with what the fleet did.",
            "Ask which agents spend it: the debug view splits the cost by agent.",
        ),
        none="No agent reports what its models cost.",
        queries=(Prom(expr="sum(increase(mas_llm_cost_total[$__range]))", instant=True),),
        unit="currencyUSD",
        wish=_TILE,
    )


def _saved() -> Viz:
    return Stat(
        key="saved",
        title="Telemetry left out on purpose",
        words=Words(
            "Share of all telemetry that the collector left out on purpose, by sampling, "
            "filtering and aggregation, in the time chosen above. Alerts and promises are "
            "computed before anything is left out.",
            "More is cheaper. 0 % means that everything is stored.",
            "Ask whether the sampling policy still fits when the storage bill grows.",
        ),
        none="The collector reports no traffic.",
        queries=(
            Prom(
                expr="(sum(increase(fleetslo_items_total"
                '{outcome=~"sampled_out|filtered|aggregated"}[$__range])) or vector(0))'
                ' / (sum(increase(fleetslo_items_total{outcome="accepted"}[$__range])) > 0)',
                instant=True,
            ),
        ),
        unit="percentunit",
        decimals=1,
        wish=_TILE,
    )


def _calendar(material: Material) -> tuple[Viz, ...]:
    only = material.only()
    expr = (
        f"max by (slo_id) (last_over_time(slo:sli_error:ratio_rate1d{{{only}}}[1d] offset -1d))"
        " / on (slo_id) max by (slo_id)"
        f" (1 - last_over_time(slo:objective:ratio{{{only}}}[1d] offset -1d))"
    )
    if material.crowded:
        expr += f" and on (slo_id) topk({_CROWD}, max by (slo_id) (slo:burn_rate:ratio @ end()))"
    titles = tuple(
        Override("byName", slo.slo_id, (("displayName", shortened(slo.title, _ROW_CHARACTERS)),))
        for slo in (() if material.crowded else material.slos)
    )
    return (
        History(
            key="calendar",
            title="Promises kept, day by day"
            + (f": the {_CROWD} that spend fastest" if material.crowded else ""),
            words=Words(
                "A row for each promise, a box for each day: how much of that day's share of "
                "the error budget was spent.",
                "Kept: errors stayed within the day's share. Over: they did not, which the window "
                "as a whole may still absorb. Heavy: more than twice the share.",
                "For a run of days that are over, ask the owning team for its plan.",
            ),
            none="No full day is measured yet, or no traffic came.",
            queries=(Prom(expr=expr, legend="{{slo_id}}", interval="1d"),),
            unit="none",
            decimals=2,
            min_interval="1d",
            steps=(Step(palette.GOOD, None), Step(palette.WATCH, 1.0), Step(palette.BAD, 2.0)),
            states=(
                State(None, 1.0, "kept", palette.GOOD),
                State(1.0, 2.0, "over", palette.WATCH),
                State(2.0, None, "heavy", palette.BAD),
            ),
            overrides=titles,
            wish=Size(24, min(24, 4 + len(material.slos) * 4 // 5)),
        ),
    )


def _burn_words(slos: tuple[Slo, ...]) -> str:
    pages = limits.burn_factors(slos, Severity.PAGE)
    tickets = limits.burn_factors(slos, Severity.TICKET)
    parts = ["Below 1 is good."]
    if tickets:
        parts.append(f"From {decimal(tickets[0])} on a team gets a ticket.")
    if pages:
        parts.append(f"From {decimal(pages[0])} on somebody is called.")
    return " ".join(parts)
