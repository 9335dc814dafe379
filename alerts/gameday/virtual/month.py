"""Thirty days of the fleet: what happens on which day, and what must come of it.

June 2026 begins on a Monday and has thirty days: the calendar's month and the last thirty days
end together. Work follows the day and rests on weekends. Whatever is not told
of here is a quiet day, on which nobody may be woken.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from alerts.gameday.faults import FAILING, NEVER_SEEN_RULE
from alerts.gameday.fleet.topology import TEAMS, Topology
from alerts.gameday.scenarios import share
from alerts.gameday.virtual.budgets import BEFORE_MIDNIGHT_SECONDS
from alerts.gameday.virtual.cases import HOURS, MINUTE, Case, case, page, ticket, workers
from alerts.gameday.virtual.matrix_budgets import ACTIONS, EVERYDAY
from alerts.gameday.virtual.matrix_failures import CONTENTION
from alerts.gameday.virtual.matrix_runbook import FIRST, LLM, LLM_BURN
from alerts.gameday.virtual.play import FULL_TRAFFIC, Script
from alerts.gameday.virtual.trouble import Act, Trouble
from collectors.instrument import ComplianceAction
from slo import names

BEGIN: Final = 1_780_272_000
"""Monday, 1 June 2026, 00:00 UTC."""
DAY: Final = 24 * HOURS
DAYS: Final = 30
FLEET: Final = Topology(workers_per_team=10, worker_processes=1)
TRAFFIC: Final = replace(FULL_TRAFFIC, swing=0.5, weekend=0.4, latency_scale=0.35)
"""At noon a pool is as busy as it is all day without the swing."""
SCRAPE_SECONDS: Final = 30
_AFTER: Final = 30 * MINUTE
"""What was mended may still be told of for so long."""
_WRONG: Final = "worker-compliance"
"""Whose agents a new policy stops."""


@dataclass(frozen=True, slots=True)
class Tale:
    """A story: what happens to a fleet, told in chapters.

    Attributes:
        script: All of it.
        chapters: In order of time; none begins before the last one has come to rest. The last
            one lasts to the end.
    """

    name: str
    title: str
    script: Script
    chapters: tuple[Case, ...]


def month() -> Tale:
    """Thirty days with six incidents, a planned maintenance, and quiet between them."""
    chapters = (
        _outage(),
        _slow_burn(),
        _rollout(),
        _maintenance(),
        _breach(),
        _collector(),
        _contention(),
        _quiet(),
    )
    return tale("month", "thirty days of a fleet", chapters, DAYS * DAY)


def tale(name: str, title: str, chapters: Sequence[Case], seconds: float) -> Tale:
    """A story of so many seconds from the first of June on; `chapters` say when they begin."""
    acts = [
        Act(each.script.baseline_seconds + act.seconds, act.change)
        for each in chapters
        for act in each.script.acts
    ]
    acts.append(Act(seconds - BEFORE_MIDNIGHT_SECONDS, _look))
    whole = Script(tuple(acts), seconds, 0.0, TRAFFIC, BEGIN, SCRAPE_SECONDS, FLEET)
    placed = tuple(
        replace(each, script=replace(each.script, begin=BEGIN, scrape_seconds=SCRAPE_SECONDS))
        for each in chapters
    )
    return Tale(name, title, whole, placed)


def _look(wrong: Trouble) -> None:
    """Nothing changes: the books are closed here, where the calendar's month is looked at."""
    del wrong


def _at(day: int, hour: float) -> float:
    """Seconds of the story; the first day of the month is 1."""
    return (day - 1) * DAY + hour * HOURS


def _outage() -> Case:
    def fail(wrong: Trouble) -> None:
        wrong.work.providers = {FIRST: (0.6, "provider")}

    def mend(wrong: Trouble) -> None:
        wrong.work.providers = {}

    return case(
        "day-4",
        "provider outage",
        f"4 June, 10:00: {FIRST} answers 60 % with 503 for 40 minutes",
        (Act(0.0, fail), Act(40 * MINUTE, mend)),
        page(LLM, "operations", share(0.05, 0.6)),
        page(LLM_BURN, "operations", share(0.25, 0.6), slo_tier="outage"),
        also=(ACTIONS, LLM_BURN),
        lasts=40 * MINUTE + _AFTER,
        baseline=_at(4, 10),
    )


def _slow_burn() -> Case:
    def fail(wrong: Trouble) -> None:
        wrong.work.evenly = True
        wrong.work.failing = {FAILING: 0.013}

    def mend(wrong: Trouble) -> None:
        wrong.work.evenly = False
        wrong.work.failing = {}

    return case(
        "day-9",
        "slow burn",
        f"9 to 12 June: 1.3 of 100 actions of every {FAILING} fail by its own fault",
        (Act(0.0, fail), Act(3 * DAY, mend)),
        ticket(ACTIONS, "core-engineering", share(0.012 - EVERYDAY, 0.013), slo_tier="ticket"),
        lasts=3 * DAY + _AFTER,
        baseline=_at(9, 6),
    )


def _rollout() -> Case:
    def roll_out(wrong: Trouble) -> None:
        wrong.work.failing = {_WRONG: 0.9}
        wrong.work.policy_factor = 60.0

    def take_back(wrong: Trouble) -> None:
        wrong.work.failing = {}
        wrong.work.policy_factor = 1.0
        wrong.automation.rollbacks = 1

    return case(
        "day-17",
        "policy rollout gone wrong",
        f"17 June, 10:00: a new policy stops nine of ten actions of every {_WRONG}, and is slow; "
        "taken back after five hours",
        (Act(0.0, roll_out), Act(5 * HOURS, take_back)),
        page("PolicyEvaluationSlow", "core-engineering", 15.0),
        page(ACTIONS, "core-engineering", share(0.25, 0.9), slo_tier="outage"),
        also=(ACTIONS,),
        lasts=5 * HOURS + _AFTER,
        baseline=_at(17, 10),
    )


def _maintenance() -> Case:
    def drain(wrong: Trouble) -> None:
        wrong.agents.draining = {key for team in TEAMS for key in workers(5, team)}

    def back(wrong: Trouble) -> None:
        wrong.agents.draining = set()

    return case(
        "day-20",
        "planned maintenance",
        "20 June, 22:00: half of the workers are drained for two hours, on a Saturday night",
        (Act(0.0, drain), Act(2 * HOURS, back)),
        lasts=2 * HOURS + _AFTER,
        baseline=_at(20, 22),
    )


def _breach() -> Case:
    def breach(wrong: Trouble) -> None:
        wrong.work.breaches = [(NEVER_SEEN_RULE, ComplianceAction.PAUSED)]

    return case(
        "day-24",
        "compliance violation",
        f"24 June, 03:00: one breach of {NEVER_SEEN_RULE}, never broken before",
        breach,
        page("ComplianceViolationDetected", "legal-compliance", 0.0),
        lasts=_AFTER,
        baseline=_at(24, 3),
    )


def _collector() -> Case:
    def down(wrong: Trouble) -> None:
        wrong.pipeline.down = True

    def back(wrong: Trouble) -> None:
        wrong.pipeline.down = False

    return case(
        "day-26",
        "collector down",
        "26 June, 15:00: the collector is down for ten minutes, then replays its disk",
        (Act(0.0, down), Act(10 * MINUTE, back)),
        page("CollectorDown", "platform", 0.0),
        also=("TelemetryMissing", "IngestStalled", names.SIGNAL_LOST),
        lasts=10 * MINUTE + _AFTER,
        baseline=_at(26, 15),
    )


def _contention() -> Case:
    def reject(wrong: Trouble) -> None:
        wrong.work.rejects = 4.0

    def mend(wrong: Trouble) -> None:
        wrong.work.rejects = 0.0

    return case(
        "day-28",
        "scheduler turns requests down",
        "28 June, 08:00: four requests a minute for the GPU pool are turned down for three hours",
        (Act(0.0, reject), Act(3 * HOURS, mend)),
        page("ResourceExhaustion", "platform", 80.0),
        page(CONTENTION, "platform", 150.0, slo_tier="outage"),
        also=(CONTENTION,),
        lasts=3 * HOURS + _AFTER,
        baseline=_at(28, 8),
    )


def _quiet() -> Case:
    begins = _at(29, 0)
    return case(
        "quiet",
        "quiet days",
        "all other days: lost heartbeats, everyday failures, long runs, nights and weekends",
        (),
        lasts=DAYS * DAY - begins,
        baseline=begins,
    )


TALES: Final[Mapping[str, Callable[[], Tale]]] = {"month": month}
"""The stories by name."""
