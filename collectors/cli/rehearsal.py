"""Tail sampling run over an inbox as it stands on disk, by several configurations side by side.

Each is put together as the daemon does it, cut down to what leads to a sampler. The records
are the ones that the daemon has read, in their order, and time is theirs: nothing else has a
say, so the same inbox gives the same answer. What is kept is counted and read by nobody.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from collectors.cli.tally import Marks, Tally
from collectors.component import Batch, Processor, Settings, Signal
from collectors.config.model import Component, Loaded
from collectors.config.plan import plan
from collectors.config.recipe import graph_plan, recalled, used
from collectors.config.registry import Kind
from collectors.graph import Graph, InboxWords, Output, StepFailed, Unreadable, Unrouted
from collectors.indicators import HasIndicators, SloConfig
from collectors.log import Kind as Of
from collectors.log import Record
from collectors.processors.tail_sampling import TailSamplingConfig
from collectors.processors.tail_sampling.processor import TailSampler
from collectors.service.components import Maker
from collectors.service.plan import PipelinePlan, ProcessorPlan, ServicePlan, StorageSettings
from collectors.waiting import Gone, Place

_NOWHERE: Final = "nowhere"
_LONGEST_WAIT_NS: Final = 25 * 3600 * 1_000_000_000
_MOST_TICKS: Final = 1_000_000


class NoSampler(ValueError):  # noqa: N818 - says what a configuration is without
    """A configuration has no sampler that waits for whole traces."""


class Failed(Exception):  # noqa: N818 - says what a configuration did
    """A component of a configuration raised."""


@dataclass(frozen=True, slots=True)
class Part:
    """A configuration, as far as it decides what becomes of a record.

    Attributes:
        name: As the reader knows it.
    """

    name: str
    components: Sequence[Component]
    pipelines: Mapping[str, PipelinePlan]

    @classmethod
    def of_file(cls, name: str, loaded: Loaded) -> Part:
        """That of a configuration file."""
        return cls(name, used(loaded), plan(loaded).pipelines)

    @classmethod
    def of_recipe(cls, name: str, recipe: str) -> Part:
        """That of a recipe; raises what `recalled` raises."""
        return cls(name, *recalled(recipe))

    def samplers(self) -> Mapping[str, TailSamplingConfig]:
        """The samplers that wait, by id."""
        return {
            item.component_id: item.config
            for item in self.components
            if item.kind is Kind.PROCESSORS and isinstance(item.config, TailSamplingConfig)
        }

    def slos(self) -> Mapping[str, SloConfig]:
        """What its components know of SLOs."""
        return {
            name: SloConfig(spans=spans)
            for item in self.components
            if isinstance(item.config, HasIndicators)
            for name, spans in item.config.indicators().items()
        }


@dataclass(slots=True)
class Seen:
    """What of an inbox was read.

    Attributes:
        first_ns: Unix time of the first request; 0 for none.
    """

    requests: int = 0
    spans: int = 0
    size_bytes: int = 0
    first_ns: int = 0
    last_ns: int = 0


class Rehearsal:
    """One configuration at work.

    Attributes:
        tally: What it has decided.
        unheard: Samplers that stand behind another one, which were not asked.
    """

    def __init__(self, part: Part, marks: Marks) -> None:
        """Put it together.

        Raises:
            NoSampler: It has none.
        """
        self.tally = Tally(part.name, marks)
        samplers = part.samplers()
        pipelines = _cut(part.pipelines, frozenset(samplers))
        if not pipelines:
            raise NoSampler(part.name)
        self.unheard = tuple(
            name
            for name, of in part.pipelines.items()
            if name not in pipelines and not samplers.keys().isdisjoint(of.processors)
        )
        self._graph = self._made(part, samplers, pipelines)

    def step(self, receiver: str, batch: Batch) -> None:
        """Take one request, after all that was due before it came; raises Failed."""
        self._tick(batch.steady_ns)
        try:
            outputs = self._graph.step(receiver, batch)
        except Unrouted:
            self.tally.unrouted += batch.items
            return
        except StepFailed as failure:
            msg = f"{failure} on inbox record {batch.origin}: {failure.__cause__!r}"
            raise Failed(msg) from failure
        self._count(outputs)

    def end(self, steady_ns: int) -> None:
        """Decide on all that waits still; raises Failed."""
        self.tally.is_ending = True
        self._tick(steady_ns + _LONGEST_WAIT_NS)

    def _tick(self, until_ns: int) -> None:
        for _ in range(_MOST_TICKS):
            due = self._graph.next_deadline()
            if due is None or due > until_ns:
                return
            try:
                self._count(self._graph.tick(due))
            except StepFailed as failure:
                msg = f"{failure}: {failure.__cause__!r}"
                raise Failed(msg) from failure
        msg = "a component asks for ticks without end"
        raise Failed(msg)

    def _count(self, outputs: Iterable[Output]) -> None:
        for output in outputs:
            self.tally.late_spans += output.batch.items
            self.tally.late_bytes += len(output.batch.payload)

    def _made(
        self,
        part: Part,
        samplers: Mapping[str, TailSamplingConfig],
        pipelines: Mapping[str, PipelinePlan],
    ) -> Graph:
        found = graph_plan(part.components, pipelines)
        processors = dict(found.processors)
        own: dict[str, PipelinePlan] = {}
        for name, pipeline in pipelines.items():
            ids = list(pipeline.processors)
            if ids and ids[-1] in samplers:
                # Each pipeline has a sampler of its own, and it is to be known which it was.
                config, ids[-1] = samplers[ids[-1]], f"{name}/{ids[-1]}"
                processors[ids[-1]] = ProcessorPlan(create=partial(self._sampler, config))
            own[name] = dataclasses.replace(pipeline, processors=tuple(ids))
        connectors = {of for pipeline in own.values() for of in pipeline.exporters}
        whole = ServicePlan(
            receivers={},
            processors=processors,
            connectors={name: of for name, of in found.connectors.items() if name in connectors},
            exporters={},
            extensions={},
            pipelines=own,
            storage=StorageSettings(directory=Path(_NOWHERE)),
        )
        return Maker(whole, _NoMeter()).graph()[0]

    def _sampler(self, config: TailSamplingConfig, settings: Settings) -> Processor:
        names = config.plan().names
        watch = self.tally.sampler(settings.component_id, names)
        return TailSampler(config, settings, _EmptyShelf(), watch=watch)


def rehearse(
    records: Iterable[Record], rehearsals: Sequence[Rehearsal], since_wall_ns: int = 0
) -> Seen:
    """Let every configuration take the same requests.

    Args:
        records: Of an inbox, in order.
        rehearsals: Each decides by itself.
        since_wall_ns: What came before this Unix time is left out.

    Raises:
        Failed: A component raised.
    """
    seen, steady_ns = Seen(), 0
    for receiver, batch in _batches(records):
        steady_ns = batch.steady_ns
        if batch.wall_ns < since_wall_ns:
            continue
        seen.requests += 1
        seen.spans += batch.items
        seen.size_bytes += len(batch.payload)
        seen.first_ns, seen.last_ns = seen.first_ns or batch.wall_ns, batch.wall_ns
        for one in rehearsals:
            one.step(receiver, batch)
    for one in rehearsals:
        one.end(steady_ns)
    return seen


def _batches(records: Iterable[Record]) -> Iterator[tuple[str, Batch]]:
    """The traces requests, and who took them."""
    for record in records:
        if record.kind is not Of.DATA or record.signal is not Signal.TRACES:
            continue
        try:
            words = InboxWords.decode(record.meta)
        except Unreadable:
            continue
        yield (
            words.receiver,
            Batch(
                record.signal,
                record.payload,
                record.items,
                words.context,
                record.steady_ns,
                record.wall_ns,
                record.offset,
            ),
        )


def _cut(
    pipelines: Mapping[str, PipelinePlan], samplers: frozenset[str]
) -> dict[str, PipelinePlan]:
    """The pipelines that lead to a sampler, up to it, and to nothing else."""
    kept: dict[str, PipelinePlan] = {}
    for name, of in pipelines.items():
        places = [place for place, one in enumerate(of.processors) if one in samplers]
        if places:
            upto = of.processors[: places[0] + 1]
            kept[name] = dataclasses.replace(of, processors=upto, exporters=(_NOWHERE,))
    ends = set(kept)
    while more := _feeding(pipelines, kept, ends):
        kept |= more
    fed = {exporter for name, of in kept.items() if name not in ends for exporter in of.exporters}
    connectors = {one for of in pipelines.values() for one in of.exporters} & {
        one for of in pipelines.values() for one in of.receivers
    }
    return {
        name: of
        for name, of in kept.items()
        if any(one not in connectors or one in fed for one in of.receivers)
    }


def _feeding(
    pipelines: Mapping[str, PipelinePlan], kept: Mapping[str, PipelinePlan], ends: set[str]
) -> dict[str, PipelinePlan]:
    """More pipelines that lead to those that are kept, and only there."""
    wanted = {receiver for of in kept.values() for receiver in of.receivers}
    found: dict[str, PipelinePlan] = {}
    for name, of in pipelines.items():
        exporters = tuple(one for one in of.exporters if one in wanted)
        known = kept.get(name)
        if exporters and name not in ends and (known is None or known.exporters != exporters):
            found[name] = dataclasses.replace(of, exporters=exporters)
    return found


class _EmptyShelf:
    """Nothing is read again: what is kept goes nowhere."""

    def place(self, batch: Batch) -> Place:
        """See `Shelf.place`."""
        del batch
        return Place(0)

    def hold(self, payload: bytes) -> Place:
        """See `Shelf.hold`."""
        del payload
        return Place(0)

    def read(self, place: Place) -> bytes:
        """See `Shelf.read`."""
        msg = f"nothing stands at {place}"
        raise Gone(msg)

    def note(self, decision: bytes) -> None:
        """See `Shelf.note`."""


class _NoMeter:
    """What the components count is of no interest."""

    def add(self, name: str, value: int, **labels: str) -> None:
        """See `Meter.add`."""

    def observe(self, name: str, value: float, count: int = 1, **labels: str) -> None:
        """See `Meter.observe`."""

    def set(self, name: str, value: float, /, **labels: str) -> None:
        """See `Meter.set`."""
