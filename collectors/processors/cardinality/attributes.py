"""The attributes of points whose values are limited, one row each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from collectors.processors.cardinality.config import OVERFLOW
from collectors.processors.cardinality.limits import Scope
from collectors.wire.kernel import Longs
from collectors.wire.points import ATTRIBUTES, Columns
from collectors.wire.scan import children, slices, texts

_KEY, _VALUE = 1, 2  # KeyValue.key and KeyValue.value


@dataclass(frozen=True, slots=True)
class Looked:
    """What was found; rows are in the order of the points.

    Attributes:
        series: Of each row, the point.
        scope: Likewise, the place in `scopes` of what its value is counted in.
        key: Likewise, the place in `keys` of its name.
        spots: Likewise, start and end of its value.
        scopes: What values are counted in.
        keys: Names.
        marked: Which points say already that they stand for others.
        every: Of each attribute, limited or not, the place in `keys` of its name.
        every_spots: Likewise, start and end of its value.
    """

    series: Longs
    scope: Longs
    key: Longs
    spots: Longs
    scopes: Sequence[Scope]
    keys: Sequence[str]
    marked: NDArray[np.bool_]
    every: Longs
    every_spots: Longs


def looked_at(
    points: Columns, metric: Longs, scope_of: Callable[[int, str], Scope | None]
) -> Looked:
    """Find the limited attributes of points.

    Args:
        points: The points.
        metric: Row of the metric of each.
        scope_of: Where an attribute of a metric is counted; None where it is not.
    """
    scanned = points.scanned
    at, series = _pairs(points)
    names, spots = slices(scanned, at, (_KEY, _VALUE))
    coded = texts(scanned, names)
    keys = [value.decode(errors="replace") for value in coded.values]
    code = coded.codes.astype(np.int64)
    marked = np.zeros(len(points), np.bool_)
    marked[series[np.isin(code, [at for at, key in enumerate(keys) if key == OVERFLOW])]] = True
    of, place = np.unique(metric[series] * len(keys) + code, return_inverse=True)
    found = [scope_of(pair // len(keys), keys[pair % len(keys)]) for pair in of.tolist()]
    scopes = list(dict.fromkeys(scope for scope in found if scope is not None))
    order = {scope: row for row, scope in enumerate(scopes)}
    rows = np.array([-1 if scope is None else order[scope] for scope in found], np.int64)
    scope = rows[place.ravel()]
    limited = scope >= 0
    return Looked(
        series[limited],
        scope[limited],
        code[limited],
        spots[limited],
        scopes,
        keys,
        marked,
        code,
        spots,
    )


def _pairs(points: Columns) -> tuple[Longs, Longs]:
    """Every attribute, (tag, body, end, ...), and the point that it is of, in their order."""
    fields = np.array([ATTRIBUTES.get(kind, 0) for kind in range(12)])[points.mark[:, 0]]
    found: list[Longs] = []
    for field in np.unique(fields[fields > 0]).tolist():
        rows = np.flatnonzero(fields == field)
        parents = np.ascontiguousarray(points.at[rows, :4])
        mine = children(points.scanned, parents, field).copy()
        mine[:, 3] = rows[mine[:, 3]]
        found.append(mine)
    at = np.concatenate(found) if found else np.empty((0, 5), np.int64)
    at = np.ascontiguousarray(at[np.argsort(at[:, 3], kind="stable")])
    return at, np.ascontiguousarray(at[:, 3])
