"""Histograms kept by row, as part of a component's state."""

from __future__ import annotations

import struct
from typing import Final

import numpy as np
from numpy.typing import NDArray

from collectors.graph import pack, unpack
from collectors.series.distributions import (
    Distribution,
    blank,
    distribution,
    read_point,
)
from collectors.series.edges import HistogramPoint
from collectors.wire.keep import delimited
from collectors.wire.kernel import Longs
from collectors.wire.points import Columns
from collectors.wire.points_kernel import EXPONENTIAL, HISTOGRAM

_POINT_TAG: Final = b"\x0a"
_HEAD: Final = struct.Struct("<qq")


class Kept:
    """A histogram for each row, with its kind."""

    def __init__(self) -> None:
        self.of: dict[int, tuple[int, Distribution]] = {}

    def clear(self) -> None:
        """Forget all."""
        self.of = {}

    def rename(self, renamed: Longs) -> None:
        """Rows have other numbers now; -1 for those that went."""
        places = {row: int(renamed[row]) for row in self.of}
        self.of = {places[row]: held for row, held in self.of.items() if places[row] >= 0}

    def snapshot(self) -> bytes:
        """All state."""
        parts: dict[str, bytes] = {}
        for row, (kind, held) in self.of.items():
            point = blank(kind)
            held.write(point)
            parts[str(row)] = _HEAD.pack(kind, held.width) + point.SerializeToString()
        return pack(parts)

    def restore(self, state: bytes) -> None:
        """Continue from `state`."""
        self.of = {}
        for row, data in unpack(state).items():
            kind, width = _HEAD.unpack_from(data)
            found = distribution(read_point(kind, data[_HEAD.size :]))
            if found is not None:
                found.width = width
                self.of[int(row)] = kind, found


def written(kind: int, held: Distribution, template: bytes, times: tuple[int, int]) -> bytes:
    """`held` as a point with its tag: start and time as given, all else as in `template`."""
    return filled(read_point(kind, template), held, times)


def filled(point: HistogramPoint, held: Distribution, times: tuple[int, int]) -> bytes:
    """`point` with its tag, after it was changed to what is `held`, start and time as given."""
    held.write(point)
    point.start_time_unix_nano, point.time_unix_nano = times
    return delimited(point.SerializeToString(), _POINT_TAG)


def decoded(columns: Columns, place: int) -> tuple[HistogramPoint, Distribution | None]:
    """The histogram at `place`, and what it counted; None where it makes no sense."""
    body, end = columns.at[place, 1:3].tolist()
    point = read_point(int(columns.mark[place, 0]), columns.scanned.payload[body:end])
    return point, distribution(point)


def counted(columns: Columns, place: int) -> Distribution | None:
    """What the histogram at `place` counted; None where it makes no sense."""
    return decoded(columns, place)[1]


def readable(columns: Columns) -> NDArray[np.bool_]:
    """Which points are histograms that make sense."""
    kind = columns.mark[:, 0]
    found: NDArray[np.bool_] = kind == HISTOGRAM
    for place in np.flatnonzero(kind == EXPONENTIAL).tolist():
        found[place] = counted(columns, place) is not None
    return found
