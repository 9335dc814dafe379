"""The guide's failure modes F1 to F5, and what belongs to them, in virtual time."""

from __future__ import annotations

from typing import Final

from alerts.gameday.scenarios import TICK, share
from alerts.gameday.virtual.cases import HOURS, MINUTE, Case, case, page, ticket, workers
from alerts.gameday.virtual.matrix_runbook import AVAILABILITY
from alerts.gameday.virtual.trouble import Act, Trouble
from collectors.instrument import Dependency
from slo import names

CONFLICTS: Final = names.burn_alert("agent-fleet", "action-conflicts")
CONTENTION: Final = names.burn_alert("agent-fleet", "resource-contention")


def cases() -> tuple[Case, ...]:
    """F1 to F5, loops and dependencies."""
    return (*_coordination(), *_shortages(), *_silence(), *_credentials())


def _coordination() -> tuple[Case, ...]:
    def split(wrong: Trouble) -> None:
        wrong.agents.extra_leaders = 1
        wrong.work.conflicts = 3.0

    def collide(wrong: Trouble) -> None:
        wrong.work.conflicts = 600.0

    def oscillate(wrong: Trouble) -> None:
        wrong.work.reversals = 1.0

    core = "core-engineering"
    return (
        case(
            "F1",
            "split brain",
            "both orchestrators act as leader, 3 double actions a minute",
            split,
            page("SplitBrain", core, TICK),
            page("ActionConflicts", core, 2 * MINUTE),
            page(CONFLICTS, core, share(0.002, 0.0025), slo_tier="page"),
            held_back=("ActionConflicts", f"{CONFLICTS} page"),
            lasts=25 * MINUTE,
        ),
        case(
            "M4",
            "conflicting actions",
            "ten actions a second clash with another",
            collide,
            page("ActionConflicts", core, 8.0),
            page(CONFLICTS, core, share(0.25, 0.5), slo_tier="outage"),
        ),
        case(
            "F2",
            "oscillation",
            "two agents flip the same replica count, one reversal a minute",
            oscillate,
            page("Oscillation", core, 3 * MINUTE),
        ),
    )


def _shortages() -> tuple[Case, ...]:
    def reject(wrong: Trouble) -> None:
        wrong.work.rejects = 4.0

    def reject_seldom(wrong: Trouble) -> None:
        wrong.work.rejects = 0.22

    def deafen(wrong: Trouble) -> None:
        wrong.agents.deaf = workers(10, "ops")

    def loop(wrong: Trouble) -> None:
        wrong.work.loops = 1.0

    return (
        case(
            "F3",
            "resource exhaustion",
            "the scheduler turns down four requests a minute for the GPU pool",
            reject,
            page("ResourceExhaustion", "platform", 80.0),
            page(CONTENTION, "platform", 150.0, slo_tier="outage"),
        ),
        case(
            "F3-slow",
            "resource contention",
            "the scheduler turns down a request for the GPU pool every four and a half minutes",
            reject_seldom,
            # The first after that time; from then on every 5 minutes have seen one.
            page(CONTENTION, "platform", 285.0, slo_tier="page"),
            also=(CONTENTION,),
            lasts=25 * MINUTE,
        ),
        case(
            "F4",
            "stale policy",
            "10 workers ignore the invalidation of a new revision",
            deafen,
            ticket("StalePolicy", "core-engineering", 0.0),
        ),
        case(
            "X-loop",
            "agents in circles",
            "one run a minute repeats the same step",
            loop,
            ticket("AgentLooping", "ai-ml", 3 * MINUTE),
        ),
    )


def _silence() -> tuple[Case, ...]:
    def mute(count: int) -> tuple[Act, ...]:
        def change(wrong: Trouble) -> None:
            wrong.agents.muted = workers(count, "data")

        return (Act(0.0, change),)

    def again(wrong: Trouble) -> None:
        wrong.agents.restarted = {"worker-ops-1"}

    def down(wrong: Trouble) -> None:
        wrong.work.stores_down = {Dependency.STATE_STORE}

    silent = ticket("AgentSilent", "operations", 3 * TICK)
    return (
        case(
            "F5",
            "agent silent",
            "the heartbeats of one worker do not get through",
            mute(1),
            silent,
            also=(AVAILABILITY,),
        ),
        case(
            "F5-class",
            "a class falls silent",
            "the heartbeats of three of ten workers do not get through",
            mute(3),
            silent,
            page("AgentClassSilent", "operations", 3 * TICK),
            also=(AVAILABILITY,),
        ),
        case(
            "F5-restart",
            "restarts again and again",
            "one worker comes back as a new process every minute",
            tuple(Act(n * MINUTE, again) for n in range(12)),
            ticket("AgentRestarts", "operations", 5 * MINUTE),
        ),
        case(
            "R1-store",
            "state store down",
            "nobody can reach the state store",
            down,
            page("DependencyDown", "platform", 0.0),
        ),
    )


def _credentials() -> tuple[Case, ...]:
    def left(seconds: float) -> tuple[Act, ...]:
        def change(wrong: Trouble) -> None:
            wrong.agents.credential_seconds = {"worker-data": seconds}

        return (Act(0.0, change),)

    expiring = ticket("CredentialExpiring", "operations", 0.0)
    return (
        case(
            "F5-token",
            "credential expires soon",
            "a class's token has two days left",
            left(48 * HOURS),
            expiring,
        ),
        case(
            "F5-expired",
            "credential expires now",
            "a class's token has half an hour left",
            left(0.5 * HOURS),
            page("CredentialExpired", "operations", 0.0),
            expiring,
        ),
    )
