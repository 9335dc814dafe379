"""The metrics of the catalogue that spans tell, and what each span adds to which."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from collectors.connectors.agentmetrics.kin import Mask
from collectors.connectors.agentmetrics.labels import AGENT_NAME, LABELS, Labels
from collectors.connectors.agentmetrics.rows import (
    AGENT,
    GUARDRAIL,
    LLM,
    TOOL,
    WAIT,
    WORKFLOW,
    Rows,
)
from collectors.counting import Family, Groups, Key, Shape, Table, combined, text_value
from collectors.dialects import Kind, number_of
from collectors.dialects.words import NANO
from collectors.graph import pack, unpack
from collectors.wire.kernel import Longs, Words
from slo.catalog import Instrument, Metric

_HANDOFF, _MESSAGE = number_of(Kind.HANDOFF), number_of(Kind.MESSAGE)
_TOKEN_TYPE: Final = "gen_ai.token.type"  # noqa: S105 - the name of an attribute
_COST: Final = "mas.llm.cost"
_USAGE: Final = "gen_ai.client.token.usage"
_ABOVE_ALL: Final = 2**62
_DURATIONS: Final = {
    "gen_ai.client.operation.duration": LLM,
    "gen_ai.execute_tool.duration": TOOL,
    "gen_ai.invoke_agent.duration": AGENT,
    "gen_ai.invoke_workflow.duration": WORKFLOW,
    "mas.policy.evaluation.duration": GUARDRAIL,
    "mas.queue.message.wait": WAIT,
    "messaging.process.duration": _MESSAGE,
}


@dataclass(frozen=True, slots=True)
class Counts:
    """What of some rows counts.

    Attributes:
        labels: Label set of each row.
        agents: Name of the agent in whose name each counts, -1 for none.
    """

    rows: Rows
    agents: Longs
    labels: Longs
    things: Mask
    tokens: Mask
    attempts: Mask


@dataclass(frozen=True, slots=True)
class _Entry:
    """What some of the rows add to one metric."""

    metric: str
    mask: Mask
    values: Words
    more: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Measure:
    """One metric, how it is written, and its series."""

    metric: Metric
    family: Family
    table: Table

    @property
    def dimensions(self) -> tuple[str, ...]:
        """The attributes of its keys."""
        return tuple(self.family.dimensions)


class Measures:
    """All series."""

    def __init__(self, metrics: Sequence[Metric], labels: Labels, limit: int) -> None:
        """Count for `metrics`, at most `limit` series of each and a resource."""
        self._labels = labels
        self._of = {metric.name: _measure(metric, limit) for metric in metrics}

    def __iter__(self) -> Iterator[Measure]:
        """Every metric."""
        return iter(self._of.values())

    def add(self, counts: Counts, wall_ns: int, steady_ns: int) -> Counter[str]:
        """Count; how many, by metric, were counted in an overflow series."""
        beyond: Counter[str] = Counter()
        for entry in self._entries(counts):
            measure = self._of.get(entry.metric)
            if measure is None or not entry.mask.any():
                continue
            resources, keys, of_row = self._grouped(measure, counts, entry)
            groups = Groups(of_row, tuple(enumerate(keys)))
            values = entry.values[entry.mask]
            series = measure.table.add(groups, resources, values, wall_ns, steady_ns)
            beyond[entry.metric] += measure.table.beyond(groups, series)
        return +beyond

    def begin(self, counts: Counts, wall_ns: int, steady_ns: int) -> None:
        """Let the series exist that `counts` would count in."""
        for entry in self._entries(counts):
            measure = self._of.get(entry.metric)
            if measure is None or not entry.mask.any():
                continue
            resources, keys, _ = self._grouped(measure, counts, entry)
            for resource, key in zip(resources.tolist(), keys, strict=True):
                measure.table.begin(resource, key, wall_ns, steady_ns)

    def declared(self, known: Mapping[str, tuple[str, ...]]) -> tuple[tuple[str, Key], ...]:
        """Metric and key of every series whose label set `known` gives in full."""
        return tuple(
            (measure.metric.name, tuple(_value(words[name]) for name in measure.dimensions))
            for measure in self
            for words in measure.metric.zero_sets(known)
        )

    def begin_declared(
        self, resource: int, series: Sequence[tuple[str, Key]], wall_ns: int, steady_ns: int
    ) -> None:
        """Let `series` of `resource` exist."""
        for name, key in series:
            self._of[name].table.begin(resource, key, wall_ns, steady_ns)

    def clear(self) -> None:
        """Forget every series."""
        for measure in self:
            measure.table.clear()

    def drop(self, resources: frozenset[int]) -> None:
        """Let all series of `resources` go."""
        for measure in self:
            measure.table.drop(resources)

    def snapshot(self) -> bytes:
        """Every series."""
        return pack({name: measure.table.snapshot() for name, measure in self._of.items()})

    def dimensions(self) -> dict[str, list[str]]:
        """What the keys of each metric mean, in words of JSON."""
        return {measure.metric.name: list(measure.dimensions) for measure in self}

    def restore(self, state: bytes, dimensions: Mapping[str, list[str]]) -> None:
        """Continue with every series of a metric that is still made, with the same dimensions."""
        mine = self.dimensions()
        for name, table in unpack(state).items():
            if name in mine and mine[name] == dimensions[name]:
                self._of[name].table.restore(table)

    def _entries(self, counts: Counts) -> Iterator[_Entry]:
        rows = counts.rows
        kinds = rows["kind"]
        ones: Words = np.ones(len(rows), np.uint64)
        for name, kind in _DURATIONS.items():
            yield _Entry(name, counts.things & (kinds == kind), rows["took"], {})
        acts = counts.things & self._are_actions(counts.labels)
        yield _Entry("mas.agent.actions", acts, ones, {})
        yield _Entry("mas.agent.handoffs", counts.things & (kinds == _HANDOFF), ones, {})
        yield _Entry("mas.llm.attempts", counts.attempts, ones, {})
        for name in ("input", "output"):
            amounts = rows[name].astype(np.uint64)
            yield _Entry(_USAGE, counts.tokens & (amounts > 0), amounts, {_TOKEN_TYPE: name})
        spent = rows["cost"].astype(np.uint64)
        yield _Entry(_COST, counts.tokens & (spent > 0), spent, {})

    def _are_actions(self, labels: Longs) -> Mask:
        place = LABELS.index("mas.action.type")
        used, of_row = np.unique(labels, return_inverse=True)
        hits = [bool(self._labels.sets.at(number)[place]) for number in used.tolist()]
        found: Mask = np.array(hits, np.bool_)[of_row]
        return found

    def _grouped(
        self, measure: Measure, counts: Counts, entry: _Entry
    ) -> tuple[Longs, list[Key], Longs]:
        """Resource and key of each series that occurs, and the series of each row."""
        resources = counts.rows["resource"][entry.mask].astype(np.int64)
        labels, agents = counts.labels[entry.mask], counts.agents[entry.mask]
        codes = combined([resources, labels, agents])
        _, first, of_row = np.unique(codes, return_index=True, return_inverse=True)
        keys = [
            self._key(measure, int(labels[row]), int(agents[row]), entry.more)
            for row in first.tolist()
        ]
        return resources[first], keys, of_row

    def _key(self, measure: Measure, labels: int, agent: int, more: Mapping[str, str]) -> Key:
        words = dict(zip(LABELS, self._labels.sets.at(labels), strict=True))
        words[AGENT_NAME] = self._labels.names.at(agent)[0] if agent >= 0 else ""
        words.update(more)
        return tuple(_value(words[name]) for name in measure.dimensions)


def _value(word: str) -> bytes | None:
    """A word as it stands in a key: none where nothing is said."""
    return text_value(str(word)) if word else None


def _measure(metric: Metric, limit: int) -> Measure:
    scale = NANO if metric.unit == "s" or metric.name == _COST else 1
    bounds: tuple[int, ...] = ()
    shape = Shape.CALLS
    if metric.instrument is Instrument.HISTOGRAM:
        bounds, shape = tuple(round(edge * scale) for edge in metric.buckets), Shape.HISTOGRAM
    elif metric.name == _COST:
        bounds, shape = (_ABOVE_ALL,), Shape.TOTAL  # what is added up, and not how often
    family = Family(
        name=metric.name,
        unit=metric.unit,
        description=metric.meaning,
        shape=shape,
        dimensions=tuple(attribute.key for attribute in metric.attributes),
        scale=scale,
        bounds=metric.buckets,
    )
    return Measure(metric, family, Table(bounds, limit, 0))
