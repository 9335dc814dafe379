"""The telemetry pipeline and the rules themselves, in virtual time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from alerts.gameday.scenarios import share
from alerts.gameday.virtual.cases import MINUTE, Case, case, page, ticket
from alerts.gameday.virtual.matrix_budgets import LAG
from alerts.gameday.virtual.trouble import Act, Change, Pipeline
from slo import names

PLATFORM: Final = "platform"
_GONE: Final = {
    "agent-fleet-action-success": 4.75 * MINUTE,
    "agent-fleet-action-conflicts": 4.75 * MINUTE,
    "agent-fleet-llm-availability": 4.75 * MINUTE,
    "agent-fleet-policy-latency": 4.75 * MINUTE,
    "telemetry-ingest-lag": 4.75 * MINUTE,
    "agent-fleet-resource-contention": 5.5 * MINUTE,
    "agent-fleet-remediation-correctness": 4.75 * MINUTE,
    "agent-fleet-rollbacks": 4.75 * MINUTE,
    "agent-fleet-time-to-remediate": 4.75 * MINUTE,
}
"""A 5-minute rate needs two samples, so the signal is gone a scrape before its window has passed;
a time-slice budget looks at another minute and has slices for five."""
_AVAILABILITY: Final = names.slo_id("agent-fleet", "agent-availability")
_HIDDEN: Final = (
    "mas_agent_actions",
    "gen_ai_client",
    "mas_policy_evaluation",
    "mas_resource_contention",
    "mas_remediation",
    "mas_deployment",
    "fleetslo_ingest_lag",
)
_OWNERS: Final = {
    "agent-fleet-llm-availability": "operations",
    "agent-fleet-resource-contention": PLATFORM,
    "agent-fleet-remediation-correctness": "operations",
    "agent-fleet-rollbacks": PLATFORM,
    "agent-fleet-time-to-remediate": "operations",
    "telemetry-ingest-lag": PLATFORM,
}


def cases() -> tuple[Case, ...]:
    """M7, the collector's health, clocks, cardinality, evaluation, lost signals."""
    return (*_ingestion(), *_books(), *_collector(), *_rules(), _lost())


def _on(change: Callable[[Pipeline], None]) -> Change:
    return lambda wrong: change(wrong.pipeline)


def _set(**values: float | bool | tuple[str, ...]) -> Change:
    def change(pipeline: Pipeline) -> None:
        for name, value in values.items():
            setattr(pipeline, name, value)

    return _on(change)


def _ingestion() -> tuple[Case, ...]:
    return (
        case(
            "M7-slow",
            "ingestion slow",
            "traces arrive 20 s late",
            _set(lag_seconds=20.0),
            ticket("IngestLagHigh", PLATFORM, share(0.05, 1.0)),
            page(LAG, PLATFORM, share(0.25, 1.0), slo_tier="outage"),
        ),
        case(
            "M7-late",
            "a tenth is late",
            "one item in ten arrives 20 s late",
            _set(late=0.1),
            ticket("IngestLagHigh", PLATFORM, share(0.05, 0.1)),
            page(LAG, PLATFORM, share(0.02, 0.1), slo_tier="page"),
            lasts=20 * MINUTE,
        ),
        case(
            "M7-stall",
            "ingestion stalled",
            "the destination takes nothing, the outbox grows",
            _set(stuck=True),
            page("IngestStalled", PLATFORM, 30.0),
            also=(names.SIGNAL_LOST,),
        ),
        case(
            "M7-refuse",
            "ingestion refused",
            "one item in five is refused",
            _set(refused=0.2),
            page("IngestRefusing", PLATFORM, share(0.05, 0.2)),
        ),
        case(
            "M7-drop",
            "telemetry dropped",
            "ten items a minute go to dead letters",
            _set(dead_lettered=10.0),
            ticket("IngestDropping", PLATFORM, 0.0),
        ),
    )


def _books() -> tuple[Case, ...]:
    return (
        case(
            "S-books",
            "books do not balance",
            "three items are unaccounted for",
            _set(imbalance=3),
            ticket("BooksUnbalanced", PLATFORM, 0.0),
        ),
        case(
            "S-clock",
            "clocks disagree",
            "one item in ten is ahead of the collector's clock",
            _set(ahead=0.1),
            ticket("ClockSkew", PLATFORM, share(0.01, 0.1)),
        ),
    )


def _collector() -> tuple[Case, ...]:
    outage = (Act(0.0, _set(down=True)), Act(10 * MINUTE, _set(down=False)))
    return (
        case(
            "S-collector",
            "collector down",
            "the collector is down for ten minutes, then replays its disk",
            outage,
            page("CollectorDown", PLATFORM, 0.0),
            also=("TelemetryMissing", "IngestStalled", names.SIGNAL_LOST),
            lasts=25 * MINUTE,
        ),
        case(
            "S-roster",
            "telemetry missing",
            "nobody judges the health of agents any more",
            _set(hidden=("mas_agent_health_checks",)),
            page("TelemetryMissing", PLATFORM, 0.0),
            ticket(names.SIGNAL_LOST, "operations", 4.75 * MINUTE, slo_id=_AVAILABILITY),
            lasts=20 * MINUTE,
        ),
        case(
            "S-cardinality",
            "too many label sets",
            "an agent puts the id of a run into an attribute",
            _set(overflowing=True),
            ticket("CardinalityOverflow", PLATFORM, 15.0),
        ),
        case(
            "S-collide",
            "two senders share their labels",
            "two processes send the same series",
            _set(colliding=True),
            ticket("SendersCollide", PLATFORM, 15.0),
        ),
        case(
            "S-shed",
            "bad events are not sampled",
            "the sampler's bytes do not suffice for 30 bad events a minute",
            _set(shedding=30.0),
            ticket("SamplingShedsBadEvents", PLATFORM, 15.0),
        ),
    )


def _rules() -> tuple[Case, ...]:
    return (
        case(
            "S-rules",
            "rules cannot be evaluated",
            "one evaluation a minute fails",
            _set(rules_failing=1.0),
            page("RuleEvaluationFailing", PLATFORM, 15.0),
        ),
        case(
            "S-missed",
            "evaluations missed",
            "one evaluation a minute is missed",
            _set(rules_missed=1.0),
            ticket("RuleEvaluationMissed", PLATFORM, 2.5 * MINUTE),
        ),
    )


def _lost() -> Case:
    expected = (
        ticket(names.SIGNAL_LOST, _OWNERS.get(slo, "core-engineering"), gone, slo_id=slo)
        for slo, gone in _GONE.items()
    )
    return case(
        "S-signal",
        "signals lost",
        "a release renames what nine budgets are counted from",
        _set(hidden=_HIDDEN),
        *expected,
        lasts=30 * MINUTE,
    )
