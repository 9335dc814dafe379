"""A fleet's metrics, made up from the catalogue: every metric, its labels, at plausible rates.

Nothing here names a panel. A metric that the catalogue gains is in the scenario at once,
so that a panel on it is proven without a change here.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from dashboards.proving.phases import LOST_AGENT
from slo.catalog import Attribute, Instrument, Metric, MetricCatalog, Source, prometheus_label

Labels = tuple[tuple[str, str], ...]

REVISION: Final = "mas_policy_revision"
"""The gauge that rises as the story goes on."""
_AGENTS: Final = (
    ("orchestrator", "orchestrator", "host-1"),
    (LOST_AGENT, "worker", "host-2"),
    ("coder", "worker", "host-2"),
)
"""Name, role and host of every agent."""
_OBSERVER: Final = ("roster", "other", "host-1")
_AGENT_KEY: Final = "gen_ai.agent.name"
_ROLE_KEY: Final = "mas.agent.role"

_OPEN: Final[Mapping[str, tuple[str, ...]]] = {
    "mas.source.agent": ("orchestrator",),
    "mas.target.agent": (LOST_AGENT, "coder"),
    "mas.action.type": ("plan", "tool_call"),
    "pipeline": ("traces",),
    "exporter": ("otlphttp",),
}
"""Values of attributes that the user names; others get one value made of the key."""
_NARROW: Final[Mapping[str, tuple[str, ...]]] = {
    "gen_ai.operation.name": ("chat",),
    "error.type": ("", "rate_limit"),
}
_SHARES: Final[Mapping[str, Mapping[str, float]]] = {
    "mas.check.result": {"pass": 0.9985, "fail": 0.0002, "missed": 0.0003, "drained": 0.001},
    "mas.agent.state": {"healthy": 1.0},
    "mas.action.outcome": {"success": 0.97, "failure": 0.002, "timeout": 0.001},
    "mas.error.attribution": {
        "none": 1.0,
        "agent": 0.3,
        "provider": 0.3,
        "dependency": 0.2,
        "policy": 0.05,
        "infra": 0.1,
        "user": 0.05,
    },
    "mas.remediation.outcome": {"fixed": 0.97, "failed": 0.02, "escalated": 0.01},
    "mas.remediation.verdict": {"correct": 0.9897, "false_positive": 0.0002, "harmful": 0.0001},
    "mas.policy.decision": {"allow": 0.97, "deny": 0.029, "error": 0.001},
    "mas.llm.attempt.result": {"success": 0.995},
    "error.type": {"": 0.997, "rate_limit": 0.003},
    "mas.dependency.state": {"up": 1.0},
    "outcome": {"accepted": 1.0, "delivered": 0.4, "sampled_out": 0.6, "good": 0.999},
}
"""Share of each value of an attribute; what is not named shares `_REST` evenly."""
_REST: Final = 0.002
_STATES: Final = frozenset({"mas.agent.state", "mas.dependency.state"})
"""Attributes of which exactly one value holds: the others are zero."""

_PER_SECOND: Final[Mapping[str, float]] = {
    "mas.agent.action.conflicts": 0.000_5,
    "mas.action.reversals": 0.000_1,
    "mas.agent.loops": 0.000_1,
    "mas.resource.contention.events": 0.0,
    "mas.deployments": 0.02,
    "mas.deployment.rollbacks": 0.000_01,
    "mas.remediation.duration": 0.02,
    "mas.remediations": 0.02,
    "mas.remediation.verdicts": 0.02,
    "mas.compliance.violations": 0.0,
    "mas.audit.records": 8.0,
    "mas.audit.gaps": 0.0,
    "mas.agent.restarts": 0.000_01,
    "process.cpu.time": 0.3,
    "mas.llm.cost": 0.002,
    "mas.dsr.requests": 0.000_1,
    "mas.dsr.duration": 0.000_1,
}
_USUAL_PER_SECOND: Final = 2.0
_LEVELS: Final[Mapping[str, float]] = {
    "mas.policy.revision": 42.0,
    "mas.policy.stale_agent.count": 0.0,
    "mas.queue.depth": 12.0,
    "mas.queue.oldest_message.age": 1.5,
    "mas.credential.time_to_expiry": 2_592_000.0,
    "process.memory.usage": 3.0e8,
    "process.uptime": 86_400.0,
    "fleetslo.items.buffered": 40.0,
    "fleetslo.conservation.imbalance": 0.0,
    "fleetslo.log.bytes": 6.0e7,
    "fleetslo.log.oldest_age": 0.4,
    "fleetslo.sampling.ratio": 0.4,
}
_TYPICAL_SECONDS: Final[Mapping[str, float]] = {
    "mas.remediation.duration": 12.0,
    "mas.policy.evaluation.duration": 0.006,
    "mas.queue.message.wait": 0.2,
    "fleetslo.ingest.lag": 0.5,
    "fleetslo.log.fsync": 0.002,
}
_USUAL_SECONDS: Final = 2.0
_SHAPE: Final = 1.5
"""Shape of the Weibull distribution that durations follow: few near zero, few far out."""


@dataclass(frozen=True, slots=True)
class Series:
    """One series of the scenario.

    Attributes:
        values: Values of its attributes, by which a phase may bend it.
        rate: Per second, of a counter; the level, of a gauge.
        counts: It only grows.
        agent: The agent that reports it; empty for observers and the collector.
        traffic: It stands still when no traffic flows.
        failing: Per second, a further part that grows where the story lets things fail.
    """

    name: str
    labels: Labels
    values: frozenset[str]
    rate: float
    counts: bool
    agent: str
    traffic: bool
    failing: float = 0.0


def series_of(catalog: MetricCatalog) -> Iterator[Series]:
    """Every series of the fleet and of the collector."""
    for metric in catalog.metrics:
        for reporter in _reporters(metric):
            for attributes in _label_sets(metric, reporter):
                yield from _expanded(metric, reporter, attributes)


def _reporters(metric: Metric) -> tuple[tuple[str, str, str], ...]:
    if metric.source is Source.AGENT:
        return _AGENTS
    return (_OBSERVER,)


def _label_sets(metric: Metric, reporter: tuple[str, str, str]) -> Iterator[dict[str, str]]:
    about_agents = metric.source is Source.OBSERVER and any(
        attribute.key == _AGENT_KEY for attribute in metric.attributes
    )
    for who in _AGENTS if about_agents else (reporter,):
        for narrowed in metric.zero or ({},):
            choices = [
                [(attribute.key, value) for value in _choices(attribute, narrowed, who)]
                for attribute in metric.attributes
            ]
            yield from (dict(pairs) for pairs in itertools.product(*choices))


def _choices(
    attribute: Attribute, narrowed: Mapping[str, tuple[str, ...]], who: tuple[str, str, str]
) -> tuple[str, ...]:
    key = attribute.key
    if key in {_AGENT_KEY, _ROLE_KEY}:
        return (who[0],) if key == _AGENT_KEY else (who[1],)
    made_up = (f"{key.rsplit('.', 1)[-1]}-a",)
    return narrowed.get(key) or _NARROW.get(key) or attribute.values or _OPEN.get(key, made_up)


def _expanded(
    metric: Metric, reporter: tuple[str, str, str], attributes: Mapping[str, str]
) -> Iterator[Series]:
    share = math.prod(_share(metric, key, value) for key, value in attributes.items())
    labels = {prometheus_label(key): value for key, value in attributes.items() if value}
    base = {**labels, **_resource(metric, reporter)}
    is_agent = metric.source is Source.AGENT
    agent = reporter[0] if is_agent else ""
    values = frozenset(attributes.values())

    def one(name: str, rate: float, more: Mapping[str, str], *, counts: bool) -> Series:
        pairs = tuple(sorted({**base, **more}.items()))
        return Series(name, pairs, values, rate, counts, agent, counts)

    if metric.instrument is Instrument.HISTOGRAM:
        rate = share * _PER_SECOND.get(metric.name, _USUAL_PER_SECOND)
        scale = _TYPICAL_SECONDS.get(metric.name, _USUAL_SECONDS)
        name = metric.prometheus
        for edge in metric.buckets:
            below = 1 - math.exp(-((edge / scale) ** _SHAPE))
            yield one(f"{name}_bucket", rate * below, {"le": f"{edge:g}"}, counts=True)
        yield one(f"{name}_bucket", rate, {"le": "+Inf"}, counts=True)
        yield one(f"{name}_count", rate, {}, counts=True)
        yield one(f"{name}_sum", rate * scale * math.gamma(1 + 1 / _SHAPE), {}, counts=True)
    elif metric.instrument is Instrument.COUNTER:
        rate = share * _PER_SECOND.get(metric.name, _USUAL_PER_SECOND)
        yield one(metric.prometheus, rate, {}, counts=True)
    else:
        level = _LEVELS.get(metric.name, 1.0)
        states = [key for key in attributes if key in _STATES]
        yield one(metric.prometheus, level * (share if states else 1.0), {}, counts=False)


def _share(metric: Metric, key: str, value: str) -> float:
    shares = _SHARES.get(key)
    if shares is None or value in shares:
        return 1.0 if shares is None else shares[value]
    if key in _STATES:
        return 0.0
    others = 1
    for attribute in metric.attributes:
        if attribute.key == key:
            others = max(1, len([name for name in attribute.values if name not in shares]))
    return _REST / others


def _resource(metric: Metric, reporter: tuple[str, str, str]) -> dict[str, str]:
    if metric.source is Source.COLLECTOR:
        return {"job": "collector", "instance": "127.0.0.1:8888"}
    if metric.source is Source.THROTTLE:
        return {"job": "throttle", "instance": "127.0.0.1:9096"}
    name, role, host = reporter
    return {
        "deployment_environment_name": "production",
        "host_name": host,
        "instance": f"{name}-1",
        "job": f"fleet/{role}",
        "service_name": role,
        "service_namespace": "fleet",
        "service_version": "1.4.2",
    }
