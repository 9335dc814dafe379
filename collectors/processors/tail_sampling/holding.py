"""What waits: the index of traces and the payloads that their spans stand in, kept in step."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final

import numpy as np

from collectors.component import Batch, Context
from collectors.graph import pack, unpack
from collectors.processors.tail_sampling.arrival import Arrived
from collectors.processors.tail_sampling.release import read
from collectors.processors.tail_sampling.sorting import Ways
from collectors.sampling.index import Index
from collectors.sampling.index_parts import Spans
from collectors.sampling.payloads import Payloads
from collectors.sampling.shadow import Questions
from collectors.waiting import Gone, Place, Shelf
from collectors.wire.keep import keep
from collectors.wire.kernel import Codes

_IDLE_CONTEXTS: Final = 64


class Holding:
    """Traces that wait or were dropped of late, and the payloads of their spans.

    Attributes:
        index: Told through this class whenever spans come or go.
        payloads: Likewise.
    """

    def __init__(self, plan: Questions, shelf: Shelf) -> None:
        self._plan = plan
        self._shelf = shelf
        self._contexts = 0
        self.index = Index(plan.extras)
        self.payloads = Payloads()

    # ------------------------------------------------------------ coming and going

    def row(self, batch: Batch, context: Context, ways: Ways) -> int | None:
        """A row for a batch of which spans are to be held or known; None where none is."""
        if not (ways.waits | (ways.ends & ways.is_indexed)).any():
            return None
        return self.payloads.add(self._shelf.place(batch), batch.items, batch.wall_ns, context)

    def add(
        self, row: int, found: Arrived, ways: Ways, due_ns: int, root_due_ns: int
    ) -> tuple[Codes, int]:
        """Hold the spans that wait, and know those that ended; see `Index.absorb`."""
        late = np.flatnonzero(ways.ends & ways.is_indexed)
        self.index.append_dropped(found.rows[late], row)
        waits, rows, told = np.flatnonzero(ways.waits), found.rows, found.told
        if len(waits) < len(rows):
            rows, told = rows[waits], told.only(waits)
        self.payloads.begin(row, waiting=len(waits), dropped=len(late))
        return self.index.absorb(rows, told, row, due_ns, root_due_ns)

    def let_go(self, slots: Codes, spans: Spans) -> None:
        """Be done with traces that waited."""
        self.index.remove(slots, spans)
        self.payloads.count(spans.payloads, waiting=-1)

    def drop(self, slots: Codes) -> None:
        """Keep traces that waited as dropped ones."""
        rows = self.index.spans_of(slots).payloads
        self.index.drop(slots)
        self.payloads.count(rows, waiting=-1, dropped=1)

    def forget(self, slots: Codes, spans: Spans) -> None:
        """Be done with dropped traces."""
        self.index.forget(slots, spans)
        self.payloads.count(spans.payloads, dropped=-1)

    def forget_excess(self, most_spans: int) -> None:
        """Be done with the dropped traces that are too many for so many spans."""
        slots = self.index.excess(most_spans)
        if len(slots):
            self.forget(slots, self.index.spans_of(slots))

    def pack_together(self) -> None:
        """Give memory back that a peak has left behind."""
        if self.payloads.contexts > 2 * self._contexts + _IDLE_CONTEXTS:
            self.payloads.forget_contexts()
            self._contexts = self.payloads.contexts
        if self.index.is_sparse():
            self.load(self.dump({}))

    # ------------------------------------------------------------ moving

    def relocate(self, inbox_before: int, held_before: int) -> None:
        """Move the spans that wait at lower offsets to the end of the held log.

        Dropped spans stay where they are, for as long as that is there; so does what cannot
        be read, until it is decided on and counted.
        """
        waiting, dropped = self.index.standing(self.payloads.below(inbox_before, held_before))
        for row, spans in dropped.by_payload():
            self._stay(row, spans)
        found = dict(waiting.by_payload())
        for row in self.payloads.in_order(np.array(list(found), np.int32)).tolist():
            self._move(row, found[row])

    def _stay(self, row: int, spans: Spans) -> None:
        twin = self.payloads.part(row)
        self.index.move(spans, twin, spans.entries)
        self.payloads.begin(twin, waiting=0, dropped=len(spans.nodes))
        self.payloads.count(spans.payloads, dropped=-1)

    def _move(self, row: int, spans: Spans) -> None:
        place, _, _, items, *_ = self.payloads.row(row)
        try:
            scanned = read(self._shelf, Place(place), items)
        except Gone:
            return
        wanted = np.zeros(items, np.bool_)
        wanted[spans.entries] = True
        held = self._shelf.hold(keep(scanned, wanted))
        numbers = (np.cumsum(wanted) - 1).astype(np.int32)
        self.index.move(spans, row, numbers[spans.entries])
        self.payloads.replace(row, held, len(spans.nodes))

    # ------------------------------------------------------------ state

    def dump(self, others: Mapping[str, bytes]) -> bytes:
        """All state, with the `others` of whoever holds this."""
        payloads, numbers = self.payloads.dump()
        parts = {f"payloads/{name}": value for name, value in payloads.items()}
        parts |= {f"index/{name}": value for name, value in self.index.dump(numbers).items()}
        parts["asks"] = self._asks()
        return pack({**parts, **others})

    def load(self, state: bytes) -> Mapping[str, bytes]:
        """Continue from what `dump` gave, and return all of it.

        Raises:
            ValueError: It is none, or of another layout.
        """
        parts = unpack(state)
        self.payloads.load(_below("payloads/", parts))
        self.index.load(_below("index/", parts))
        self._contexts = self.payloads.contexts
        if parts["asks"] != self._asks():
            self._ask_anew()
        return parts

    def _asks(self) -> bytes:
        extras = [[extra.name, extra.fold] for extra in self._plan.extras]
        return json.dumps([list(self._plan.leaves), extras]).encode()

    def _ask_anew(self) -> None:
        """Ask the spans that wait what the policies of now want to know."""
        slots = self.index.oldest()
        self.index.unlearn(slots)
        spans = self.index.spans_of(slots)
        for row, mine in spans.by_payload():
            place, _, _, items, *_ = self.payloads.row(row)
            try:
                scanned = read(self._shelf, Place(place), items)
            except Gone:
                continue
            flags, extras = self._plan.flags(scanned), self._plan.measure(scanned)
            self.index.learn(slots[mine.owners], flags[mine.entries], extras[:, mine.entries])


def _below(prefix: str, parts: Mapping[str, bytes]) -> dict[str, bytes]:
    return {k.removeprefix(prefix): v for k, v in parts.items() if k.startswith(prefix)}
