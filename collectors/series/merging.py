"""Deltas of histograms, merged until they are put out."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from collectors.series.arena import BODY, END, Arena
from collectors.series.kept import Kept, run_up
from collectors.series.streams import Streams
from collectors.series.table import latest, newest, prior
from collectors.wire.histograms import Bank
from collectors.wire.kernel import Longs, Octets, Words
from collectors.wire.points import Columns
from collectors.wire.points_kernel import COUNT

Mask = NDArray[np.bool_]

_UNKNOWN: Final = np.uint64(2**64 - 1)


class Merging(Kept):
    """What is merged of each row."""

    def merge(
        self, columns: Columns, row: Longs, counted: Bank, streams: Streams, arena: Arena
    ) -> tuple[Octets, Longs, Longs]:
        """Merge points into their rows; what does not fit takes the place of what was there.

        Args:
            columns: The points, each of them readable.
            row: Row of each.
            counted: What each counted; is used up.
            streams: Start and time of each row become those of what is merged.
            arena: Holds the newest point of each row that something was merged of.

        Returns:
            Points that others did not fit to, where each stands in that, and their rows.
        """
        every, none = np.arange(len(row)), np.zeros(len(row), np.bool_)
        before, goes_on = prior(row), self.has(row)
        unfit = run_up(self, row, counted, every, none)
        run = latest(row, unfit | (before < 0))
        times = _times(run, goes_on & ~unfit & (before < 0), row, columns.word, streams)
        gone = np.flatnonzero(unfit)
        inside = before[gone] >= 0
        old, new = row[gone[~inside]], before[gone[inside]]
        held, extents = self.points(old, streams, arena)
        bodies = columns.bodies[new]
        others, places = counted.points(new, columns.bytes, bodies, times[new])
        ends = newest(before)
        self.copy(row[ends], counted, ends)
        streams.state[row[ends], :2] = times[ends]
        streams.type[row[ends]] = COUNT
        extents = np.concatenate((extents, places + len(held)))
        return np.concatenate((held, others)), extents, np.concatenate((old, row[new]))

    def points(self, row: Longs, streams: Streams, arena: Arena) -> tuple[Octets, Longs]:
        """What is merged of these rows, and where each stands in it."""
        spots = streams.slot[row][:, [BODY, END]]
        return self.bank.points(self.places(row), arena.buffer, spots, streams.state[row, :2])


def _times(run: Longs, goes_on: Mask, row: Longs, word: Words, streams: Streams) -> Words:
    """Start and time of the run that each point is in, up to its end; no start is 0.

    Args:
        run: Where it begins.
        goes_on: Which points begin a run that their rows hold the beginning of.
        row: Row of each point.
        word: Start and time of each.
        streams: What rows held.
    """
    begun, last = np.full(len(row), _UNKNOWN), np.zeros(len(row), np.uint64)
    begun[goes_on], last[goes_on] = streams.state[row[goes_on], :2].T
    begun[begun == 0] = _UNKNOWN
    np.minimum.at(begun, run, np.where(word[:, 0] == 0, _UNKNOWN, word[:, 0]))
    np.maximum.at(last, run, word[:, 1])
    begun[begun == _UNKNOWN] = 0
    times: Words = np.column_stack((begun, last))[run]
    return times
