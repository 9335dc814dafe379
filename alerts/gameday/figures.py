"""A few live numbers about the fleet and the collector, for people who watch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from alerts.gameday import ask


@dataclass(frozen=True, slots=True)
class Figure:
    """Some numbers and the words around them; left out while there is no answer."""

    words: str
    queries: tuple[str, ...]


_ACTIONS: Final = "sum(rate(mas_agent_actions_total[1m]))"
_FAILED: Final = 'sum(rate(mas_agent_actions_total{mas_action_outcome=~"failure|timeout"}[1m]))'
_WAIT: Final = (
    "histogram_quantile(0.95, sum by (le) (rate(mas_queue_message_wait_seconds_bucket[1m])))"
)
_FSYNC: Final = (
    "histogram_quantile(0.95, sum by (le) (rate(fleetslo_log_fsync_seconds_bucket[1m])))"
)

FLEET: Final = (
    Figure(
        "{:.0f} of {:.0f} agents healthy",
        ('sum(mas_agent_count{mas_agent_state="healthy"})', "sum(mas_agent_count)"),
    ),
    Figure("{:.1f} actions/s", (_ACTIONS,)),
    Figure("{:.1f} % fail", (f"100 * {_FAILED} / {_ACTIONS}",)),
    Figure("P95 wait {:.2f} s", (_WAIT,)),
    Figure(
        "{:.1f} model calls/s",
        ("sum(rate(gen_ai_client_operation_duration_seconds_count[1m]))",),
    ),
)
COLLECTOR: Final = (
    Figure("{:,.0f} items accepted", ('sum(fleetslo_items_total{outcome="accepted"})',)),
    Figure("{:.0f} unaccounted for", ("sum(abs(fleetslo_conservation_imbalance))",)),
    Figure(
        "P95 fsync {:.1f} ms",
        (f"1000 * {_FSYNC}",),
    ),
)
BUDGET: Final = (
    Figure(
        "the budget burns {:.0f} times too fast",
        ('max(slo:burn_rate:ratio{slo_id="agent-fleet-action-success"})',),
    ),
)


def read(prometheus: str, figures: tuple[Figure, ...]) -> str:
    """The figures as one line; those without an answer are left out."""
    told: list[str] = []
    for figure in figures:
        try:
            values = [ask.number(prometheus, expr) for expr in figure.queries]
        except ask.UnansweredError:
            continue
        known = [value for value in values if value is not None]
        if len(known) == len(values):
            told.append(figure.words.format(*known))
    return " · ".join(told)
