"""Prometheus' answers to range queries as columns: millions of numbers, none an object.

What is laid out as Prometheus lays it out is read as it stands; any other JSON that means the
same is read the long way.

Source: Prometheus, docs/querying/api.md, `query_range` and "Range vectors".
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from slo.ask import Prometheus, Series

Labels: TypeAlias = tuple[tuple[str, str], ...]
Numbers: TypeAlias = npt.NDArray[np.float64]
_HEAD: Final = b'{"status":"success","data":{"resultType":"matrix","result":['
_METRIC: Final = b'{"metric":'
_VALUES: Final = b',"values":[['
_MARKS: Final = b'[]"'


@dataclass(frozen=True, slots=True)
class Column:
    """One series of an answer.

    Attributes:
        labels: Sorted, the name included where there is one.
        times: Seconds since 1970.
        values: As many.
    """

    labels: Labels
    times: Numbers
    values: Numbers


def columns(server: Prometheus, expr: str, start: float, end: float, step: float) -> list[Column]:
    """As `Prometheus.ranged`, in columns.

    Raises:
        UnreachableError: No usable answer.
        RefusedError: The server refuses the query.
    """
    raw = server.ranged_raw(expr, start, end, step)
    found = laid_out(raw)
    return [_column(one) for one in server.read(raw)] if found is None else found


def joined(pieces: Sequence[Column]) -> Column:
    """Columns of the same series that follow each other, as one."""
    if len(pieces) == 1:
        return pieces[0]
    times = np.concatenate([each.times for each in pieces])
    return Column(pieces[0].labels, times, np.concatenate([each.values for each in pieces]))


def laid_out(raw: bytes) -> list[Column] | None:
    """The series of an answer that looks as Prometheus writes it, or None."""
    try:
        return list(_series(raw))
    except ValueError:
        return None


def _series(raw: bytes) -> Iterator[Column]:
    """Quotes within a label are escaped: nothing there looks like what is searched for."""
    place = _after(raw, _HEAD, 0)
    while raw.startswith(_METRIC, place):
        begin = place + len(_METRIC)
        place = raw.index(_VALUES, begin)
        end = raw.index(b"]]", place)
        labels = json.loads(raw[begin:place])
        told = raw[place + len(_VALUES) : end].translate(None, _MARKS)
        numbers = np.array(told.split(b","), dtype=np.float64).reshape(-1, 2)
        yield Column(tuple(sorted(labels.items())), numbers[:, 0], numbers[:, 1])
        place = _after(raw, b"}", end + 2)
        place += raw.startswith(b",{", place)
    _after(raw, b"]}", place)


def _after(raw: bytes, mark: bytes, place: int) -> int:
    if not raw.startswith(mark, place):
        msg = f"not laid out as Prometheus does at byte {place}"
        raise ValueError(msg)
    return place + len(mark)


def _column(one: Series) -> Column:
    numbers = np.array(one.points, dtype=np.float64).reshape(-1, 2)
    return Column(tuple(sorted(one.labels.items())), numbers[:, 0], numbers[:, 1])
