"""The week in numbers: agents' errors, what changed, what the SLOs spent. Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from alerts.incidents.correlate import Incident
from alerts.incidents.past import Episode, Event
from alerts.runbooks.text import bullets, document, table
from slo import names
from slo.ask import Prometheus, Series
from slo.exact import Duration
from slo.percent import percent
from slo.plural import plural
from slo.rules.terms import tiles_of

WEEK_SECONDS: Final = 7 * 86_400.0
_AGENT: Final = "gen_ai_agent_name"
# As the SLO on them counts (M2): what the user caused is no failure, what was called off no action.
_RAN: Final = 'mas_agent_actions_total{mas_action_outcome!~"rejected|cancelled|deferred"}'
_FAILED: Final = (
    'mas_agent_actions_total{mas_action_outcome=~"failure|timeout",mas_error_attribution!="user"}'
)
_BY: Final = "slo_id"


@dataclass(frozen=True, slots=True)
class AgentWeek:
    """One class of agents: how much it did, how much of that failed, and the week before."""

    agent: str
    actions: float
    failed: float | None
    before: float | None


@dataclass(frozen=True, slots=True)
class BudgetWeek:
    """One budget: what share of events was bad, and what is left of it.

    Attributes:
        spent: Share of the budget that went in this week; below 0 where it grew back.
    """

    budget: str
    objective: float | None
    bad: float | None
    left: float | None
    spent: float | None


def agents(prometheus: Prometheus, until: float) -> list[AgentWeek]:
    """Every class of agents that did something, those that failed most first."""
    total = _by_agent(prometheus, f"increase({_RAN}[7d])", until)
    now = _share_failed(prometheus, until)
    before = _share_failed(prometheus, until - WEEK_SECONDS)
    found = [
        AgentWeek(agent, actions, now.get(agent), before.get(agent))
        for agent, actions in total.items()
        if actions >= 0.5
    ]
    return sorted(found, key=lambda each: (-(each.failed or 0.0), each.agent))


def budgets(prometheus: Prometheus, until: float) -> list[BudgetWeek]:
    """Every budget, those with the least left first."""
    objective = _by_budget(prometheus.instant(f"max by ({_BY}) ({names.OBJECTIVE})", until))
    left = _by_budget(prometheus.instant(names.BUDGET_REMAINING, until))
    before = _by_budget(prometheus.instant(f"{names.BUDGET_REMAINING} offset 7d", until))
    # Of tiles, as the budget is: rates over 5 minutes lose what came across a gap of scrapes.
    week = tiles_of(Duration.seconds(int(WEEK_SECONDS)))
    bad = _by_budget(
        prometheus.instant(
            f"sum_over_time({names.SLI_ERRORS}:avg5m[{week}])"
            f" / (sum_over_time({names.SLI_TOTAL}:avg5m[{week}]) > 0)",
            until,
        )
    )
    found = [
        BudgetWeek(
            budget,
            objective.get(budget.partition(" ")[0]),
            bad.get(budget),
            left.get(budget),
            before[budget] - left[budget] if budget in before and budget in left else None,
        )
        for budget in sorted({*left, *bad})
    ]
    return sorted(found, key=lambda each: (each.left is None, each.left or 0.0, each.budget))


def markdown(
    until: float,
    week: tuple[Sequence[AgentWeek], Sequence[BudgetWeek]],
    changes: Sequence[Event],
    fired: tuple[Sequence[Episode], Sequence[Incident]],
) -> str:
    """The report of the seven days before `until`."""
    of_agents, of_budgets = week
    episodes, incidents = fired
    pages = sum(each.labels.get("severity") == "page" for each in episodes)
    told = f"{plural(pages, 'page')} and {plural(len(episodes) - pages, 'ticket')}"
    return document(
        (
            f"# Week {_day(until - WEEK_SECONDS)} to {_day(until)}",
            f"{told} in {plural(len(incidents), 'incident')}.",
            "## Error rates of agents",
            table(
                ("Agent", "Actions", "Failed", "Week before"),
                (
                    (a.agent, f"{a.actions:,.0f}", _percent(a.failed), _percent(a.before))
                    for a in of_agents
                ),
            )
            or "No agent did anything.",
            "## What the SLOs spent",
            table(
                ("Budget", "Objective", "Bad events", "Spent this week", "Left"),
                (
                    (
                        b.budget,
                        _percent(b.objective),
                        _percent(b.bad),
                        _percent(b.spent),
                        _percent(b.left),
                    )
                    for b in of_budgets
                ),
            )
            or "No SLO is recorded.",
            "## What changed",
            bullets(f"{_moment(each.at)} {each.kind}: {each.text}" for each in changes)
            or "No policy, version or deployment changed.",
            "## Incidents",
            bullets(_told(each) for each in incidents) or "None.",
        )
    )


def _share_failed(prometheus: Prometheus, at: float) -> dict[str, float]:
    total = _by_agent(prometheus, f"increase({_RAN}[7d])", at)
    failed = _by_agent(prometheus, f"increase({_FAILED}[7d])", at)
    return {agent: failed.get(agent, 0.0) / n for agent, n in total.items() if n > 0}


def _by_agent(prometheus: Prometheus, expr: str, at: float) -> dict[str, float]:
    found = prometheus.instant(f"sum by ({_AGENT}) ({expr})", at)
    return {series.labels.get(_AGENT, "-"): series.value for series in found}


def _by_budget(found: Iterable[Series]) -> dict[str, float]:
    """The values by SLO id, followed by what else tells budgets of one SLO apart."""
    return {_budget(series): series.value for series in found if series.value == series.value}


def _budget(series: Series) -> str:
    rest = (
        text
        for name, text in sorted(series.labels.items())
        if name not in {"__name__", _BY} and text
    )
    return " ".join((series.labels.get(_BY, "-"), *rest))


def _told(incident: Incident) -> str:
    pages = sum(each.labels.get("severity") == "page" for each in incident.episodes)
    counts = f"{plural(len(incident.episodes), 'alert')}, {plural(pages, 'page')}"
    return f"{_moment(incident.starts)} {incident.name}: {counts}"


def _percent(share: float | None) -> str:
    return "-" if share is None else percent(share)


def _day(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d}"


def _moment(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M}"
