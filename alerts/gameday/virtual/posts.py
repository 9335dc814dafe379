"""Who counts in the virtual fleet: a resource for each class of agents in each process."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from alerts.gameday.fleet import repertoire
from alerts.gameday.fleet.topology import AgentSpec, ProcessSpec, Topology
from alerts.gameday.virtual.meter import Values, VirtualMeter
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

    @property
    def name(self) -> str:
        """The class of its agents."""
        return self.resource[prometheus_label("service.name")]


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
