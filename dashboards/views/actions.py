"""What agents did: outcomes, time, cost, and the history itself."""

from __future__ import annotations

from typing import Final

from dashboards import palette
from dashboards.board import Section
from dashboards.layout import Size
from dashboards.material import Material, marked
from dashboards.panel import Viz, Words
from dashboards.panels import Bars, Heat, Lines, Logs
from dashboards.query import Prom, quantile

_THIRD: Final = Size(8, 8)
_HALF: Final = Size(12, 8)
_AGENT: Final = 'gen_ai_agent_name=~"$agent"'
_TOOLS: Final = f"rate(gen_ai_execute_tool_duration_seconds_bucket{{{_AGENT}}}[$__rate_interval])"
_DURATION: Final = (
    f"rate(gen_ai_invoke_agent_duration_seconds_bucket{{{_AGENT}}}[$__rate_interval])"
)


def actions(material: Material) -> Section:
    """The chosen agents at work."""
    return Section(
        "actions",
        "Actions of $agent",
        (_outcomes(), _duration(), _models(), _tools(), _cost(), _history(material)),
    )


def _outcomes() -> Viz:
    return Lines(
        key="outcomes",
        title="Actions by outcome",
        words=Words(
            "Logical actions that ended per second, by outcome, retries counted once.",
            "Success is good; a growing share of timeouts means something is slow.",
            "Look at the type and the time in the history below.",
        ),
        none="The chosen agents ended no action in this time.",
        queries=(
            Prom(
                expr="sum by (mas_action_outcome) (rate(mas_agent_actions_total"
                f"{{{_AGENT}}}[$__rate_interval]))",
                legend="{{mas_action_outcome}}",
            ),
        ),
        unit="ops",
        low=0.0,
        overrides=marked(
            success=palette.GOOD,
            partial=palette.SKY,
            failure=palette.BAD,
            timeout=palette.WATCH,
            rejected=palette.PURPLE,
            cancelled=palette.UNKNOWN,
        ),
        wish=_HALF,
    )


def _duration() -> Viz:
    return Heat(
        key="duration",
        title="How long agents take",
        words=Words(
            "Distribution of the time that one run of an agent takes; points are "
            "exemplars, each with its trace.",
            "One dark band is good. A second band above it is a class of slow runs.",
            "Click a point: it leads to the trace.",
        ),
        none="The chosen agents ran nothing in this time.",
        queries=(
            Prom(
                expr=f"sum by (le) ({_DURATION})",
                legend="{{le}}",
                exemplar=True,
            ),
        ),
        unit="s",
        wish=_HALF,
    )


def _models() -> Viz:
    return Lines(
        key="models",
        title="Time of model calls",
        words=Words(
            "Time that 95 % of calls of a language model stay below, by model.",
            "Compare with yesterday: providers slow down before they fail.",
            "Click an exemplar for the trace of a slow call.",
        ),
        none="No model was called in this time.",
        queries=(
            Prom(
                expr=quantile(
                    "0.95",
                    "gen_ai_request_model",
                    "rate(gen_ai_client_operation_duration_seconds_bucket[$__rate_interval])",
                ),
                legend="{{gen_ai_request_model}}",
                exemplar=True,
            ),
        ),
        unit="s",
        low=0.0,
        color_mode="continuous-BlPu",
        wish=_THIRD,
    )


def _tools() -> Viz:
    return Lines(
        key="tools",
        title="Time of tools, slowest",
        words=Words(
            "Time that 95 % of runs of a tool stay below, for the five slowest tools.",
            "A tool far above its usual time holds up its agent.",
            "Click an exemplar for the trace of a slow run.",
        ),
        none="No tool ran in this time.",
        queries=(
            Prom(
                expr=f"topk(5, {quantile('0.95', 'gen_ai_tool_name', _TOOLS)})",
                legend="{{gen_ai_tool_name}}",
                exemplar=True,
            ),
        ),
        unit="s",
        low=0.0,
        color_mode="continuous-BlPu",
        wish=_THIRD,
    )


def _cost() -> Viz:
    return Bars(
        key="cost",
        title="Cost of models by agent",
        words=Words(
            "US dollars that the calls of each agent cost in the time chosen above.",
            "Compare agents with what they achieve.",
            "One far above the others may go in circles: see the loops above.",
        ),
        none="No agent reports what its models cost.",
        queries=(
            Prom(
                expr="topk(10, sum by (gen_ai_agent_name)"
                f" (increase(mas_llm_cost_total{{{_AGENT}}}[$__range])))",
                legend="{{gen_ai_agent_name}}",
                instant=True,
            ),
        ),
        unit="currencyUSD",
        low=0.0,
        wish=_THIRD,
    )


def _history(material: Material) -> Viz:
    return Logs(
        key="history",
        title="Action history",
        words=Words(
            "What agents did, with the time, the type and the outcome of each action.",
            "An unbroken trail is good; gaps are counted in the on-call view.",
            "Open a line: its trace id leads to the waterfall above.",
        ),
        none="No action was logged in this time, or the log store is not connected.",
        queries=(material.logs.having("mas.action.type"),),
    )
