"""Spans as they arrive: one row for each, made of columns, none of them decoded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from collectors.component import Batch
from collectors.sampling.index_kernel import ROOT, SPAN, Rows, digests
from collectors.sampling.index_parts import Told
from collectors.sampling.plan import Facts, Flags
from collectors.sampling.shadow import Questions
from collectors.sampling.thresholds import of_trace_ids
from collectors.sampling.tracestate import readable
from collectors.wire.kernel import Longs, Octets, Words
from collectors.wire.parse import Malformed
from collectors.wire.scan import Scan, identifiers, locate, numbers, slices, texts
from collectors.wire.spans import SPAN_ID_BYTES, TRACE_ID_BYTES

_TRACE_ID, _TRACE_STATE, _PARENT = 1, 3, 4
_START, _END = 7, 8
_EARLIEST_NS: Final = 946_684_800_000_000_000
"""The year 2000: whoever says an earlier time has no clock."""

_AHEAD_NS: Final = 86_400_000_000_000
"""A day: clocks that are set by hand in the wrong time zone are still believed."""


@dataclass(frozen=True, slots=True)
class Arrived:
    """The spans of a batch.

    Attributes:
        rows: Rows of `SPAN`.
        ids: Shape (spans, 16).
        has_id: Which of them belong to a trace.
        told: What else is known of them.
        doubtful: How many have times that cannot be true, which count for nothing.
    """

    scanned: Scan
    rows: Rows
    ids: Octets
    has_id: Flags
    told: Told
    doubtful: int

    def alone(self, chosen: Longs, held: Longs | None = None) -> Facts:
        """What is known of the traces that would be made of single spans; see `Facts.held`."""
        rows, told, ids = self.rows[chosen], self.told.only(chosen), self.ids[chosen]
        randomness, thresholds = of_trace_ids(ids), np.zeros(len(rows), np.uint64)
        if told.states is not None:
            stated, thresholds = told.states
            randomness = np.where(stated != 0, stated - np.uint64(1), randomness)
        return Facts(
            ids=ids,
            bits=rows["bits"],
            spans=np.ones(len(rows), np.int64),
            sizes=rows["size"],
            starts_ns=rows["start"],
            ends_ns=rows["end"],
            has_root=(rows["marks"] & ROOT) != 0,
            randomness=randomness,
            thresholds=thresholds,
            extras=told.extras,
            places=chosen,
            held=held,
        )


def arrived(batch: Batch, plan: Questions, seed: int) -> Arrived:
    """Look at the spans of `batch`.

    Raises:
        Malformed: It does not hold the spans that it counts.
    """
    scanned = locate(batch.signal, batch.payload, batch.items)
    if len(scanned.entries) != batch.items:
        msg = f"malformed request: it counts {batch.items} spans and has {len(scanned.entries)}"
        raise Malformed(msg)
    entries = scanned.entries
    of_id, of_state, of_parent = slices(scanned, entries, (_TRACE_ID, _TRACE_STATE, _PARENT))
    ids = identifiers(scanned, of_id, TRACE_ID_BYTES)
    parents = identifiers(scanned, of_parent, SPAN_ID_BYTES)
    rows = np.zeros(len(entries), SPAN)
    halves = ids.view(np.uint64).reshape(-1, 2)
    rows["high"], rows["low"] = halves[:, 0], halves[:, 1]
    rows["digest"] = digests(ids, seed)
    rows["bits"] = plan.flags(scanned)
    doubtful = _put_times(rows, scanned, batch.wall_ns)
    rows["size"] = entries[:, 2] - entries[:, 0]
    rows["entry"] = np.arange(len(entries))
    rows["marks"] = np.where(parents.view(np.uint64).ravel() == 0, ROOT, 0)
    states = _states(scanned, of_state) if (of_state[:, 1] > of_state[:, 0]).any() else None
    told = Told(plan.measure(scanned), states)
    has_id: Flags = (rows["high"] | rows["low"]) != 0
    return Arrived(scanned, rows, ids, has_id, told, doubtful)


def _put_times(rows: Rows, scanned: Scan, wall_ns: int) -> int:
    """Leave times out that cannot be true; how many spans have such."""
    starts, ends = numbers(scanned, scanned.entries, (_START, _END))
    latest = np.uint64(max(0, wall_ns) + _AHEAD_NS)
    believed = (starts >= np.uint64(_EARLIEST_NS)) & (starts <= ends) & (ends <= latest)
    rows["start"] = np.where(believed, starts, np.uint64(0))
    rows["end"] = np.where(believed, ends, np.uint64(0))
    return len(rows) - int(np.count_nonzero(believed))


def _states(scanned: Scan, spots: NDArray[np.int64]) -> Words | None:
    """See `Told.states`."""
    coded = texts(scanned, spots)
    states = [readable(value) for value in coded.values]
    stated = [(0 if of is None or of.randomness is None else of.randomness + 1) for of in states]
    limits = [0 if of is None else of.threshold or 0 for of in states]
    if not any(stated) and not any(limits):
        return None
    found: Words = np.array([stated, limits], np.uint64)[:, coded.codes]
    return found
