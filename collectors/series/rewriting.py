"""A request with some of its points converted; everything else stays as it was, byte for byte."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from collectors.wire.histograms import Bank
from collectors.wire.kernel import Longs, Octets, Words
from collectors.wire.points import Columns, edit, rebuild
from collectors.wire.points_kernel import SUM

Mask = NDArray[np.bool_]


@dataclass(slots=True)
class Histograms:
    """Points of histograms that were written anew: in runs of places, bytes, and extents."""

    _places: list[Longs] = field(default_factory=list[Longs])
    _bytes: list[Octets] = field(default_factory=list[Octets])
    _extents: list[Longs] = field(default_factory=list[Longs])

    def write(self, columns: Columns, places: Longs, bank: Bank, rows: Longs, times: Words) -> None:
        """Let points say what rows of `bank` do, start and time as given, all else as it was."""
        written, extents = bank.points(rows, columns.bytes, columns.bodies[places], times)
        self._places.append(places)
        self._extents.append(extents + sum(map(len, self._bytes)))
        self._bytes.append(written)

    def put(self, extents: Longs, after: int) -> Octets:
        """The bytes, which will stand `after` others; says so in `extents` of all points."""
        for places, here in zip(self._places, self._extents, strict=True):
            extents[places] = here + after
        return np.concatenate((np.empty(0, np.uint8), *self._bytes))


def rewritten(
    columns: Columns,
    sums: Mask,
    value: Words,
    histograms: Histograms,
    kept: Mask,
    temporality: Mask,
    wanted: int,
) -> bytes:
    """Write the request anew.

    Args:
        columns: What was read of it.
        sums: Points that become `value`: start, time, bits and type.
        value: One row for each point.
        histograms: Points that were written anew.
        kept: Points that stay.
        temporality: Points whose metric becomes `wanted`, a temporality.
        wanted: See there.
    """
    extents, size = columns.spots, len(columns.bytes)
    which = np.flatnonzero(sums)
    bodies = np.ascontiguousarray(columns.bodies[which])
    added, places = edit(columns.bytes, bodies, np.ascontiguousarray(value[which]), SUM)
    extents[which] = places + size
    joined = histograms.put(extents, size + len(added))
    becomes = np.zeros(len(columns.data), np.uint8)
    becomes[columns.at[temporality, 3]] = wanted
    points = np.column_stack((extents, columns.at[:, 3]))[kept]
    return rebuild(columns, np.concatenate((added, joined)), points, becomes)
