"""One inbox record at a time through the graph, whatever it does to the components.

A component that raises leaves no trace: the graph goes back to the last state that was
kept, replays the inbox up to the record, and goes on behind it; the record is listed among
the dead letters. So a step costs no copy of the state, and only a failure pays.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections import deque

from collectors.component import Batch, Signal
from collectors.graph import (
    Configured,
    DecideEarly,
    Graph,
    InboxWords,
    OutboxWords,
    Output,
    Restart,
    StepFailed,
    Tick,
    Total,
    Unreadable,
    Unrouted,
    read_control,
)
from collectors.log import (
    SIGNALS,
    Entry,
    Kind,
    Record,
    Totals,
    total_of,
)
from collectors.log.record import advance, raise_to
from collectors.service import names
from collectors.service.books import Progress, no_counts
from collectors.service.burial import Burial
from collectors.service.eras import Era, hand_over, name_of
from collectors.service.marker import MOST_DEATHS
from collectors.service.shares import holder
from collectors.service.state import Identity
from collectors.service.stepping import Beginning, StepperParts

_log = logging.getLogger(__name__)


class Stepper:
    """The graph's place in the inbox, and what it has counted up to there."""

    def __init__(self, parts: StepperParts, beginning: Beginning) -> None:
        self._parts = parts
        self._eras = deque([*parts.course.eras, self._present()])
        self._era = self._eras.popleft()
        self._beginning = beginning
        self.offset = beginning.offset
        self.read = beginning.read
        self.passed = beginning.passed
        self.lost = beginning.lost
        self.lost_at = self.restarted_at = -1
        self.queued = {name: dict(counts) for name, counts in beginning.queued.items()}
        self.last = beginning.last
        self.tick_failed_at = -3600.0
        self._burial = Burial(
            dead=parts.dead,
            clock=parts.clock,
            meter=parts.meter,
            known=beginning.dead,
            abandon=parts.abandon,
            has_room=parts.has_dead_room,
        )
        self._next_output = parts.next_output
        self._shown: dict[Total, float] = {}
        self._given: dict[str, list[tuple[Signal, int]]] = {}
        self._base = (self.offset, self.graph.snapshot())

    def keep_base(self, state: dict[str, bytes]) -> None:
        """Make `state`, which is the present one, that which a failure goes back to."""
        self._base = (self.offset, state)

    def go_back(self) -> None:
        """Make up for a component that failed between two steps."""
        self._undo(self.offset)
        self._base = (self.offset, self.graph.snapshot())

    @property
    def graph(self) -> Graph:
        """The graph that the next record passes through."""
        return self._era.graph

    @property
    def fingerprint(self) -> str:
        """Of the configuration and the software that the next record is processed under."""
        return self._era.fingerprint

    @property
    def may_be_saved(self) -> bool:
        """Whether a replay may begin here."""
        return self.offset >= self._parts.course.saves_from

    def step(self, record: Record) -> list[Entry]:
        """Pass `record` through the graph; returns what is to be appended to the outbox.

        Raises:
            Abandoned: A dead letter could not be written and the daemon must end.
        """
        self._parts.marker.enter(record.offset)
        repeats = record.offset <= self.repeats_until
        for meter in self._era.meters:
            meter.silent = repeats
        self._miss(record.offset, record.signal, record.total - record.items)
        self.passed = raise_to(self.passed, record.signal, record.total)
        if record.kind is Kind.DATA:
            self.read = advance(self.read, record.signal, record.items)
        entries = self._entries(record, self._outputs(record))
        if self._ends_era(record):
            self._enter_next_era(record.offset)
        self.offset = record.offset + 1
        self._parts.marker.leave()
        return entries

    def expect(self, offset: int, totals: Totals) -> None:
        """Everything before `offset` was read, and came to `totals`; what did not is lost."""
        for signal in SIGNALS:
            self._miss(offset, signal, total_of(totals, signal))
            self.passed = raise_to(self.passed, signal, total_of(totals, signal))

    @property
    def repeats_until(self) -> int:
        """The last inbox record of which outputs were in the outbox already at start."""
        return self._beginning.last[0]

    @property
    def is_proven(self) -> bool:
        """Whether the counters have seen everything since they last began at zero."""
        return self.lost_at <= self.restarted_at

    def publish(self, offset: int) -> None:
        """Tell the books how far the graph is, behind what could not be read before `offset`."""
        self.offset = max(self.offset, offset)
        pipelines = {
            of.key: (of.signal, of.ledger.imbalance(of.held), of.held)
            for of in self.graph.accounts()
        }
        queued = {name: dict(counts) for name, counts in self.queued.items()}
        progress = Progress(self.offset, self.read, self.passed, self.lost, pipelines, queued)
        self._parts.books.publish(progress, self._given)
        self._given = {}

    def show_totals(self) -> None:
        """Show the counters that are part of the graph's state, which must be whole."""
        sums: dict[Total, float] = {}
        for meter in self._era.meters:
            for total, value in meter.totals.items():
                sums[total] = sums.get(total, 0) + value
        for (name, labels), value in sums.items():
            if self._shown.get((name, labels)) != value:
                self._parts.meter.set(name, value, **dict(labels))
        self._shown = sums

    def _outputs(self, record: Record) -> list[Output]:
        try:
            return self._run(record)
        except Unrouted as error:
            self._burial.request(record, str(error))
        except Unreadable as error:
            self._burial.request(record, f"unreadable: {error}")
        except StepFailed as failure:
            _log.exception("inbox record %d: %s", record.offset, failure, exc_info=failure)
            self._parts.meter.add(names.STEP_FAILURES, 1, component=failure.component)
            self._undo(record.offset)
            if record.kind is Kind.CONTROL:
                self.tick_failed_at = time.monotonic()
            else:
                self._burial.request(record, f"{failure}: {failure.__cause__!r}")
        return []

    def _run(self, record: Record) -> list[Output]:
        if record.kind is Kind.CONTROL:
            return self._obey(record)
        if record.offset in self._beginning.skips:
            msg = f"it ended the process {MOST_DEATHS} times"
            raise Unreadable(msg)
        words = InboxWords.decode(record.meta)
        if record.signal is None:
            msg = "a request without a signal"
            raise Unreadable(msg)
        batch = Batch(
            record.signal,
            record.payload,
            record.items,
            words.context,
            record.steady_ns,
            record.wall_ns,
            record.offset,
        )
        return self.graph.step(words.receiver, batch)

    def _obey(self, record: Record) -> list[Output]:
        """Do what a control record says."""
        match read_control(record.meta):
            case Tick() if record.offset not in self._beginning.skips:
                return self.graph.tick(record.steady_ns)
            case DecideEarly(most_bytes) if record.offset not in self._beginning.skips:
                return self.graph.decide_early(most_bytes, record.steady_ns)
            case Configured() if self._ends_era(record):
                return self.graph.put_out(self._eras[0].graph, record.steady_ns)
            case Restart():
                self.graph.begin_again()
                if record.offset > self.restarted_at:
                    self.restarted_at = record.offset
                    for name, view in self._parts.views.items():
                        view.restore(self._parts.empty_views[name])
            case _:
                pass
        return []

    def _present(self) -> Era:
        parts = self._parts
        return Era(parts.fingerprint, parts.graph, parts.meters, frozenset(parts.views))

    def _ends_era(self, record: Record) -> bool:
        """Whether `record` says that what follows was taken under the next configuration."""
        if not self._eras or record.kind is not Kind.CONTROL:
            return False
        try:
            said = read_control(record.meta)
        except Unreadable:
            return False
        is_cut = record.offset == self._parts.course.cut
        return isinstance(said, Configured) and (
            is_cut or name_of(said) == self._eras[0].fingerprint
        )

    def _enter_next_era(self, offset: int) -> None:
        """Go on behind record `offset` under the next configuration."""
        state, self._era = self.graph.snapshot(), self._eras.popleft()
        hand_over(self.graph, state)
        self._base = (offset + 1, self.graph.snapshot())

    def _miss(self, offset: int, signal: Signal | None, before: int) -> None:
        """Book what lies between what was read and running total `before` as lost."""
        missing = before - total_of(self.passed, signal)
        if missing > 0:
            self.lost = advance(self.lost, signal, missing)
            self.lost_at = offset
            _log.error("%d %s before inbox record %d cannot be read", missing, signal, offset)
            self._count(signal or Signal.TRACES, missing, "lost", "", "")

    def _undo(self, failing: int) -> None:
        """Bring the graph back to where it was before record `failing`."""
        base, state = self._base
        self.graph.restore(state)
        for meter in self._era.meters:
            meter.silent = True
        reader = self._parts.replay(base)
        try:
            while reader.offset < failing and (records := reader.read()):
                for record in records:
                    if record.offset >= failing:
                        break
                    with contextlib.suppress(Unrouted, Unreadable):
                        self._run(record)
        finally:
            reader.close()
        # The next failure need not replay what lies before this one.
        self._base = (failing + 1, self.graph.snapshot())

    def _entries(self, record: Record, outputs: list[Output]) -> list[Entry]:
        entries: list[Entry] = []
        for index, output in enumerate(outputs):
            identity = (record.offset, index)
            is_known = identity in self._beginning.known
            for name in output.destinations:
                if name in self._era.views and name in self._parts.views:
                    self._apply(name, output, identity)
            names_of_exporters = tuple(
                name for name in output.destinations if name not in self._era.views
            )
            if not names_of_exporters:
                continue
            if is_known:
                continue
            self._queue(names_of_exporters, output.batch)
            self.last = max(self.last, identity)
            for name in names_of_exporters:
                pair = (output.batch.signal, output.batch.items)
                self._given.setdefault(name, []).append(pair)
            entries.append(entry := _entry(output, names_of_exporters, identity))
            holds = holder(output.batch.context)
            self._parts.shares.add(self._next_output, holds, entry.size_bytes)
            self._next_output += 1
        return entries

    def _queue(self, destinations: tuple[str, ...], batch: Batch) -> None:
        for name in destinations:
            counts = self.queued.setdefault(name, no_counts())
            counts[batch.signal] += batch.items

    def _apply(self, name: str, output: Output, identity: Identity) -> None:
        """Show `output` to a view; one that raises keeps its state and gets no second chance."""
        batch = output.batch
        try:
            self._parts.views[name].apply(batch)
        except Exception as error:  # noqa: BLE001 - whatever a component raises is told
            _log.exception("inbox record %d: %s failed", identity[0], name)
            self._parts.meter.add(names.STEP_FAILURES, 1, component=name)
            self._burial.output(output, identity, name, f"{name} failed: {error!r}")
        else:
            if identity[0] > self._beginning.last[0]:
                self._count(batch.signal, batch.items, "delivered", output.pipeline, name)
                sent = names.exporter_counter("sent", batch.signal)
                self._parts.meter.add(sent, batch.items, exporter=name)

    def _count(
        self, signal: Signal, items: int, outcome: str, pipeline: str, exporter: str
    ) -> None:
        self._parts.meter.add(
            names.ITEMS,
            items,
            signal=signal,
            pipeline=pipeline,
            exporter=exporter,
            outcome=outcome,
        )


def _entry(output: Output, destinations: tuple[str, ...], identity: Identity) -> Entry:
    batch = output.batch
    words = OutboxWords(*identity, output.pipeline, destinations, batch.context)
    return Entry(
        Kind.DATA,
        batch.signal,
        batch.items,
        batch.steady_ns,
        batch.wall_ns,
        words.encode(),
        batch.payload,
    )
