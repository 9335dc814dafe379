"""The runbook's four incidents and their variants, in virtual time."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from alerts.gameday.faults import NEVER_SEEN_RULE
from alerts.gameday.fleet.topology import TEAMS
from alerts.gameday.scenarios import TICK, Expected, share
from alerts.gameday.virtual.cases import MINUTE, Case, case, page, ticket, workers
from alerts.gameday.virtual.play import FULL_TRAFFIC
from alerts.gameday.virtual.trouble import Act, Trouble
from collectors.instrument import ComplianceAction
from slo import names

ORCHESTRATOR: Final = "OrchestratorUnhealthy"
QUEUE: Final = "HighMessageQueueLatency"
LLM: Final = "HighLLMAPIErrorRate"
LLM_BURN: Final = names.burn_alert("agent-fleet", "llm-availability")
AVAILABILITY: Final = names.burn_alert("agent-fleet", "agent-availability")
FIRST: Final = "provider-a"
SHORT: Final = replace(FULL_TRAFFIC, latency_scale=0.75, long=0.0)
"""Nobody is at a run of hours by chance: how fast a queue grows hangs on every single worker."""


def cases() -> tuple[Case, ...]:
    """R1 to R4."""
    return (*_orchestrator(), *_queue(), *_models(), *_compliance())


def _orchestrator() -> tuple[Case, ...]:
    def kill(wrong: Trouble) -> None:
        wrong.agents.killed = {"orchestrator-1"}
        wrong.agents.unhealthy = {"orchestrator-2"}

    def restart_in_vain(wrong: Trouble) -> None:
        wrong.agents.restarted = {"orchestrator-1", "orchestrator-2"}
        wrong.agents.unhealthy = {"orchestrator-1", "orchestrator-2"}

    return (
        case(
            "R1",
            "orchestrator down",
            "the leader is killed, the standby cannot take over",
            kill,
            # Fails enter the 2-minute window, the dead one's three misses at the third tick.
            page(ORCHESTRATOR, "operations", 5 * TICK),
            also=("AgentSilent", "AgentClassSilent", AVAILABILITY),
        ),
        case(
            "R1-restart",
            "orchestrator unhealthy after a restart",
            "both orchestrators are restarted and stay unhealthy",
            restart_in_vain,
            page(ORCHESTRATOR, "operations", 4 * TICK),
            page(names.escalated(ORCHESTRATOR), "core-engineering", 4 * TICK, escalates=True),
            also=(AVAILABILITY,),
        ),
    )


def _queue() -> tuple[Case, ...]:
    def wedge(wrong: Trouble) -> None:
        wrong.agents.wedged = {key for team in TEAMS for key in workers(6, team)}

    def surge(wrong: Trouble) -> None:
        wrong.work.arrivals = dict.fromkeys(TEAMS, 2.5)

    return (
        case(
            "R2",
            "workers wedged",
            "24 of 40 workers hold their message and do nothing",
            wedge,
            # What is left takes 0.74 a second of 1.0 that come: the wait grows by a third of a
            # second each second, and 5 % of the 2-minute window must have waited above 5 s.
            page(QUEUE, "operations", 20.0),
            also=(AVAILABILITY, "AgentSilent"),
            traffic=SHORT,
        ),
        case(
            "R2b",
            "arrivals surge",
            "two and a half times the tasks for every team, its workers healthy",
            surge,
            page(QUEUE, "operations", 15.0),
            # 0.65 a second more come than are taken; the 5-minute rate still knows a quieter time.
            page(names.escalated(QUEUE), "platform", 75.0, escalates=True),
            traffic=SHORT,
        ),
    )


def _models() -> tuple[Case, ...]:
    def failing(part: float, result: str, *, retried: bool = False) -> tuple[Act, ...]:
        def change(wrong: Trouble) -> None:
            wrong.work.providers = {FIRST: (part, result)}
            wrong.work.retried = retried

        return (Act(0.0, change),)

    def both(part: float) -> tuple[Expected, ...]:
        told = share(0.05, part)
        return (
            page(LLM, "operations", told),
            page(names.escalated(LLM), "ai-ml", told, escalates=True),
        )

    outage = page(LLM_BURN, "operations", share(0.25, 0.6), slo_tier="outage")
    return (
        case(
            "R3",
            "provider rate limits",
            f"{FIRST} answers 20 % with 429",
            failing(0.2, "rate_limit"),
            *both(0.2),
            page(LLM_BURN, "operations", share(0.02, 0.2), slo_tier="page"),
            lasts=20 * MINUTE,
        ),
        case(
            "R3-retry",
            "retries hide the errors",
            f"{FIRST} answers 20 % with 429, clients retry",
            failing(0.2, "rate_limit", retried=True),
            *both(0.17),
        ),
        case(
            "R3-auth",
            "provider refuses the key",
            f"{FIRST} answers 30 % with 401",
            failing(0.3, "auth"),
            *both(0.3),
            also=(LLM_BURN,),
        ),
        case(
            "R3-outage",
            "provider outage",
            f"{FIRST} answers 60 % with 503",
            failing(0.6, "provider"),
            page(LLM, "operations", share(0.05, 0.6)),
            outage,
            also=(names.burn_alert("agent-fleet", "action-success"),),
        ),
    )


def _compliance() -> tuple[Case, ...]:
    def breach(action: ComplianceAction) -> tuple[Act, ...]:
        def change(wrong: Trouble) -> None:
            wrong.work.breaches = [(NEVER_SEEN_RULE, action)]

        return (Act(0.0, change),)

    def lose(wrong: Trouble) -> None:
        wrong.work.audit_lost = 3

    alert = page("ComplianceViolationDetected", "legal-compliance", 0.0)
    return (
        case(
            "R4",
            "compliance violation",
            f"one breach of {NEVER_SEEN_RULE}, never broken before",
            breach(ComplianceAction.PAUSED),
            alert,
        ),
        case(
            "R4-logged",
            "violation that nothing stopped",
            "the same, logged and nothing more",
            breach(ComplianceAction.LOGGED),
            alert,
            page("ViolatingAgentNotPaused", "operations", 0.0),
        ),
        case(
            "R4-audit",
            "audit records missing",
            "three numbers of one agent's audit records are missing",
            lose,
            ticket("AuditGap", "legal-compliance", 0.0),
        ),
    )
