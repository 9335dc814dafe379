"""What must not fire: everyday things that a naive rule takes for an incident."""

from __future__ import annotations

from dataclasses import replace

from alerts.gameday.fleet.topology import TEAMS
from alerts.gameday.virtual.cases import (
    HOURS,
    MINUTE,
    Case,
    case,
    everybody,
    one_by_one,
    workers,
)
from alerts.gameday.virtual.matrix_runbook import FIRST
from alerts.gameday.virtual.play import FULL_TRAFFIC
from alerts.gameday.virtual.trouble import Act, Trouble


def cases() -> tuple[Case, ...]:
    """Nobody may be told of any of these."""
    return (*_agents(), *_work())


def _agents() -> tuple[Case, ...]:
    def miss(wrong: Trouble) -> None:
        wrong.agents.lost_beats = everybody()

    def drain(wrong: Trouble) -> None:
        wrong.agents.draining = {
            *(key for team in TEAMS for key in workers(1, team)),
            *(f"remediation-agent-{number}" for number in (1, 2)),
            *("policy-agent-1", "supervisor-ops", "orchestrator-2"),
        }

    def restart(wrong: Trouble, key: str) -> None:
        wrong.agents.restarted = {key}

    def think(wrong: Trouble) -> None:
        wrong.agents.busy = workers(1, "research")

    pool = {key for team in TEAMS for key in workers(10, team)}
    return (
        case("N-heartbeat", "one lost heartbeat", "every agent misses one heartbeat", miss),
        case("N-drain", "planned drain", "nine agents are drained, the standby among them", drain),
        case(
            "N-deploy",
            "rolling deployment",
            "all 40 workers are replaced, one a minute",
            one_by_one(pool, MINUTE, restart),
            lasts=50 * MINUTE,
        ),
        case(
            "N-day",
            "from night to morning",
            "the work of the night doubles until six in the morning",
            (),
            lasts=5.75 * HOURS,
            traffic=replace(FULL_TRAFFIC, swing=0.5, latency_scale=0.5),
        ),
        case("N-long", "a long run", "a run of three hours is still open", think, lasts=3 * HOURS),
    )


def _work() -> tuple[Case, ...]:
    def blip(wrong: Trouble) -> None:
        wrong.work.failing = {f"worker-{team}": 0.5 for team in TEAMS}

    def over(wrong: Trouble) -> None:
        wrong.work.failing = {}

    def skew(wrong: Trouble) -> None:
        wrong.pipeline.ahead = 1 / 150

    def approvals(wrong: Trouble) -> None:
        wrong.work.deferred = 0.5

    def filters(wrong: Trouble) -> None:
        wrong.work.providers = {FIRST: (0.3, "content_filter")}

    def erase(wrong: Trouble) -> None:
        wrong.work.erasures = 20

    def little(wrong: Trouble) -> None:
        wrong.work.failing = {"worker-research": 0.006}

    return (
        case(
            "N-blip",
            "a blip of a minute",
            "half of all actions fail for one minute",
            (Act(0.0, blip), Act(MINUTE, over)),
        ),
        case("N-clock", "one clock ahead", "the clock of one small agent is 90 s ahead", skew),
        case(
            "N-approval", "approvals pending", "half of the actions wait for an approval", approvals
        ),
        case("N-filter", "content filters", "a provider refuses 30 % of the prompts", filters),
        case("N-erasure", "an erasure job", "20 data subjects are erased at once", erase),
        case(
            "N-0.9",
            "within the budget",
            "0.9 of 100 actions of one class fail",
            little,
            lasts=2 * HOURS,
        ),
    )
