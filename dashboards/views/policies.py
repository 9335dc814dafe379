"""Policies: which revision holds where, how long it takes, what it decides."""

from __future__ import annotations

from typing import Final

from dashboards import palette
from dashboards.board import Section
from dashboards.layout import Size
from dashboards.limits import above
from dashboards.material import Material, marked
from dashboards.panel import Viz, Words
from dashboards.panels import Lines, States
from dashboards.query import Prom, quantile

_THIRD: Final = Size(8, 8)
_AGENT: Final = 'gen_ai_agent_name=~"$agent"'
_POLICY_P95_SECONDS: Final = 0.05
"""P95 of policy evaluation that the catalogue promises (M5)."""
_EVALUATION: Final = "rate(mas_policy_evaluation_duration_seconds_bucket[$__rate_interval])"


def policies(material: Material) -> Section:
    """Revisions, evaluation, decisions, propagation."""
    return Section(
        "policies", "Policies", (_revisions(material), _evaluation(), _decisions(), _propagation())
    )


def _revisions(material: Material) -> Viz:
    return States(
        key="revisions",
        title="Policy revisions by agent",
        words=Words(
            "The revision of each policy that each chosen agent enforces, over time.",
            "All agents change together is good; one that lags enforces old rules.",
            "A lagging agent: look at its policy cache, then restart it.",
        ),
        none="No chosen agent reports the policy that it enforces.",
        queries=(
            Prom(
                expr="max by (gen_ai_agent_name, mas_policy_name)"
                f" (mas_policy_revision{{{_AGENT}}})",
                legend="{{gen_ai_agent_name}} · {{mas_policy_name}}",
            ),
        ),
        unit="none",
        decimals=0,
        color_mode="continuous-BlPu",
        see=material.runbook("StalePolicy", "stale policy"),
        wish=Size(24, 9),
    )


def _evaluation() -> Viz:
    return Lines(
        key="evaluation",
        title="Time to evaluate a policy",
        words=Words(
            "Time that 95 % of evaluations stay below, by policy.",
            f"Below {_POLICY_P95_SECONDS * 1000:.0f} ms is good.",
            "A slow policy: look at its last revision; complex rules cost every action.",
        ),
        none="No policy was evaluated in this time.",
        queries=(
            Prom(
                expr=quantile("0.95", "mas_policy_name", _EVALUATION),
                legend="{{mas_policy_name}}",
                exemplar=True,
            ),
        ),
        unit="s",
        low=0.0,
        limits=True,
        steps=above(_POLICY_P95_SECONDS),
        color_mode="continuous-BlPu",
        wish=_THIRD,
    )


def _decisions() -> Viz:
    return Lines(
        key="decisions",
        title="Decisions",
        words=Words(
            "What policies decided, per second.",
            "A steady mix is good. A spike of denials after a revision blocks real work; "
            "errors count as denials of time.",
            "Revert the revision that is marked where the spike begins.",
        ),
        none="No policy was evaluated in this time.",
        queries=(
            Prom(
                expr="sum by (mas_policy_decision) (rate("
                "mas_policy_evaluation_duration_seconds_count[$__rate_interval]))",
                legend="{{mas_policy_decision}}",
            ),
        ),
        unit="ops",
        low=0.0,
        overrides=marked(allow=palette.GOOD, deny=palette.WATCH, error=palette.BAD),
        wish=_THIRD,
    )


def _propagation() -> Viz:
    return Lines(
        key="propagation",
        title="Time until a revision is everywhere",
        words=Words(
            "From publication until an agent enforces it, 95 % of agents, over the last six hours.",
            "Minutes are good; ten or more leave agents with old rules.",
            "Look at the agent that lags in the bands above.",
        ),
        none="No revision was published in the last six hours.",
        queries=(
            Prom(
                expr=quantile(
                    "0.95",
                    "mas_policy_name",
                    "increase(mas_policy_propagation_duration_seconds_bucket[6h])",
                ),
                legend="{{mas_policy_name}}",
            ),
        ),
        unit="s",
        low=0.0,
        limits=True,
        steps=above(600.0),
        color_mode="continuous-BlPu",
        wish=_THIRD,
    )
