"""Traces that wait for their decision, and those dropped of late, in flat arrays.

A trace is a row and a place in a hash table; a span of it is a node of twelve bytes that
says in which payload it stands. No object is made for either. Whatever order is visible
outside is the order of arrival: rows are used again as they fall free, and say nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from collectors.sampling.index_kernel import (
    COUNTS,
    FREE,
    FREE_NODE,
    FREE_TRACE,
    INDEX_KERNEL,
    NODE,
    ORDER,
    ROOT,
    TRACE,
    USED_NODES,
    USED_TRACES,
    IndexKernel,
    Rows,
)
from collectors.sampling.plan import Extra, Facts, Flags, Fold
from collectors.wire.kernel import Codes, Longs, Octets, Words

_LEAST_ROOM: Final = 256
_GROWTH: Final = 1.5
_IDLE_SHARE: Final = 4
"""Once so few of the rows are in use, they are packed together."""

_DROPPED: Final = -(2**62)
"""A trace that was dropped is due at this and the number of its dropping: below zero."""

_LAYOUT: Final = b"1"


@dataclass(frozen=True, slots=True)
class Spans:
    """Spans of traces, oldest first within each.

    Attributes:
        nodes: Their nodes in the index.
        payloads: Row of the payload that each stands in.
        entries: Its row in the scan of that payload.
        owners: Place of its trace among those asked about.
    """

    nodes: Codes
    payloads: Codes
    entries: Codes
    owners: Codes

    def only(self, wanted: Flags) -> Spans:
        """Those that are wanted."""
        columns = (self.nodes, self.payloads, self.entries, self.owners)
        return Spans(*(column[wanted] for column in columns))


class Index:
    """The rows of traces and the nodes of their spans.

    Attributes:
        traces: Traces that wait.
        spans: Spans that wait.
        size_bytes: Bytes of the spans that wait.
        dropped_spans: Spans of dropped traces that could still be brought back.
    """

    def __init__(self, extras: Sequence[Extra] = (), kernel: IndexKernel = INDEX_KERNEL) -> None:
        self._kernel = kernel
        self._folds = [extra.fold for extra in extras]
        self._clear(0, 0)

    def _clear(self, traces: int, nodes: int) -> None:
        self._table: Codes = np.zeros(_table_size(traces), np.int32)
        self._traces: Rows = np.zeros(traces, TRACE)
        self._due: Longs = np.full(traces, FREE, np.int64)
        self._extras: Words = np.zeros((traces, len(self._folds)), np.uint64)
        self._nodes: Rows = np.zeros(nodes, NODE)
        self._counts: Longs = np.zeros(COUNTS, np.int64)
        self._counts[[FREE_TRACE, FREE_NODE]] = -1
        self._live = 0
        self._droppings = 0
        self._next_due: int | None = FREE
        self.traces = self.spans = self.size_bytes = self.dropped_spans = 0

    # ------------------------------------------------------------ arrival

    def find(self, spans: Rows) -> Codes:
        """The row of each span's trace, -1 where it has none."""
        slots = np.empty(len(spans), np.int32)
        self._kernel.find(self._table, self._traces, spans, slots)
        return slots

    def is_dropped(self, slots: Codes) -> Rows:
        """Which of these rows hold a trace that was dropped; none of row -1 is one."""
        return (slots >= 0) & (self._due[slots] < 0) if self._live else slots < -1

    def absorb(
        self, spans: Rows, extras: Words, payload: int, due_ns: int, root_due_ns: int
    ) -> tuple[Codes, int]:
        """Add spans to traces that wait, and begin those that there are none of.

        Args:
            spans: Rows of `SPAN`.
            extras: Shape (extras, spans).
            payload: Row of the payload that they stand in.
            due_ns: When the traces that begin are due.
            root_due_ns: When those are due, at the latest, whose root is among the spans.

        Returns:
            The row of each span's trace, and how many traces began.
        """
        slots, began = self._added(spans, payload, due_ns, root_due_ns)
        self._fold(slots, extras)
        self.traces += began
        self.spans += len(spans)
        self.size_bytes += int(spans["size"].sum())
        if self._next_due is not None and len(slots):
            self._next_due = min(self._next_due, int(self._due[slots].min()))
        return slots, began

    def _fold(self, slots: Codes, extras: Words) -> None:
        for column, fold in enumerate(self._folds):
            fold_at = np.bitwise_or.at if fold is Fold.OR else np.maximum.at
            fold_at(self._extras[:, column], slots, extras[column])

    def unlearn(self, slots: Codes) -> None:
        """Forget what was said of the spans of traces."""
        self._traces["bits"][slots] = 0
        self._extras[slots] = 0

    def learn(self, slots: Codes, flags: Words, extras: Words) -> None:
        """Say of spans that are held already, each by the row of its trace, what they are."""
        np.bitwise_or.at(self._traces["bits"], slots, flags)
        self._fold(slots, extras)

    def append_dropped(self, spans: Rows, payload: int) -> None:
        """Add late spans to traces that were dropped and still have their rows."""
        self._added(spans, payload, FREE, FREE)
        self.dropped_spans += len(spans)

    def _added(self, spans: Rows, payload: int, due_ns: int, root_due_ns: int) -> tuple[Codes, int]:
        self._make_room(len(spans))
        slots = np.empty(len(spans), np.int32)
        began = self._kernel.absorb(
            self._table,
            self._traces,
            self._due,
            self._nodes,
            self._counts,
            spans,
            slots,
            payload,
            due_ns,
            root_due_ns,
        )
        self._live += began
        return slots, began

    def _make_room(self, spans: int) -> None:
        traces = int(self._counts[USED_TRACES]) + spans
        if traces > len(self._traces):
            before, room = len(self._traces), _grown(len(self._traces), traces)
            for array in (self._traces, self._due):
                array.resize(room, refcheck=False)
            self._extras.resize((room, len(self._folds)), refcheck=False)
            self._due[before:] = FREE
        nodes = int(self._counts[USED_NODES]) + spans
        if nodes > len(self._nodes):
            self._nodes.resize(_grown(len(self._nodes), nodes), refcheck=False)
        if (self._live + spans) * 3 > len(self._table) * 2:
            self._table = np.zeros(_table_size(self._live + spans), np.int32)
            self._kernel.put(self._table, self._traces, self._rows(self._due != FREE))

    # ------------------------------------------------------------ decision

    def next_due(self) -> int | None:
        """When a trace is due first; None while none waits."""
        if self._next_due is None:
            waiting = self._due[self._due >= 0]
            self._next_due = int(waiting.min()) if len(waiting) else FREE
        return None if self._next_due == FREE else self._next_due

    def due(self, steady_ns: int) -> Codes:
        """The traces that are due, in the order in which they arrived."""
        return self._in_order((self._due >= 0) & (self._due <= steady_ns))

    def oldest(self) -> Codes:
        """All traces that wait, in the order in which they arrived."""
        return self._in_order((self._due >= 0) & (self._due != FREE))

    def dropped(self) -> Codes:
        """All dropped traces that have their rows, first dropped first."""
        slots = self._rows(self._due < 0)
        return slots[np.argsort(self._due[slots])]

    def in_order(self, slots: Codes) -> Codes:
        """Traces in the order in which they arrived."""
        return slots[np.argsort(self._traces["order"][slots])]

    def sizes(self, slots: Codes) -> Longs:
        """Bytes of the spans of each trace."""
        sizes: Longs = self._traces["size"][slots]
        return sizes

    def facts(self, slots: Codes) -> Facts:
        """What is known of traces."""
        rows = self._traces[slots]
        halves = np.stack((rows["high"], rows["low"]), axis=1)
        ids: Octets = np.ascontiguousarray(halves).view(np.uint8)
        return Facts(
            ids=ids,
            bits=rows["bits"],
            spans=rows["spans"].astype(np.int64),
            sizes=rows["size"],
            starts_ns=rows["start"],
            ends_ns=rows["end"],
            has_root=(rows["marks"] & ROOT) != 0,
            randomness=rows["randomness"],
            thresholds=rows["threshold"],
            extras=np.ascontiguousarray(self._extras[slots].T),
        )

    def digests(self, slots: Codes) -> Words:
        """The digest of each trace's id."""
        found: Words = self._traces["digest"][slots]
        return found

    def spans_of(self, slots: Codes) -> Spans:
        """The spans of traces."""
        count = int(self._traces["spans"][slots].sum())
        nodes, owners = np.empty(count, np.int32), np.empty(count, np.int32)
        self._kernel.walk(self._traces, self._nodes, slots, nodes, owners)
        rows = self._nodes[nodes]
        return Spans(nodes, rows["payload"].copy(), rows["entry"].copy(), owners)

    def drop(self, slots: Codes) -> None:
        """Let traces that wait be dropped ones, which keep their rows until `forget`."""
        self._leave(slots)
        self.dropped_spans += int(self._traces["spans"][slots].sum())
        numbers = np.arange(self._droppings, self._droppings + len(slots))
        self._due[slots] = _DROPPED + numbers
        self._droppings += len(slots)

    def remove(self, slots: Codes, spans: Spans) -> None:
        """Let traces that wait go, with their `spans`."""
        self._leave(slots)
        self._free(slots, spans)

    def forget(self, slots: Codes, spans: Spans) -> None:
        """Let dropped traces go, with their `spans`."""
        self.dropped_spans -= len(spans.nodes)
        self._free(slots, spans)

    def excess(self, most_spans: int) -> Codes:
        """The dropped traces, first dropped first, that are too many for so many spans."""
        if self.dropped_spans <= most_spans:
            return np.empty(0, np.int32)
        slots = self.dropped()
        gone = np.cumsum(self._traces["spans"][slots])
        enough = int(np.searchsorted(gone, self.dropped_spans - most_spans))
        return slots[: enough + 1]

    def _leave(self, slots: Codes) -> None:
        self.traces -= len(slots)
        self.spans -= int(self._traces["spans"][slots].sum())
        self.size_bytes -= int(self._traces["size"][slots].sum())
        self._next_due = None

    def _free(self, slots: Codes, spans: Spans) -> None:
        self._extras[slots] = 0
        self._kernel.release(self._nodes, self._counts, spans.nodes)
        self._kernel.remove(self._table, self._traces, self._due, self._counts, slots)
        self._live -= len(slots)

    def _rows(self, wanted: Rows) -> Codes:
        return np.flatnonzero(wanted).astype(np.int32)

    def _in_order(self, wanted: Rows) -> Codes:
        return self.in_order(self._rows(wanted))

    # ------------------------------------------------------------ moving

    def move(self, spans: Spans, payload: int, entries: Codes) -> None:
        """Say of spans that they stand in another payload, at other rows of its scan."""
        self._nodes["payload"][spans.nodes] = payload
        self._nodes["entry"][spans.nodes] = entries

    def is_sparse(self) -> bool:
        """Whether `load` of `dump` would free much."""
        room = len(self._traces), len(self._nodes)
        used = self._live, self.spans + self.dropped_spans
        return max(room) > _LEAST_ROOM * _LEAST_ROOM and all(
            use * _IDLE_SHARE < rows for use, rows in zip(used, room, strict=True)
        )

    # ------------------------------------------------------------ state

    def dump(self, payloads: Codes) -> dict[str, bytes]:
        """All state, rows packed together in the order of their arrival.

        Args:
            payloads: The number that each payload's row has in what is saved with this.
        """
        slots = self._in_order(self._due != FREE)
        spans, traces = self.spans_of(slots), self._traces[slots]
        traces["last"] = -1
        counts = np.array([self._counts[ORDER], self._droppings, self.traces], np.int64)
        return {
            "layout": _LAYOUT,
            "counts": counts.tobytes(),
            "traces": traces.tobytes(),
            "due": self._due[slots].tobytes(),
            "extras": self._extras[slots].tobytes(),
            "payloads": payloads[spans.payloads].tobytes(),
            "entries": spans.entries.tobytes(),
        }

    def load(self, parts: Mapping[str, bytes]) -> None:
        """Continue from what `dump` gave; extras of another number are left out.

        Raises:
            ValueError: It is of another layout.
        """
        traces = np.frombuffer(parts["traces"], TRACE)
        due = np.frombuffer(parts["due"], np.int64)
        extras = np.frombuffer(parts["extras"], np.uint64)
        if parts["layout"] != _LAYOUT:
            msg = f"an index of layout {_LAYOUT.decode()}, got {parts['layout'][:8]!r}"
            raise ValueError(msg)
        entries = np.frombuffer(parts["entries"], np.int32)
        order, droppings, waiting = np.frombuffer(parts["counts"], np.int64).tolist()
        self._clear(len(traces), len(entries))
        self._traces[:], self._due[:] = traces, due
        if extras.size == self._extras.size:
            self._extras[:] = extras.reshape(self._extras.shape)
        self._nodes["payload"] = np.frombuffer(parts["payloads"], np.int32)
        self._nodes["entry"] = entries
        self._nodes["previous"] = np.arange(-1, len(entries) - 1)
        ends = np.cumsum(traces["spans"])
        self._nodes["previous"][(ends - traces["spans"])[traces["spans"] > 0]] = -1
        self._traces["last"] = ends - 1
        self._counts[[USED_TRACES, USED_NODES, ORDER]] = len(traces), len(entries), order
        self._live, self._droppings, self.traces = len(traces), droppings, waiting
        of_waiting = due >= 0
        self.spans = int(traces["spans"][of_waiting].sum())
        self.size_bytes = int(traces["size"][of_waiting].sum())
        self.dropped_spans = len(entries) - self.spans
        self._kernel.put(self._table, self._traces, np.arange(len(traces), dtype=np.int32))
        self._next_due = None


def _grown(room: int, needed: int) -> int:
    return max(needed, _LEAST_ROOM, int(room * _GROWTH))


def _table_size(traces: int) -> int:
    """A power of two that is at most two thirds full."""
    return 1 << max(9, (traces * 3 // 2).bit_length())
