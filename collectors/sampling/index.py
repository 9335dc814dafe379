"""Traces that wait for their decision, and those dropped of late, in flat arrays.

A trace is a row and a place in a hash table; a span of it is a node of twelve bytes that
says in which payload it stands. No object is made for either. Whatever order is visible
outside is the order of arrival: rows are used again as they fall free, and say nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from collectors.sampling.index_kernel import (
    COUNTS,
    FREE,
    FREE_NODE,
    FREE_TRACE,
    INDEX_KERNEL,
    NEVER,
    NODE,
    ORDER,
    ROOT,
    TRACE,
    USED_NODES,
    USED_TRACES,
    IndexKernel,
    Rows,
    digest,
)
from collectors.sampling.index_parts import Spans, Told, grown, longer, table_size, zeros
from collectors.sampling.plan import Extra, Facts, Flags, Fold
from collectors.sampling.thresholds import of_trace_ids
from collectors.wire.kernel import Codes, Longs, Octets, Words

_SMALL: Final = 65_536
_IDLE_SHARE: Final = 4
"""Once so few of the rows are in use, they are packed together."""

_FOLDS: Final = {Fold.OR: np.bitwise_or, Fold.MAX: np.maximum, Fold.SUM: np.add}

_DROPPED: Final = -(2**62)
"""A trace that was dropped is due at this and the number of its dropping: below zero."""

_LAYOUT: Final = b"1"
_INT, _LONG, _WORD = np.dtype(np.int32), np.dtype(np.int64), np.dtype(np.uint64)


class Index:
    """The rows of traces and the nodes of their spans.

    Attributes:
        seed: Of the digests of ids, 0 until it is set; then it stays.
        traces: Traces that wait.
        spans: Spans that wait.
        size_bytes: Bytes of the spans that wait.
        dropped_spans: Spans of dropped traces that could still be brought back.
    """

    def __init__(self, extras: Sequence[Extra] = (), kernel: IndexKernel = INDEX_KERNEL) -> None:
        """Hold nothing.

        Args:
            extras: What is measured beside the leaves.
            kernel: The loops.
        """
        self.seed = 0
        self._kernel = kernel
        self._folds = [extra.fold for extra in extras]
        self._clear(0, 0)

    def _clear(self, traces: int, nodes: int) -> None:
        self._table: Codes = zeros(table_size(traces), _INT)
        self._traces: Rows = zeros(traces, TRACE)
        self._due: Longs = zeros(traces, _LONG)
        self._extras: Words = zeros(traces, _WORD, len(self._folds))
        self._states: Words | None = None
        self._nodes: Rows = zeros(nodes, NODE)
        self._counts: Longs = np.zeros(COUNTS, np.int64)
        self._counts[[FREE_TRACE, FREE_NODE]] = -1
        self._live = 0
        self._droppings = 0
        self._next_due: int | None = NEVER
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
        self, spans: Rows, told: Told, payload: int, due_ns: int, root_due_ns: int
    ) -> tuple[Codes, int]:
        """Add spans to traces that wait, and begin those that there are none of.

        Args:
            spans: Rows of `SPAN`.
            told: What else is known of them.
            payload: Row of the payload that they stand in.
            due_ns: When the traces that begin are due.
            root_due_ns: When those are due, at the latest, whose root is among the spans.

        Returns:
            The row of each span's trace, and how many traces began.
        """
        slots, began = self._added(spans, payload, due_ns, root_due_ns)
        self._fold(slots, told.extras)
        if told.states is not None:
            self._state(slots, told.states)
        self.traces += began
        self.spans += len(spans)
        self.size_bytes += int(spans["size"].sum())
        if self._next_due is not None and len(slots):
            self._next_due = min(self._next_due, int(self._due[slots].min()))
        return slots, began

    def _fold(self, slots: Codes, extras: Words) -> None:
        for column, fold in enumerate(self._folds):
            _FOLDS[fold].at(self._extras[:, column], slots, extras[column])

    def _state(self, slots: Codes, states: Words) -> None:
        """Of traces in which several spans state something the highest counts."""
        if self._states is None:
            self._states = zeros(len(self._traces), _WORD, 2)
        np.maximum.at(self._states, slots, states.T)

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
        self._added(spans, payload, NEVER, NEVER)
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
            room = grown(len(self._traces), traces)
            self._traces, self._due = longer(self._traces, room), longer(self._due, room)
            self._extras = longer(self._extras, room)
            if self._states is not None:
                self._states = longer(self._states, room)
        nodes = int(self._counts[USED_NODES]) + spans
        if nodes > len(self._nodes):
            self._nodes = longer(self._nodes, grown(len(self._nodes), nodes))
        if (self._live + spans) * 3 > len(self._table) * 2:
            self._table = zeros(table_size(self._live + spans), _INT)
            self._kernel.put(self._table, self._traces, self.seed, self._rows(self._due != FREE))

    # ------------------------------------------------------------ decision

    def next_due(self) -> int | None:
        """When a trace is due first; None while none waits."""
        if self._next_due is None:
            waiting = self._due[self._due > 0]
            self._next_due = int(waiting.min()) if len(waiting) else NEVER
        return None if self._next_due == NEVER else self._next_due

    def due(self, steady_ns: int) -> Codes:
        """The traces that are due, in the order in which they arrived."""
        return self._in_order((self._due > 0) & (self._due <= steady_ns))

    def oldest(self, most: int | None = None) -> Codes:
        """The traces that wait, or the first so many, in the order in which they arrived."""
        slots = self._rows(self._due > 0)
        if most is not None and most < len(slots):
            slots = slots[np.argpartition(self._traces["order"][slots], most)[:most]]
        return self.in_order(slots)

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
        randomness, thresholds = of_trace_ids(ids), np.zeros(len(rows), np.uint64)
        if self._states is not None:
            stated, thresholds = self._states[slots].T
            randomness = np.where(stated != 0, stated - np.uint64(1), randomness)
        return Facts(
            ids=ids,
            bits=rows["bits"],
            spans=rows["spans"].astype(np.int64),
            sizes=rows["size"],
            starts_ns=rows["start"],
            ends_ns=rows["end"],
            has_root=(rows["marks"] & ROOT) != 0,
            randomness=randomness,
            thresholds=thresholds,
            extras=np.ascontiguousarray(self._extras[slots].T),
        )

    def digests(self, slots: Codes) -> Words:
        """The digest of each trace's id."""
        return digest(self._traces["high"][slots], self._traces["low"][slots], self.seed)

    def spans_of(self, slots: Codes) -> Spans:
        """The spans of traces."""
        count = int(self._traces["spans"][slots].sum())
        nodes, owners = np.empty(count, np.int32), np.empty(count, np.int32)
        self._kernel.walk(self._traces, self._nodes, slots, nodes, owners)
        rows = self._nodes[nodes]
        return Spans(nodes, rows["payload"].copy(), rows["entry"].copy(), owners)

    def standing(self, payloads: Flags) -> tuple[Spans, Spans]:
        """The spans that stand in these payloads: those that wait, and those of dropped traces.

        Args:
            payloads: For each row of a payload, whether it is meant.
        """
        used = self._nodes["payload"][: int(self._counts[USED_NODES])]
        nodes = np.flatnonzero(payloads[used] & (used >= 0)).astype(np.int32)
        rows = self._nodes[nodes]
        nobody = np.full(len(nodes), -1, np.int32)
        found = Spans(nodes, rows["payload"].copy(), rows["entry"].copy(), nobody)
        is_dropped = np.zeros(len(self._nodes), np.bool_)
        is_dropped[self.spans_of(self.dropped()).nodes] = True
        return found.only(~is_dropped[nodes]), found.only(is_dropped[nodes])

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
        if self._states is not None:
            self._states[slots] = 0
        self._kernel.release(self._nodes, self._counts, spans.nodes)
        self._kernel.remove(self._table, self._traces, self._due, self._counts, self.seed, slots)
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
        return max(room) > _SMALL and all(
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
            "seed": self.seed.to_bytes(8, "little"),
            "counts": counts.tobytes(),
            "traces": traces.tobytes(),
            "due": self._due[slots].tobytes(),
            "extras": self._extras[slots].tobytes(),
            "states": b"" if self._states is None else self._states[slots].tobytes(),
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
        self.seed = int.from_bytes(parts["seed"], "little")
        self._clear(len(traces), len(entries))
        self._traces[:], self._due[:] = traces, due
        if extras.size == self._extras.size:
            self._extras[:] = extras.reshape(self._extras.shape)
        if parts["states"]:
            self._states = np.frombuffer(parts["states"], np.uint64).reshape(-1, 2).copy()
        self._nodes["payload"] = np.frombuffer(parts["payloads"], np.int32)
        self._nodes["entry"] = entries
        self._nodes["previous"] = np.arange(-1, len(entries) - 1)
        ends = np.cumsum(traces["spans"])
        self._nodes["previous"][(ends - traces["spans"])[traces["spans"] > 0]] = -1
        self._traces["last"] = ends - 1
        self._counts[[USED_TRACES, USED_NODES, ORDER]] = len(traces), len(entries), order
        self._live, self._droppings, self.traces = len(traces), droppings, waiting
        of_waiting = due > 0
        self.spans = int(traces["spans"][of_waiting].sum())
        self.size_bytes = int(traces["size"][of_waiting].sum())
        self.dropped_spans = len(entries) - self.spans
        self._kernel.put(
            self._table, self._traces, self.seed, np.arange(len(traces), dtype=np.int32)
        )
        self._next_due = None
