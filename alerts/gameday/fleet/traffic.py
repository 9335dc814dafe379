"""How much work arrives and how long it takes: seeded, so that a run can be repeated.

Arrivals are Poisson, latencies log-normal, errors independent. Every stream of random
numbers has its own name and its own generator, so that one more draw in one place moves
nothing anywhere else.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, replace
from typing import Final

from alerts.gameday.fleet.topology import TEAMS

DAY_SECONDS: Final = 86_400.0
LONG: Final = 0.0003
"""Share of tasks that take hours, in a lifelike fleet."""
_WORKDAYS: Final = 5
_LONG_SECONDS: Final = (600.0, 10_800.0)


@dataclass(frozen=True, slots=True)
class LogNormal:
    """A log-normal latency: half of the draws lie below `median`, in seconds, above 0."""

    median: float
    sigma: float

    def mean(self) -> float:
        """The expected value in seconds."""
        return self.median * math.exp(self.sigma**2 / 2)

    def draw(self, rng: random.Random) -> float:
        """One latency in seconds."""
        return rng.lognormvariate(math.log(self.median), self.sigma)


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """The load and the everyday failures of a healthy fleet.

    Attributes:
        tasks_per_second: Over all teams, in equal shares.
        latency_scale: Factor on the latencies of models and tools. 1 is lifelike; a small
            fleet takes a smaller one, so that the same arrivals keep it as busy.
        rare_scale: Factor on the rates of rare events (remediations, deployments), so
            that a fleet which lives for two minutes has had some.
        personal: Share of tasks that speak of a person; `rare_scale` is a factor on it.
        bulky: Share of calls to models whose answer is kept whole, and long.
        swing: How far the arrivals are below their mean at midnight UTC, and above it at noon;
            a share of the mean.
        weekend: Factor on the arrivals of Saturday and Sunday.
        long: Share of tasks that take from ten minutes to three hours.
        pace: How many seconds of the fleet's week, and of its long runs, go by in one second.
            1 is lifelike; a fleet in real time takes more, so that it has a night.
        action_failure: Share of actions that fail on a good day; likewise the others.
    """

    seed: int = 20
    tasks_per_second: float = 4.0
    actions_per_task: int = 3
    llm_calls_per_task: int = 2
    latency_scale: float = 1.0
    rare_scale: float = 1.0
    llm: LogNormal = LogNormal(1.9, 0.95)
    tool: LogNormal = LogNormal(0.3, 0.8)
    policy: LogNormal = LogNormal(0.004, 0.98)
    remediation: LogNormal = LogNormal(12.0, 0.5)
    input_tokens: LogNormal = LogNormal(1800.0, 1.0)
    output_tokens: LogNormal = LogNormal(250.0, 0.8)
    action_failure: float = 0.003
    llm_failure: float = 0.005
    heartbeat_loss: float = 0.002
    remediations_per_hour: float = 6.0
    deployments_per_day: float = 8.0
    rollback: float = 0.003
    personal: float = 0.005
    bulky: float = 0.02
    swing: float = 0.0
    weekend: float = 1.0
    long: float = LONG
    pace: float = 1.0

    def seeded(self, seed: int) -> Traffic:
        """The same model with other random numbers."""
        return replace(self, seed=seed)

    def stream(self, name: str) -> random.Random:
        """The random numbers of `name`: the same for the same seed."""
        return random.Random(f"{self.seed}/{name}")  # noqa: S311 - a simulation

    def arrivals(self, seconds: float) -> float:
        """Tasks a second over all teams, so many seconds after the midnight of a Monday, UTC."""
        seconds *= self.pace
        day = math.cos(2 * math.pi * seconds / DAY_SECONDS)
        rest = self.weekend if seconds // DAY_SECONDS % 7 >= _WORKDAYS else 1.0
        return self.tasks_per_second * (1 - self.swing * day) * rest

    def long_seconds(self, drawn: float) -> float:
        """How long a long run takes, at this pace.

        Args:
            drawn: Evenly from 0 to 1.

        Source: the bounded Pareto distribution with exponent 1, by inversion.
        """
        least, most = _LONG_SECONDS
        return 1 / (1 / least - drawn * (1 / least - 1 / most)) / self.pace

    def pause(self, rng: random.Random) -> float:
        """For how many seconds a task is away at a long run; 0 for nearly all of them."""
        return self.long_seconds(rng.random()) if rng.random() < self.long else 0.0

    def speaks_of_a_person(self, rng: random.Random) -> bool:
        """Whether a task does."""
        return rng.random() < min(1.0, self.personal * self.rare_scale)

    def service_seconds(self) -> float:
        """How long a worker is busy with one task, on average."""
        calls = self.llm_calls_per_task * self.llm.mean()
        tools = self.actions_per_task * (self.tool.mean() + self.policy.mean())
        return (calls + tools) * self.latency_scale

    def busy(self, workers_per_team: int) -> float:
        """Share of the time that a worker is busy; at 1 the queues grow without end."""
        per_team = self.tasks_per_second / len(TEAMS)
        return per_team * self.service_seconds() / workers_per_team
