"""What series become: one row each, with start, newest value, and a point without values."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    ExponentialHistogramDataPoint,
    HistogramDataPoint,
    NumberDataPoint,
)

from collectors.graph import pack, unpack
from collectors.series.arena import BODY, END, Arena
from collectors.series.frames import Frames
from collectors.series.streams import Streams
from collectors.series.summing.rule import Rule
from collectors.series.summing.totals import Value, encoded, values
from collectors.wire.histograms import Bank
from collectors.wire.keep import delimited
from collectors.wire.kernel import Longs, Words
from collectors.wire.points import Columns, Keys, edit
from collectors.wire.points_kernel import DELTA, EXPONENTIAL, GAUGE, HISTOGRAM, SUM

LAST, LEVEL, TOTAL, ADDED = 1, 2, 3, 4
"""What a group is: gauges; sums that also fall; totals; deltas."""

_POINT_TAG: Final = b"\x0a"
_TYPES: Final[
    dict[int, type[NumberDataPoint | HistogramDataPoint | ExponentialHistogramDataPoint]]
] = {
    GAUGE: NumberDataPoint,
    SUM: NumberDataPoint,
    HISTOGRAM: HistogramDataPoint,
    EXPONENTIAL: ExponentialHistogramDataPoint,
}


class Groups:
    """The aggregated series; of its `Streams`, `group` says what each is, by the codes above."""

    def __init__(self, rule: Rule) -> None:
        self._rule = rule
        self.rows_of = Streams(rule.max_streams)
        self._frames = Frames(rule.max_streams, rule.resources)
        self._arena = Arena()

    def clear(self) -> None:
        """Forget all."""
        self.rows_of.clear()
        self._frames.clear()
        self._arena = Arena()

    def what(self, group: Longs) -> Longs:
        """`LAST`, `LEVEL`, `TOTAL` or `ADDED` of each group."""
        return self.rows_of.group[group]

    def is_fresh(self, group: Longs) -> Longs:
        """1 for groups that something was added to since they were put out."""
        fresh: Longs = self.rows_of.fresh[group].astype(np.int64)
        return fresh

    def kinds(self, group: Longs) -> Longs:
        """Of which kind the groups' metrics are."""
        return self._frames.kinds(self.rows_of.frame[group])

    def rows(self, reduced: Columns, keys: Keys, starts: Words, steady_ns: int) -> Longs:
        """The group of each point; -1 where there is no room.

        Args:
            reduced: Points, identified without what is dropped.
            keys: Attributes that stay.
            starts: When each began to count what it adds.
            steady_ns: Now.
        """
        frame = self._frames.rows(reduced)
        group: Longs = np.full(len(reduced), -1, np.int64)
        framed = np.flatnonzero(frame >= 0)
        group[framed] = self.rows_of.rows(reduced.point_id[framed], steady_ns)
        which = np.flatnonzero(group >= 0)
        new = which[self.rows_of.group[group[which]] < 0]
        if len(new):
            self._begin(reduced, keys, group, frame, new)
        # Until it is put out first, however the request was cut.
        state = self.rows_of.state
        which = which[state[group[which], 1] == 0]
        np.minimum.at(state[:, 0], group[which], starts[which])
        return group

    def _begin(self, reduced: Columns, keys: Keys, group: Longs, frame: Longs, new: Longs) -> None:
        rows = self.rows_of
        of, first = np.unique(group[new], return_index=True)
        place = new[first]
        rows.frame[of] = frame[place]
        kind, temporality, monotonic = reduced.mark[place, :3].T.astype(np.int64)
        adds = np.where(
            temporality == DELTA, ADDED, np.where((kind == SUM) & (monotonic == 0), LEVEL, TOTAL)
        )
        rows.group[of] = np.where(kind == GAUGE, LAST, adds)
        rows.state[of, 0] = np.uint64(2**64 - 1)
        points = [_bare(reduced, at, keys, self._rule.mark) for at in place.tolist()]
        ends = np.cumsum([0, *map(len, points)])
        bodies = ends[1:] - [len(point) - _head(point) for point in points]
        at = np.column_stack((ends[:-1], bodies, ends[1:])).astype(np.int64)
        self._arena.put(rows.slot, of, np.frombuffer(b"".join(points), np.uint8), at)

    def touch(self, group: Longs, steady_ns: int) -> None:
        """Something was added to these groups."""
        self.rows_of.fresh[group] = 1
        self.rows_of.seen_ns[group] = steady_ns

    def newest(self, group: int) -> Value | None:
        """What was put out last; None if nothing was."""
        rows = self.rows_of
        if not rows.type[group]:
            return None
        return values(rows.state[group : group + 1, 2].copy(), rows.type[group : group + 1])[0]

    def requests(
        self,
        numbers: Sequence[tuple[int, Value]],
        histograms: tuple[Longs, Bank],
        wall_ns: int,
    ) -> Iterator[tuple[bytes, int]]:
        """Requests of these values, each with how many points it has; histograms by group."""
        group = np.concatenate((np.array([of for of, _ in numbers], np.int64), histograms[0]))
        self.rows_of.fresh[:] = 0
        if not len(group):
            return
        times = self._times(group, wall_ns)
        count = len(numbers)
        rows = self.rows_of
        pairs = [encoded(value) for _, value in numbers]
        bits = np.array(pairs, np.uint64).reshape(-1, 2)
        value = np.ascontiguousarray(np.column_stack((times[:count], bits)))
        bodies = np.ascontiguousarray(rows.slot[group][:, [BODY, END]])
        added, extents = edit(self._arena.buffer, bodies[:count], value, SUM)
        rows.state[group[:count], 2], rows.type[group[:count]] = bits[:, 0], bits[:, 1]
        bank = histograms[1]
        points, places = bank.points(
            np.arange(len(bank)), self._arena.buffer, bodies[count:], times[count:]
        )
        extents = np.concatenate((extents, places + len(added)))
        source = np.concatenate((added, points))
        yield from self._frames.requests(source, extents, rows.frame[group])

    def _times(self, group: Longs, wall_ns: int) -> Words:
        """Start and time of what is put out; time goes on even where a clock was set back."""
        state, what = self.rows_of.state, self.what(group)
        earlier = state[group, 1]
        time = np.maximum(np.uint64(max(wall_ns, 0)), earlier + np.uint64(1))
        begun = np.where((what == ADDED) & (earlier > 0), earlier, state[group, 0])
        begun = np.where(what == LAST, np.uint64(0), np.minimum(begun, time))
        state[group, 1] = time
        times: Words = np.column_stack((begun, time))
        return times

    def sweep(self, steady_ns: int) -> Longs:
        """Let groups go that nothing was added to for too long: the new row of each."""
        rows = self.rows_of
        seen, fresh = rows.seen_ns[: len(rows)], rows.fresh[: len(rows)]
        renamed = rows.sweep((seen >= steady_ns - self._rule.max_stale_ns) | (fresh > 0), steady_ns)
        moved = self._frames.keep(rows.frame)
        if moved is not None:
            rows.frame = np.append(moved, -1)[rows.frame]
        self._arena.tidy(rows.slot)
        return renamed

    def snapshot(self) -> bytes:
        """All state."""
        return pack(
            {
                "rows": self.rows_of.snapshot(),
                "frames": self._frames.snapshot(),
                "arena": self._arena.snapshot(),
            }
        )

    def restore(self, state: bytes) -> None:
        """Continue from `state`."""
        parts = unpack(state)
        self.rows_of.restore(parts["rows"])
        self._frames.restore(parts["frames"])
        self._arena.restore(parts["arena"])


def _bare(columns: Columns, place: int, keys: Keys, mark: str) -> bytes:
    """A point with the attributes that stay, a `mark` that is true, and nothing else; its tag."""
    point = _TYPES[int(columns.mark[place, 0])]()
    body, end = columns.at[place, 1:3].tolist()
    point.ParseFromString(columns.scanned.payload[body:end])
    kept = [pair for pair in point.attributes if (pair.key in keys.names) == keys.only]
    point.Clear()
    point.attributes.extend(kept)
    if mark:
        point.attributes.add(key=mark).value.bool_value = True
    return delimited(point.SerializeToString(), _POINT_TAG)


def _head(point: bytes) -> int:
    """Bytes of tag and length."""
    at = 1
    while point[at] & 0x80:
        at += 1
    return at + 1
