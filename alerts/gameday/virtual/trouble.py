"""What is wrong at the moment in the virtual fleet: plain levels that a script changes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from collectors.instrument import ComplianceAction, Dependency

HOUR: Final = 3_600.0


@dataclass(slots=True)
class Agents:
    """Of agents, by their keys (``worker-data-1``) unless it says otherwise.

    Attributes:
        lost_beats: One heartbeat of each gets lost, at the next tick only.
        restarted: They come back as new processes, at the next tick only.
        killed: Gone without a word: no heartbeats, and what they counted is gone too.
        wedged: They hold what they took and do nothing.
        busy: They are at one long run, and well.
    """

    lost_beats: set[str] = field(default_factory=set)
    muted: set[str] = field(default_factory=set)
    draining: set[str] = field(default_factory=set)
    unhealthy: set[str] = field(default_factory=set)
    restarted: set[str] = field(default_factory=set)
    killed: set[str] = field(default_factory=set)
    wedged: set[str] = field(default_factory=set)
    busy: set[str] = field(default_factory=set)
    deaf: set[str] = field(default_factory=set)
    credential_seconds: dict[str, float] = field(default_factory=dict)
    extra_leaders: int = 0


@dataclass(slots=True)
class Work:
    """Of actions and what they need.

    Attributes:
        failing: Share of actions of a class that fail by the agent's own fault.
        evenly: Actions and calls to models fail at equal distances, as with a dependency that
            breaks every fortieth call, and not by chance.
        deferred: Share of actions that wait for an approval.
        providers: Share of requests to a provider that fail, and with which result.
        retried: The official clients retry, so that operations succeed all the same.
        conflicts, reversals, rejects, loops: So many a minute.
    """

    arrivals: dict[str, float] = field(default_factory=dict)
    failing: dict[str, float] = field(default_factory=dict)
    evenly: bool = False
    deferred: float = 0.0
    providers: dict[str, tuple[float, str]] = field(default_factory=dict)
    retried: bool = False
    conflicts: float = 0.0
    reversals: float = 0.0
    rejects: float = 0.0
    loops: float = 0.0
    policy_factor: float = 1.0
    stores_down: set[Dependency] = field(default_factory=set)
    breaches: list[tuple[str, ComplianceAction]] = field(default_factory=list)
    audit_lost: int = 0
    erasures: int = 0


@dataclass(slots=True)
class Automation:
    """Of remediations and deployments, an hour.

    Attributes:
        failing, harmful, unreviewed: Shares of the remediations.
        needless: So many past remediations are judged not to have been needed, at the next tick.
        factor: How much longer a remediation takes.
    """

    remediations: float = 6.0
    failing: float = 0.0
    harmful: float = 0.0
    unreviewed: float = 0.0
    needless: int = 0
    factor: float = 1.0
    rollbacks: int = 0


@dataclass(slots=True)
class Pipeline:
    """Of the collector, and of Prometheus itself.

    Attributes:
        down: Nobody answers a scrape; what agents count goes on.
        stuck: The destination takes nothing; the outbox grows old.
        late: Share of items that are 20 s late.
        refused: Share of items refused; likewise `ahead` of the clock.
        dead_lettered: Items a minute.
        colliding: Two processes send the same series.
        shedding: Bad events that the sampler leaves out, by the minute.
        hidden: Beginnings of the names of metrics that do not arrive.
    """

    down: bool = False
    lag_seconds: float = 0.3
    late: float = 0.0
    stuck: bool = False
    refused: float = 0.0
    ahead: float = 0.0
    dead_lettered: float = 0.0
    imbalance: int = 0
    overflowing: bool = False
    colliding: bool = False
    shedding: float = 0.0
    hidden: tuple[str, ...] = ()
    rules_failing: float = 0.0
    rules_missed: float = 0.0


@dataclass(slots=True)
class Trouble:
    """Everything that can be wrong; nothing is at first."""

    agents: Agents = field(default_factory=Agents)
    work: Work = field(default_factory=Work)
    automation: Automation = field(default_factory=Automation)
    pipeline: Pipeline = field(default_factory=Pipeline)


Change: TypeAlias = Callable[[Trouble], None]


@dataclass(frozen=True, slots=True)
class Act:
    """At `seconds` after the injection, below 0 before it, `change` what is wrong."""

    seconds: float
    change: Change
