"""What can be broken in the fleet, and how: data, from the guide and the runbook."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol

from alerts.gameday.fleet.crew import Crew
from alerts.gameday.fleet.frames import Body, Json
from alerts.gameday.fleet.topology import LLM, PLATFORM, TEAMS, Role, Topology

NEVER_SEEN_RULE: Final = "model-weights-export"
FAILING: Final = "worker-research"
SILENT: Final = "worker-data-1"
AHEAD_SECONDS: Final = 90.0


@dataclass(frozen=True, slots=True)
class Command:
    """Tell processes what goes wrong.

    Attributes:
        processes: Names, or a name's beginning followed by ``*``.
        words: What belongs to the command.
    """

    processes: tuple[str, ...]
    do: str
    words: tuple[tuple[str, Json], ...] = ()


@dataclass(frozen=True, slots=True)
class Kill:
    """Kill a process, as a crash would."""

    process: str


@dataclass(frozen=True, slots=True)
class Outage:
    """Kill the collector, as a crash would; it stays down until it is healed."""


@dataclass(frozen=True, slots=True)
class Stall:
    """The destination of traces takes nothing, until it is healed."""


Step = Command | Kill | Outage | Stall


class Stage(Protocol):
    """What can be broken beside the fleet."""

    def kill_collector(self) -> None:
        """End it without warning."""
        ...

    def start_collector(self) -> None:
        """Start it again, on what it left behind; raises ServerError."""
        ...

    def close_destination(self) -> None:
        """Let it take nothing."""
        ...

    def open_destination(self) -> None:
        """Let it take everything again."""
        ...


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that breaks.

    Attributes:
        id: ``R1``; what `sloctl gameday` is asked for, lower or upper case.
        injection: What is done to the fleet, in words.
        limits_series: The collector must hold the series of each metric within limits.
    """

    id: str
    title: str
    injection: str
    steps: tuple[Step, ...]
    limits_series: bool = False

    @property
    def needs_stage(self) -> bool:
        """Whether it breaks more than the fleet."""
        return Outage() in self.steps or self.needs_destination

    @property
    def needs_destination(self) -> bool:
        """Whether the collector must send traces to somebody."""
        return Stall() in self.steps


def inject(fault: Fault, crew: Crew, stage: Stage | None = None) -> None:
    """Break it, now.

    Raises:
        ValueError: It breaks more than the fleet, and there is no stage.
    """
    for step in fault.steps:
        match step:
            case Outage():
                _needed(stage, fault).kill_collector()
            case Stall():
                _needed(stage, fault).close_destination()
            case Kill(process):
                crew.kill(process)
            case Command(processes, do, words):
                command: Body = {"do": do, **dict(words)}
                crew.command(_matching(crew, processes), command)


def _needed(stage: Stage | None, fault: Fault) -> Stage:
    if stage is None:
        msg = f"{fault.id} breaks more than the fleet, which only a stack of its own allows"
        raise ValueError(msg)
    return stage


def heal(fault: Fault, crew: Crew, stage: Stage | None = None) -> None:
    """Undo what `inject` did."""
    if stage is not None:
        if Outage() in fault.steps:
            stage.start_collector()
        if fault.needs_destination:
            stage.open_destination()
    crew.command(crew.names(), {"do": "heal"})
    for step in fault.steps:
        if isinstance(step, Kill):
            crew.restart(step.process)


def _matching(crew: Crew, patterns: tuple[str, ...]) -> list[str]:
    return [
        name
        for name in crew.names()
        for pattern in patterns
        if name == pattern or (pattern.endswith("*") and name.startswith(pattern[:-1]))
    ]


def _wedge_all_but(topology: Topology, left: int) -> Fault:
    """Most of the workers of every team hold their message and do nothing."""
    wedged: list[Json] = [
        spec.key for spec in topology.agents() if spec.role is Role.WORKER and spec.index > left
    ]
    return Fault(
        "R2",
        "workers wedged",
        f"of {topology.workers_per_team} workers of each team, {left} still work",
        (Command(("workers-*",), "wedge", (("agents", wedged),)),),
    )


def action_failure(percent: int) -> Fault:
    """The actions of one class of workers fail by the agents' own fault."""
    return Fault(
        f"M2-{percent}",
        f"{percent} % of actions fail",
        f"{percent} of 100 actions of every {FAILING} fail, attributed to the agent",
        (Command(("workers-*",), "fail-actions", (("name", FAILING), ("share", percent / 100))),),
    )


def compliance() -> Fault:
    """One violation of a rule that no series has spoken of before."""
    return Fault(
        "R4",
        "compliance violation",
        f"one worker breaks the rule {NEVER_SEEN_RULE}, which was never broken before",
        (
            Command(
                ("workers-1",),
                "breach",
                (("rule", NEVER_SEEN_RULE), ("severity", "critical")),
            ),
        ),
    )


def _llm(identity: str, title: str, percent: int, status: int) -> Fault:
    return Fault(
        identity,
        title,
        f"provider-a answers {percent} % of its calls with HTTP {status}",
        (
            Command(
                (LLM,),
                "llm-errors",
                (("provider", "provider-a"), ("share", percent / 100), ("status", status)),
            ),
        ),
    )


def all_faults(topology: Topology) -> tuple[Fault, ...]:
    """Every fault that a fleet of this shape can have."""
    burns = tuple(action_failure(percent) for percent in (5, 20, 100))
    return (*_runbook(topology), *_failures(topology), *burns, *_pipeline())


def _pipeline() -> tuple[Fault, ...]:
    """The telemetry itself."""
    return (
        Fault("S-collector", "collector down", "the collector is killed", (Outage(),)),
        Fault(
            "M7-stall", "ingestion stalled", "the destination of traces takes nothing", (Stall(),)
        ),
        Fault(
            "S-cardinality",
            "too many label sets",
            f"{SILENT} puts the id of each run into an attribute of its counters",
            (Command(("workers-*",), "name-runs", (("agents", [SILENT]),)),),
            limits_series=True,
        ),
        Fault(
            "S-clock",
            "clocks disagree",
            f"the clock of half of the workers is {AHEAD_SECONDS:.0f} s ahead from now on",
            (Command(("workers-1",), "skew", (("seconds", AHEAD_SECONDS),)),),
        ),
    )


def _runbook(topology: Topology) -> tuple[Fault, ...]:
    """The runbook's four incidents and their variants."""
    surge = (("team", TEAMS[0]), ("factor", 6.0))
    return (
        Fault(
            "R1",
            "orchestrator down",
            "the standby's way to the lease is shut, then the leader is killed",
            (Command(("orchestrator-2",), "block"), Kill("orchestrator-1")),
        ),
        _wedge_all_but(topology, max(1, topology.workers_per_team // 3)),
        Fault(
            "R2b",
            "arrivals surge",
            f"six times the tasks for the team {TEAMS[0]}, its workers healthy",
            (Command(("orchestrator-*",), "arrivals", surge),),
        ),
        _llm("R3", "provider rate limits", 30, 429),
        _llm("R3-auth", "provider refuses the key", 30, 401),
        _llm("R3-outage", "provider outage", 60, 503),
        compliance(),
    )


def _failures(topology: Topology) -> tuple[Fault, ...]:
    """The guide's failure modes."""
    workers = [spec for spec in topology.agents() if spec.role is Role.WORKER]
    deaf: list[Json] = [spec.key for spec in workers[:10]]
    return (
        Fault(
            "F1",
            "split brain",
            "both orchestrators act as leader, without the lease",
            (Command(("orchestrator-*",), "unfence"),),
        ),
        Fault(
            "F2",
            "oscillation",
            "two remediation agents set the same replica count to 4 and to 6, in turns",
            (Command(("guards",), "oscillate"),),
        ),
        Fault(
            "F3",
            "resource exhaustion",
            "the scheduler turns down four requests a minute for the GPU pool",
            (Command((PLATFORM,), "reject", (("per_minute", 4.0),)),),
        ),
        Fault(
            "F4",
            "stale policy",
            f"{len(deaf)} workers ignore the invalidation of a new policy revision",
            (
                Command(("workers-*",), "deafen", (("agents", deaf),)),
                Command((PLATFORM,), "publish-policy"),
            ),
        ),
        Fault(
            "F5",
            "agent silent",
            f"the credential of {SILENT} expires, its heartbeats do not get through",
            (Command(("workers-*",), "mute", (("agents", [SILENT]),)),),
        ),
        Fault(
            "X-loop",
            "agent in circles",
            f"{SILENT} repeats one call of a tool in every task",
            (Command(("workers-*",), "loop", (("agents", [SILENT]),)),),
        ),
    )
