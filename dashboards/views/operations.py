"""What agents depend on and use up: queues, models, remediation, hosts."""

from __future__ import annotations

from typing import Final

from dashboards import palette
from dashboards.board import Section
from dashboards.layout import Size
from dashboards.limits import above
from dashboards.material import Material, marked, named
from dashboards.panel import Viz, Words
from dashboards.panels import Bars, Lines, Stat
from dashboards.query import Prom, quantile

_THIRD: Final = Size(8, 8)
_HOST: Final = 'host_name=~"$host"'
_WAIT: Final = "rate(mas_queue_message_wait_seconds_bucket[$__rate_interval])"
_ATTEMPTS: Final = "rate(mas_llm_attempts_total[$__rate_interval])"
_FAILED_ATTEMPTS: Final = (
    'rate(mas_llm_attempts_total{mas_llm_attempt_result!="success"}[$__rate_interval])'
)
QUEUE_WAIT_SECONDS: Final = 5.0
"""P95 of the wait above which High Message Queue Latency fires (R2)."""
QUEUE_AGE_SECONDS: Final = 60.0
"""Age of the oldest message above which it fires too (R2)."""
LLM_ERRORS: Final = 0.05
"""Share of failed calls above which High LLM API Error Rate fires (R3)."""


def dependencies(material: Material) -> Section:
    """What agents wait for."""
    return Section(
        "dependencies",
        "Queues and language models",
        (_wait(material), _oldest(material), _llm(material)),
    )


def _wait(material: Material) -> Viz:
    return Lines(
        key="wait",
        title="How long messages wait",
        words=Words(
            "Wait of 95 % of messages, by queue.",
            f"Below {QUEUE_WAIT_SECONDS:.0f} s is good.",
            "Check the depth in the debug view and whether workers take messages; then "
            "scale workers.",
        ),
        none="No message was taken from a queue in this time.",
        queries=(
            Prom(
                expr=quantile("0.95", "messaging_destination_name", _WAIT),
                legend="{{messaging_destination_name}}",
            ),
        ),
        unit="s",
        low=0.0,
        limits=True,
        steps=above(QUEUE_WAIT_SECONDS),
        color_mode="continuous-BlPu",
        see=material.runbook("HighMessageQueueLatency", "queue latency"),
        wish=_THIRD,
    )


def _oldest(material: Material) -> Viz:
    return Bars(
        key="oldest",
        title="Oldest message",
        words=Words(
            "Age of the oldest message in each queue.",
            f"Below {QUEUE_AGE_SECONDS:.0f} s is good. It rises even when "
            "nothing is taken any more, and waits fall silent.",
            "Check that workers are healthy; if they are and it rises, call the platform team.",
        ),
        none="No queue reports.",
        queries=(
            Prom(
                expr="max by (messaging_destination_name) (mas_queue_oldest_message_age_seconds)",
                legend="{{messaging_destination_name}}",
                instant=True,
            ),
        ),
        unit="s",
        low=0.0,
        steps=above(QUEUE_AGE_SECONDS / 2, QUEUE_AGE_SECONDS),
        see=material.runbook("HighMessageQueueLatency", "queue latency"),
        wish=_THIRD,
    )


def _llm(material: Material) -> Viz:
    return Lines(
        key="llm",
        title="Failed model calls by class",
        words=Words(
            "Share of requests to language models that failed, by the class of the error, "
            "retries counted one by one.",
            f"All classes together below {LLM_ERRORS:.0%} is good. Provider "
            "and timeout speak for an outage, rate limit and auth for our own account.",
            "Provider: its status page. Rate limit: quota. Auth: keys. Else: AI/ML team.",
        ),
        none="No model was called in this time.",
        queries=(
            Prom(
                expr=f"sum by (mas_llm_attempt_result) ({_FAILED_ATTEMPTS})"
                f" / on () group_left () (sum({_ATTEMPTS}) > 0)",
                legend="{{mas_llm_attempt_result}}",
            ),
        ),
        unit="percentunit",
        low=0.0,
        limits=True,
        steps=above(LLM_ERRORS),
        overrides=named("provider", "rate_limit", "timeout", "auth", "client", "content_filter"),
        see=material.runbook("HighLLMAPIErrorRate", "model errors"),
        wish=_THIRD,
    )


def remediation() -> Section:
    """What agents repair, and whether they repair the right thing."""
    return Section("remediation", "Remediation", (_active(), _ended(), _verdicts()))


def _active() -> Viz:
    return Stat(
        key="active",
        title="Remediations under way",
        words=Words(
            "Automated remediations that run now.",
            "A few are normal; many at once are a cascade.",
            "Many: throttle remediation before the fixes harm each other.",
        ),
        none="No agent reports remediations.",
        queries=(Prom(expr="sum(mas_remediation_active)"),),
        unit="none",
        decimals=0,
        steps=above(10.0, 30.0),
        wish=Size(6, 8),
    )


def _ended() -> Viz:
    return Lines(
        key="ended",
        title="Remediations by outcome",
        words=Words(
            "Remediations that ended per hour, by how they ended.",
            "Fixed is good. Failed and escalated ones wait for a person.",
            "Escalated: take over from the agent, its log tells what it tried.",
        ),
        none="No agent reports remediations.",
        queries=(
            Prom(
                expr="sum by (mas_remediation_outcome)"
                " (rate(mas_remediations_total[$__rate_interval])) * 3600",
                legend="{{mas_remediation_outcome}}",
            ),
        ),
        unit="none",
        low=0.0,
        overrides=marked(fixed=palette.GOOD, failed=palette.BAD, escalated=palette.PURPLE),
        wish=Size(9, 8),
    )


def _verdicts() -> Viz:
    return Lines(
        key="verdicts",
        title="Remediations that were wrong",
        words=Words(
            "Share of reviewed remediations that fixed what was not broken, or did harm.",
            "Below 0.1 % is good; one harmful remediation is a reason to stop them.",
            "Harmful: pause automated remediation of that class.",
        ),
        none="No remediation was reviewed in this time.",
        queries=(
            Prom(
                expr="sum by (mas_remediation_verdict) (increase("
                "mas_remediation_verdicts_total{mas_remediation_verdict="
                '~"false_positive|harmful"}[1d])) / on () group_left () (sum('
                "increase(mas_remediation_verdicts_total[1d])) > 0)",
                legend="{{mas_remediation_verdict}}",
            ),
        ),
        unit="percentunit",
        low=0.0,
        limits=True,
        steps=above(0.001),
        overrides=marked(false_positive=palette.ORANGE, harmful=palette.VERMILLION),
        wish=Size(9, 8),
    )


def resources() -> Section:
    """What agents use up, and where."""
    return Section("resources", "Resources by host", (_cpu(), _memory(), _contention()))


def _cpu() -> Viz:
    return Bars(
        key="cpu",
        title="Processor cores in use",
        words=Words(
            "Cores that agents keep busy, for the ten busiest hosts.",
            "Compare hosts: one far above the others is a hot spot.",
            "Move agents away, or ask what they do in the debug view.",
        ),
        none="No agent reports its process.",
        queries=(
            Prom(
                expr="topk(10, sum by (host_name) "
                f"(rate(process_cpu_time_seconds_total{{{_HOST}}}[$__rate_interval])))",
                legend="{{host_name}}",
                instant=True,
            ),
        ),
        unit="none",
        decimals=2,
        low=0.0,
        wish=_THIRD,
    )


def _memory() -> Viz:
    return Bars(
        key="memory",
        title="Memory in use",
        words=Words(
            "Resident memory of agents, for the ten fullest hosts.",
            "Steady is good; a steady rise is a leak.",
            "Restart the agent that leaks, its runbook says how.",
        ),
        none="No agent reports its process.",
        queries=(
            Prom(
                expr=f"topk(10, sum by (host_name) (process_memory_usage_bytes{{{_HOST}}}))",
                legend="{{host_name}}",
                instant=True,
            ),
        ),
        unit="bytes",
        low=0.0,
        wish=_THIRD,
    )


def _contention() -> Viz:
    return Lines(
        key="contention",
        title="Shortages by pool, worst pools",
        words=Words(
            "Rejects, out-of-memory kills and quotas hit per minute, for the five worst pools.",
            "0 is good. A sum over pools would hide one that is starved.",
            "Limit admission to that pool, or give it room.",
        ),
        none="No pool reports.",
        queries=(
            Prom(
                expr="topk(5, sum by (mas_resource_pool) "
                "(rate(mas_resource_contention_events_total[$__rate_interval]))) * 60",
                legend="{{mas_resource_pool}}",
            ),
        ),
        unit="none",
        low=0.0,
        limits=True,
        steps=above(1.0),
        color_mode="continuous-BlPu",
        wish=_THIRD,
    )
