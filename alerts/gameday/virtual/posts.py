"""Who counts in the virtual fleet: a resource for each class of agents in each process."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from alerts.gameday.fleet import repertoire
from alerts.gameday.fleet.topology import AgentSpec, ProcessSpec, Topology
from alerts.gameday.virtual.meter import Key, Numbers, Steps, Values, VirtualMeter
from collectors.instrument import Identity, Speaks
from collectors.instrument.instruments import Instruments
from slo.catalog import Source, prometheus_label

JOB: Final = "fleetslo-agents"


@dataclass(frozen=True, slots=True)
class Post:
    """Agents of one class in one process: they count together.

    Attributes:
        resource: Labels that every series of it carries.
    """

    agents: tuple[AgentSpec, ...]
    values: Values
    instruments: Instruments
    resource: Mapping[str, str]
    _known: dict[Key, Key] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The class of its agents."""
        return self.resource[prometheus_label("service.name")]

    def count(
        self, name: str, amounts: Steps | Numbers, labels: Mapping[str, str] | None = None
    ) -> None:
        """Add to a counter what each step adds; the instruments say which series that is."""
        if not amounts.any():
            return
        labels = labels or {}
        given = (name, tuple(labels.items()))
        if given not in self._known:
            self.instruments.add(name, 0, labels)
            self._known[given] = self.values.told
        self.values.add_all(self._known[given], amounts.astype(np.float64))

    def level(self, name: str, levels: Numbers | float, labels: Mapping[str, str]) -> None:
        """Set a level at each step."""
        given = (name, tuple(labels.items()))
        if given not in self._known:
            self.instruments.set(name, 0, labels)
            self._known[given] = self.values.told
        self.values.set_all(self._known[given], levels)

    def observe(self, name: str, at: Steps, values: Numbers, labels: Mapping[str, str]) -> None:
        """Record each of `values` at the step beside it."""
        if not len(at):
            return
        self.values.now = int(at[0])
        self.instruments.record(name, float(values[0]), labels)
        self.values.observe_all(self.values.observed, at[1:], values[1:])


@dataclass(frozen=True, slots=True)
class Posts:
    """All of them, and the platform that observes them."""

    topology: Topology
    platform: Post = field(init=False)
    all: tuple[Post, ...] = field(init=False)
    _named: dict[str, tuple[Post, ...]] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        found = [
            _post(process, name)
            for process in self.topology.processes()
            for name in dict.fromkeys(spec.name for spec in process.agents)
        ]
        platform = _opened((), repertoire.platform_identity(), repertoire.platform_own())
        object.__setattr__(self, "platform", platform)
        object.__setattr__(self, "all", (*found, platform))
        for post in self.all:
            self._named[post.name] = (*self.of(post.name), post)

    def of(self, name: str) -> tuple[Post, ...]:
        """The posts of one class of agents."""
        return self._named.get(name, ())


def _post(process: ProcessSpec, name: str) -> Post:
    agents = tuple(spec for spec in process.agents if spec.name == name)
    return _opened(agents, repertoire.identity(agents[0]), repertoire.speaks(agents[0]))


def _opened(agents: tuple[AgentSpec, ...], identity: Identity, speaks: Speaks) -> Post:
    values = Values()
    instruments = Instruments(VirtualMeter(values), identity.constants())
    instruments.start_at_zero(Source.AGENT, {**speaks.known(), "mas.compliance.rule": ()})
    for rule, severity in speaks.rules.items():
        graded = {"mas.compliance.rule": (rule,), "mas.compliance.severity": (severity.value,)}
        instruments.start_metric_at_zero("mas.compliance.violations", graded)
    resource = {
        "job": JOB,
        "instance": identity.instance_id,
        prometheus_label("service.name"): identity.name,
    }
    return Post(agents, values, instruments, resource)
