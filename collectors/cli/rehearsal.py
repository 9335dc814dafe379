"""Tail sampling run over an inbox as it stands on disk, by several configurations side by side.

Each is put together as the daemon does it, cut down to what leads to a sampler. The records
are the ones that the daemon has read, in their order, with what it was told among them: when
to tick, and when to decide early. Time is theirs: nothing else has a say, so the same inbox
gives the same answer. What is kept is counted and read by nobody; so one sampler behind
another is refused.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from collectors.cli.parts import NOWHERE, Part
from collectors.cli.tally import Marks, Tally
from collectors.component import Batch, Processor, Settings, Signal
from collectors.config.recipe import graph_plan
from collectors.graph import (
    DecideEarly,
    Graph,
    InboxWords,
    Output,
    Skip,
    StepFailed,
    Tick,
    Unreadable,
    Unrouted,
    read_control,
)
from collectors.log import Kind as Of
from collectors.log import Record
from collectors.processors.tail_sampling import TailSamplingConfig
from collectors.processors.tail_sampling.processor import TailSampler
from collectors.service.components import Maker
from collectors.service.plan import PipelinePlan, ProcessorPlan, ServicePlan, StorageSettings
from collectors.waiting import Gone, Place

_LONGEST_WAIT_NS: Final = 25 * 3600 * 1_000_000_000
_MOST_TICKS: Final = 1_000_000
_LATEST_TICK_NS: Final = 1_000_000_000
"""The daemon ticks as soon as it can, and notes when: what is due waits so long for the note.
Only a configuration that did not run finds none; it decides together once a second anyway."""


class Behind(ValueError):  # noqa: N818 - says where a sampler stands
    """A sampler of a configuration gets only what another one has kept."""


class NoSampler(ValueError):  # noqa: N818 - says what a configuration is without
    """A configuration has no sampler that waits for whole traces."""


class Failed(Exception):  # noqa: N818 - says what a configuration did
    """A component of a configuration raised."""


@dataclass(slots=True)
class Seen:
    """What of an inbox was read.

    Attributes:
        first_ns: Unix time of the first request; 0 for none.
        passed_over: Requests among them that ended the daemon, and that it left out then.
    """

    requests: int = 0
    spans: int = 0
    size_bytes: int = 0
    first_ns: int = 0
    last_ns: int = 0
    passed_over: int = 0


class Rehearsal:
    """One configuration at work.

    Attributes:
        tally: What it has decided.
    """

    def __init__(self, part: Part, marks: Marks) -> None:
        """Put it together.

        Raises:
            NoSampler: It has none.
            Behind: One of its samplers gets what another one has kept.
        """
        self.tally = Tally(part.name, marks)
        samplers = part.samplers()
        pipelines = part.cut()
        if not pipelines:
            raise NoSampler(part.name)
        for behind in part.behind():
            raise Behind(behind)
        self._graph = self._made(part, samplers, pipelines)

    def step(self, receiver: str, batch: Batch) -> None:
        """Take one request, after all that was long due when it came; raises Failed."""
        self._tick(batch.steady_ns - _LATEST_TICK_NS)
        try:
            outputs = self._graph.step(receiver, batch)
        except Unrouted:
            self.tally.unrouted += batch.items
            return
        except StepFailed as failure:
            msg = f"{failure} on inbox record {batch.origin}: {failure.__cause__!r}"
            raise Failed(msg) from failure
        self._count(outputs)

    def tick(self, steady_ns: int) -> None:
        """Do what was due when the daemon looked; raises Failed."""
        if (due := self._graph.next_deadline()) is not None and due <= steady_ns:
            self._act(lambda: self._graph.tick(steady_ns))

    def decide_early(self, most_bytes: int, steady_ns: int) -> None:
        """Decide on the oldest as the daemon had to, for want of disk; raises Failed."""
        self._act(lambda: self._graph.decide_early(most_bytes, steady_ns))

    def end(self, steady_ns: int) -> None:
        """Decide on all that waits still; raises Failed."""
        self.tally.is_ending = True
        self._tick(steady_ns + _LONGEST_WAIT_NS)

    def _tick(self, until_ns: int) -> None:
        for _ in range(_MOST_TICKS):
            due = self._graph.next_deadline()
            if due is None or due > until_ns:
                return
            self._act(partial(self._graph.tick, due))
        msg = "a component asks for ticks without end"
        raise Failed(msg)

    def _act(self, act: Callable[[], Iterable[Output]]) -> None:
        try:
            self._count(act())
        except StepFailed as failure:
            msg = f"{failure}: {failure.__cause__!r}"
            raise Failed(msg) from failure

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
            storage=StorageSettings(directory=Path(NOWHERE)),
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
    for record in records:
        if record.wall_ns < since_wall_ns:
            continue
        steady_ns = record.steady_ns
        with contextlib.suppress(Unreadable):
            if record.kind is Of.CONTROL:
                _obey(record, rehearsals, seen)
            elif record.signal is Signal.TRACES:
                _take(record, rehearsals, seen)
    for one in rehearsals:
        one.end(steady_ns)
    return seen


def _obey(record: Record, rehearsals: Sequence[Rehearsal], seen: Seen) -> None:
    """Do what the daemon was told; raises Unreadable, Failed."""
    said = read_control(record.meta)
    for one in rehearsals:
        match said:
            case Tick():
                one.tick(record.steady_ns)
            case DecideEarly(most_bytes):
                one.decide_early(most_bytes, record.steady_ns)
            case _:
                pass
    seen.passed_over += isinstance(said, Skip)


def _take(record: Record, rehearsals: Sequence[Rehearsal], seen: Seen) -> None:
    """Take a request; raises Unreadable, Failed."""
    words = InboxWords.decode(record.meta)
    batch = Batch(
        Signal.TRACES,
        record.payload,
        record.items,
        words.context,
        record.steady_ns,
        record.wall_ns,
        record.offset,
    )
    seen.requests += 1
    seen.spans += batch.items
    seen.size_bytes += len(batch.payload)
    seen.first_ns, seen.last_ns = seen.first_ns or batch.wall_ns, batch.wall_ns
    for one in rehearsals:
        one.step(words.receiver, batch)


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
