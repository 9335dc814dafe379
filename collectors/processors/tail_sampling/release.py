"""Spans that were decided to be kept: read again where they stand, and put out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np

from collectors.component import Batch, Context, Emit, Signal
from collectors.sampling.index_parts import Spans
from collectors.sampling.payloads import Payloads
from collectors.sampling.restate import restate
from collectors.waiting import Gone, Place, Shelf
from collectors.wire.keep import keep
from collectors.wire.kernel import Words
from collectors.wire.scan import Scan, locate

MERGED_BYTES: Final = 1 << 20
"""Requests of one context are merged until they are as long as this."""


@dataclass(slots=True)
class _Gathered:
    parts: list[bytes] = field(default_factory=list[bytes])
    size_bytes: int = 0
    items: int = 0
    wall_ns: int = 0


def read(shelf: Shelf, place: Place, items: int) -> Scan:
    """The request at `place`, which holds `items` spans.

    Raises:
        Gone: It cannot be read any more.
    """
    scanned = locate(Signal.TRACES, shelf.read(place), items)
    if len(scanned.entries) != items:
        msg = f"place {place} should hold {items} spans, it holds {len(scanned.entries)}"
        raise Gone(msg)
    return scanned


class Release:
    """Puts spans out, in the order of arrival, merged by context."""

    def __init__(self, shelf: Shelf, payloads: Payloads, out: Emit, steady_ns: int) -> None:
        """Prepare to put spans out.

        Args:
            shelf: Where they stand.
            payloads: The rows that they name.
            out: Takes them.
            steady_ns: The time of the decision, which is that of what is put out.
        """
        self._shelf = shelf
        self._payloads = payloads
        self._out = out
        self._steady_ns = steady_ns
        self._gathered: dict[Context, _Gathered] = {}

    def put(self, spans: Spans, thresholds: Words) -> int:
        """Put out `spans`.

        Args:
            spans: What is kept.
            thresholds: At which, for each of their owners.

        Returns:
            How many could not be read any more.
        """
        gone = 0
        found = dict(spans.by_payload())
        for row in self._payloads.in_order(np.array(list(found), np.int32)).tolist():
            gone += self._put_payload(row, found[row], thresholds)
        for context in list(self._gathered):
            self._flush(context)
        return gone

    def _put_payload(self, row: int, spans: Spans, thresholds: Words) -> int:
        entries = spans.entries.astype(np.int64)
        place, wall_ns, _, items, _, _, context = self._payloads.row(row)
        try:
            scanned = read(self._shelf, Place(place), items)
        except Gone:
            return len(entries)
        wanted = np.zeros(items, np.bool_)
        wanted[entries] = True
        part = keep(scanned, wanted, restate(scanned, entries, thresholds[spans.owners]))
        of = self._payloads.context(context)
        gathered = self._gathered.setdefault(of, _Gathered())
        gathered.parts.append(part)
        gathered.size_bytes += len(part)
        gathered.items += len(entries)
        gathered.wall_ns = max(gathered.wall_ns, wall_ns)
        if gathered.size_bytes >= MERGED_BYTES:
            self._flush(of)
        return 0

    def _flush(self, context: Context) -> None:
        of = self._gathered.pop(context)
        payload = b"".join(of.parts)
        self._out(Batch(Signal.TRACES, payload, of.items, context, self._steady_ns, of.wall_ns))
