"""Deltas of histograms, merged until they are put out."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from collectors.series.arena import BODY, END, Arena
from collectors.series.kept import Kept, counted, written
from collectors.series.streams import Streams
from collectors.wire.kernel import Longs, Octets
from collectors.wire.points import Columns
from collectors.wire.points_kernel import COUNT


class Merging(Kept):
    """What is merged of each row."""

    def add(
        self, columns: Columns, row: Longs, which: Longs, streams: Streams, arena: Arena
    ) -> Iterator[tuple[Octets, int]]:
        """Merge points into their rows; what does not fit takes the place of what was there.

        Args:
            columns: The points.
            row: Row of each.
            which: Those that are to be merged; all of them are `readable`.
            streams: Start and time of each row become those of what is merged.
            arena: Holds a point of each row already.

        Yields:
            A point that others do not fit to, and its row.
        """
        for place in which.tolist():
            found = counted(columns, place)
            if found is None:
                continue
            of, kind = int(row[place]), int(columns.mark[place, 0])
            start, time, count = columns.word[place].tolist()
            if of in self.of:
                if self.of[of][1].join(found):
                    begun, last, _ = streams.state[of].tolist()
                    streams.state[of, 0] = min(begun or start, start or begun)
                    streams.state[of, 1] = max(last, time)
                    continue
                yield np.frombuffer(self._point(of, streams, arena), np.uint8), of
            self.of[of] = kind, found
            streams.state[of] = start, time, count
            streams.type[of] = COUNT

    def points(self, row: Longs, streams: Streams, arena: Arena) -> tuple[Octets, Longs]:
        """What is merged of these rows, and where each stands in it."""
        points = [self._point(of, streams, arena) for of in row.tolist()]
        ends = np.cumsum([0, *map(len, points)])
        extents = np.column_stack((ends[:-1], ends[1:])).astype(np.int64)
        return np.frombuffer(b"".join(points), np.uint8), extents

    def _point(self, row: int, streams: Streams, arena: Arena) -> bytes:
        body, end = streams.slot[row, [BODY, END]].tolist()
        start, time = streams.state[row, :2].tolist()
        kind, held = self.of[row]
        return written(kind, held, arena.buffer[body:end].tobytes(), (start, time))
