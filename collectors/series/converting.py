"""Points that become others of the same series at once: what such processors have in common.

Everything that is not converted stays as it came; a `Conversion` says what becomes of the rest.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from collectors.component import Batch, Emit, Signal
from collectors.graph import pack, unpack
from collectors.series.kept import Kept
from collectors.series.rewriting import Histograms, rewritten
from collectors.series.streams import Streams
from collectors.stateless import Stateless
from collectors.wire.histograms import Bank, bank_of, chunks
from collectors.wire.kernel import Longs, Words
from collectors.wire.points import Columns, read
from collectors.wire.scan import locate

Mask = NDArray[np.bool_]


class Followed:
    """The series of one sender: their newest points, and what their histograms counted."""

    def __init__(self, limit: int, max_stale_ns: int) -> None:
        """Begin empty; see `Streams`."""
        self.streams = Streams(limit, max_stale_ns)
        self.kept = Kept()

    def rows(self, columns: Columns, wanted: Mask, steady_ns: int) -> Longs:
        """The row of each point; -1 where it is not wanted or there is no room."""
        if self.streams.is_due(steady_ns):
            stale = self.streams.stale(steady_ns)
            self.kept.rename(self.streams.sweep(~stale, steady_ns))
        row: Longs = np.full(len(columns), -1, np.int64)
        row[wanted] = self.streams.rows(columns.point_id[wanted], steady_ns)
        return row

    def clear(self) -> None:
        """Forget all."""
        self.streams.clear()
        self.kept.clear()


@dataclass(frozen=True, slots=True)
class Converted:
    """What became of the points of a request.

    Attributes:
        sums: Points that become `value`: start, time, bits and type.
        histograms: Points of histograms that became others.
        kept: Points that stay in the request.
    """

    sums: Mask
    value: Words
    histograms: Histograms
    kept: Mask


class Conversion(Protocol):
    """What becomes of points, and what is said of it.

    Attributes:
        temporality: Of the metrics that were converted.
    """

    @property
    def temporality(self) -> int:
        """See above."""
        ...

    def wanted(self, columns: Columns, batch: Batch) -> Mask:
        """Which points are to be converted; asked of every batch, in order."""
        ...

    def convert(
        self, series: Followed, columns: Columns, wanted: Mask, row: Longs, batch: Batch
    ) -> Converted:
        """Convert points, and count them; `row` is -1 for those that have no series."""
        ...

    def begin_again(self, series: Followed) -> None:
        """See `Cumulative.begin_again`."""
        ...

    def snapshot(self) -> bytes:
        """What is remembered beside the series."""
        ...

    def restore(self, state: bytes) -> None:
        """Continue from `state`."""
        ...


class Converting(Stateless):
    """Converts the points of one sender."""

    def __init__(self, conversion: Conversion, series: Followed) -> None:
        self._conversion = conversion
        self._series = series

    def step(self, batch: Batch, out: Emit) -> None:
        """Put out `batch` with its points converted."""
        columns = read(locate(Signal.METRICS, batch.payload, batch.items))
        wanted = self._conversion.wanted(columns, batch)
        if not bool(wanted.any()):
            out(batch)
            return
        row = self._series.rows(columns, wanted, batch.steady_ns)
        made = self._conversion.convert(self._series, columns, wanted, row, batch)
        items = int(made.kept.sum())
        if items:
            payload = rewritten(
                columns, made.sums & made.kept, made.value, made.histograms, made.kept,
                wanted, self._conversion.temporality,
            )  # fmt: skip
            out(dataclasses.replace(batch, payload=payload, items=items))

    def snapshot(self) -> bytes:
        """The newest point of each series, and what the conversion remembers."""
        return pack(
            {
                "conversion": self._conversion.snapshot(),
                "streams": self._series.streams.snapshot(),
                "kept": self._series.kept.snapshot(),
            }
        )

    def restore(self, state: bytes) -> None:
        """Continue from `state`."""
        parts = unpack(state)
        self._conversion.restore(parts["conversion"])
        self._series.streams.restore(parts["streams"])
        self._series.kept.restore(parts["kept"])

    def begin_again(self) -> None:
        """See `Cumulative.begin_again`."""
        self._conversion.begin_again(self._series)


def histograms_of(columns: Columns, which: Mask) -> Iterator[tuple[Longs, Bank]]:
    """Points in runs that fit into memory, each with what its points counted."""
    for places in chunks(columns, np.flatnonzero(which)):
        yield places, bank_of(columns.take(places))
