"""A request with some of its points converted; everything else stays as it was, byte for byte."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from collectors.wire.kernel import Words
from collectors.wire.points import Columns, edit, rebuild
from collectors.wire.points_kernel import SUM

Mask = NDArray[np.bool_]


def rewritten(
    columns: Columns,
    sums: Mask,
    value: Words,
    histograms: Mapping[int, bytes],
    kept: Mask,
    temporality: Mask,
    wanted: int,
) -> bytes:
    """Write the request anew.

    Args:
        columns: What was read of it.
        sums: Points that become `value`: start, time, bits and type.
        value: One row for each point.
        histograms: Points that become these bytes, with their tag.
        kept: Points that stay.
        temporality: Points whose metric becomes `wanted`, a temporality.
        wanted: See there.
    """
    extents, size = columns.spots, len(columns.bytes)
    which = np.flatnonzero(sums & kept)
    bodies = np.ascontiguousarray(columns.bodies[which])
    added, places = edit(columns.bytes, bodies, np.ascontiguousarray(value[which]), SUM)
    extents[which] = places + size
    if histograms:
        ends = np.cumsum([0, *map(len, histograms.values())]) + size + len(added)
        extents[list(histograms)] = np.column_stack((ends[:-1], ends[1:]))
        joined = np.frombuffer(b"".join(histograms.values()), np.uint8)
        added = np.concatenate((added, joined))
    becomes = np.zeros(len(columns.data), np.uint8)
    becomes[columns.at[temporality, 3]] = wanted
    points = np.column_stack((extents, columns.at[:, 3]))[kept]
    return rebuild(columns, added, points, becomes)
