"""The processor: points wait for the end of the interval.

What a source counted before it began again goes out at once, so that nothing counted is lost.
The books: a point that is taken either waits, or was put out, or became part of another.
"""

from __future__ import annotations

import dataclasses
import json
from typing import Final

import numpy as np
from numpy.typing import NDArray

from collectors.component import Batch, Context, Emit, ProcessorFactory, Settings, Signal
from collectors.graph import pack, unpack
from collectors.processors.interval.config import IntervalConfig
from collectors.series.arena import BODY, END, MAX_POINT_BYTES, START, Arena
from collectors.series.counts import Counts
from collectors.series.frames import Frames
from collectors.series.merging import Merging
from collectors.series.senders import PerSender
from collectors.series.streams import Streams
from collectors.wire.histograms import bank_of, chunks
from collectors.wire.kernel import Longs, Octets
from collectors.wire.points import Columns, edit, gather, read, rebuild
from collectors.wire.points_kernel import (
    CUMULATIVE,
    DELTA,
    EMPTY,
    FIRST,
    GAUGE,
    NEXT,
    RESET,
    SUM,
    SUMMARY,
)
from collectors.wire.scan import locate

Mask = NDArray[np.bool_]

_NOTHING: Final[Octets] = np.empty(0, np.uint8)


class Interval:
    """Holds back the points of one sender."""

    def __init__(self, config: IntervalConfig, counts: Counts, sender: Context) -> None:
        self._config = config
        self._counts = counts
        self._sender = sender
        self._streams = Streams(config.max_streams, config.max_stale)
        self._frames = Frames(config.max_streams)
        self._arena = Arena()
        self._merging = Merging()
        self._held = 0
        self._due_ns: int | None = None
        self._wall_less_steady_ns = 0

    def step(self, batch: Batch, out: Emit) -> None:
        """Take over what can wait, and put out the rest."""
        columns = read(locate(Signal.METRICS, batch.payload, batch.items))
        if self._streams.is_due(batch.steady_ns):
            self._sweep(batch.steady_ns)
        row = self._rows(columns, batch.steady_ns)
        taken = row >= 0
        if not bool(taken.any()):
            out(batch)
            return
        self._wall_less_steady_ns = batch.wall_ns - batch.steady_ns
        self._pass(batch, columns, ~taken, out)
        mine, row, held = columns.take(taken), row[taken], self._held
        sent = self._newest(mine, row, batch.steady_ns, out)
        sent += self._add(mine, row, batch.steady_ns, out)
        self._counts.book("aggregated", len(row) - (self._held - held) - sent)
        if self._due_ns is None:
            self._due_ns = batch.steady_ns + self._config.interval

    def tick(self, steady_ns: int, out: Emit) -> None:
        """Put out what waits."""
        streams, row = self._streams, np.flatnonzero(self._streams.fresh[: len(self._streams)])
        frame = streams.frame[row]
        adds = self._frames.temporalities(frame) == DELTA
        sums = adds & (self._frames.kinds(frame) == SUM)
        slot = streams.slot[row]
        source, extents = gather(self._arena.buffer, slot[:, [START, END]])
        type_ = streams.type[row[sums]].astype(np.uint64)
        value = np.column_stack((streams.state[row[sums]], type_))
        bodies = np.ascontiguousarray(slot[sums][:, [BODY, END]])
        added, places = edit(self._arena.buffer, bodies, np.ascontiguousarray(value), SUM)
        extents[sums] = places + len(source)
        merged, places = self._merging.points(row[adds & ~sums], streams, self._arena)
        extents[adds & ~sums] = places + len(source) + len(added)
        source = np.concatenate((source, added, merged))
        self._put_out(source, extents, frame, steady_ns, out)
        streams.type[row[adds]] = 0
        streams.fresh[row] = 0
        self._merging.clear()
        self._arena.tidy(streams.slot)
        self._held, self._due_ns = 0, None

    def next_deadline(self) -> int | None:
        """The end of the interval; None while nothing waits."""
        return self._due_ns

    def held_items(self) -> int:
        """Points that wait."""
        return self._held

    def snapshot(self) -> bytes:
        """Every series, what waits of it, and the times."""
        words = [self._held, self._due_ns, self._wall_less_steady_ns]
        return pack(
            {
                "words": json.dumps(words).encode(),
                "streams": self._streams.snapshot(),
                "frames": self._frames.snapshot(),
                "arena": self._arena.snapshot(),
                "merging": self._merging.snapshot(),
            }
        )

    def restore(self, state: bytes) -> None:
        """Continue from `state`."""
        parts = unpack(state)
        self._held, self._due_ns, self._wall_less_steady_ns = json.loads(parts["words"])
        self._streams.restore(parts["streams"])
        self._frames.restore(parts["frames"])
        self._arena.restore(parts["arena"])
        self._merging.restore(parts["merging"])

    def begin_again(self) -> None:
        """Nothing is counted here that was not put out already."""

    def _rows(self, columns: Columns, steady_ns: int) -> Longs:
        """The series of each point; -1 for what is not held back."""
        row: Longs = np.full(len(columns), -1, np.int64)
        wanted = np.flatnonzero(self._waits(columns))
        if not len(wanted):
            return row
        mine = columns.take(wanted)
        frame = self._frames.rows(mine)
        framed = frame >= 0
        wanted, frame = wanted[framed], frame[framed]
        found = self._streams.rows(columns.point_id[wanted], steady_ns)
        self._streams.frame[found[found >= 0]] = frame[found >= 0]
        row[wanted] = found
        self._counts.treated("overflow", len(mine) - int((found >= 0).sum()))
        return row

    def _waits(self, columns: Columns) -> Mask:
        kind, temporality, monotonic = columns.mark[:, 0], columns.mark[:, 1], columns.mark[:, 2]
        through = self._config.pass_through
        waits: Mask = (temporality == CUMULATIVE) & ((kind != SUM) | (monotonic > 0))
        if not through.delta:
            waits |= temporality == DELTA
        if not through.gauge:
            waits |= kind == GAUGE
        if not through.summary:
            waits |= kind == SUMMARY
        fits = columns.at[:, 2] - columns.at[:, 0] <= MAX_POINT_BYTES
        waits &= fits
        return waits

    def _newest(self, mine: Columns, row: Longs, steady_ns: int, out: Emit) -> int:
        """Keep the newest of each series that adds up by itself; how many points went out."""
        row = np.where(mine.mark[:, 1] == DELTA, -1, row)
        verdict, prior, _ = self._streams.follow(row, mine.rows, steady_ns)
        self._counts.of(verdict)
        again = verdict == RESET
        if bool(again.any()):
            # What waits in the arena goes out if it was not put out yet.
            again &= (prior >= 0) | (self._streams.fresh[row] == 1)
            waiting = prior[again] < 0
            slot = self._streams.slot[row[again][waiting]][:, [START, END]]
            points, places = gather(self._arena.buffer, slot)
            extents = mine.spots[np.maximum(prior[again], 0)]
            extents[waiting] = places + len(mine.bytes)
            source = np.concatenate((mine.bytes, points))
            self._put_out(source, extents, self._streams.frame[row[again]], steady_ns, out)
        self._keep(mine, row, np.isin(verdict, (FIRST, NEXT, RESET, EMPTY)))
        return int(again.sum())

    def _add(self, mine: Columns, row: Longs, steady_ns: int, out: Emit) -> int:
        """Add deltas up; how many points went out because they did not fit."""
        adds = mine.mark[:, 1] == DELTA
        if not bool(adds.any()):
            return 0
        is_sum = mine.mark[:, 0] == SUM
        verdict, _ = self._streams.accumulate(
            np.where(adds & is_sum, row, -1), mine.rows, steady_ns,
            in_order=False,
        )  # fmt: skip
        sums = adds & is_sum & (verdict != EMPTY)
        self._keep(mine, row, sums)
        self._streams.seen_ns[row[sums]] = steady_ns
        return self._merge(mine, row, adds & ~is_sum, steady_ns, out)

    def _merge(self, mine: Columns, row: Longs, which: Mask, steady_ns: int, out: Emit) -> int:
        """Merge deltas of histograms; how many points went out because others did not fit."""
        sent = 0
        for places in chunks(mine, np.flatnonzero(which)):
            counted = bank_of(mine.take(places))
            readable = np.flatnonzero(counted.sensible)
            self._counts.treated("unreadable", len(places) - len(readable))
            counted.keep(readable)
            points, of = mine.take(places[readable]), row[places[readable]]
            gone, extents, rows = self._merging.merge(
                points, of, counted, self._streams, self._arena
            )
            self._keep(points, of, np.ones(len(of), np.bool_))
            self._streams.seen_ns[of] = steady_ns
            self._put_out(gone, extents, self._streams.frame[rows], steady_ns, out)
            sent += len(rows)
        return sent

    def _keep(self, mine: Columns, row: Longs, which: Mask) -> None:
        if bool(which.any()):
            kept = row[which]
            self._arena.put(self._streams.slot, kept, mine.bytes, mine.at[which])
            fresh = np.unique(kept)
            self._held += int((self._streams.fresh[fresh] == 0).sum())
            self._streams.fresh[fresh] = 1

    def _pass(self, batch: Batch, columns: Columns, which: Mask, out: Emit) -> None:
        if bool(which.any()):
            points = np.column_stack((columns.spots, columns.at[:, 3]))[which]
            unchanged = np.zeros(len(columns.data), np.uint8)
            payload = rebuild(columns, _NOTHING, points, unchanged)
            out(dataclasses.replace(batch, payload=payload, items=len(points)))

    def _put_out(
        self, source: Octets, extents: Longs, frame: Longs, steady_ns: int, out: Emit
    ) -> None:
        if not len(extents):
            return
        wall_ns = steady_ns + self._wall_less_steady_ns
        for payload, points in self._frames.requests(source, extents, frame):
            out(Batch(Signal.METRICS, payload, points, self._sender, steady_ns, wall_ns))

    def _sweep(self, steady_ns: int) -> None:
        renamed = self._streams.sweep(~self._streams.stale(steady_ns), steady_ns)
        self._merging.rename(renamed)
        moved = self._frames.keep(self._streams.frame)
        if moved is not None:
            self._streams.frame = np.append(moved, -1)[self._streams.frame]
        self._arena.tidy(self._streams.slot)


def _create(config: IntervalConfig, settings: Settings) -> PerSender:
    counts = Counts(settings.meter, settings.component_id)
    return PerSender(lambda sender: Interval(config, counts, sender), counts)


FACTORY = ProcessorFactory(
    config=IntervalConfig, create=_create, signals=frozenset({Signal.METRICS})
)
