"""The compiled index and its twin do the same, and both do what a dictionary would."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from numpy.typing import NDArray

from collectors.sampling.index import Index
from collectors.sampling.index_kernel import (
    PRINT,
    SPAN,
    IndexKernel,
    Rows,
    compiled,
    digest,
    digests,
    twin,
)
from collectors.sampling.index_parts import Told
from collectors.sampling.memory import Memory
from collectors.sampling.plan import Extra, Flags, Fold
from collectors.wire.kernel import Codes

EXTRAS = (Extra("any", Fold.OR), Extra("most", Fold.MAX), Extra("all", Fold.SUM))
SEED = 0x5EED
IDENTITY = np.arange(1000, dtype=np.int32)

# Few ids, so that traces meet.
arriving = st.lists(
    st.tuples(
        st.integers(1, 40),  # trace
        st.integers(0, 2**64 - 1),  # bits
        st.integers(0, 5),  # start, 0 for none
        st.integers(0, 5),  # how long
        st.integers(0, 1),  # marks
    ),
    max_size=20,
)


def kernels() -> list[IndexKernel]:
    found = compiled()
    if found is None:
        pytest.skip("built without a C compiler: there is only the twin")
    return [found, twin()]


def rows(spans: list[tuple[int, int, int, int, int]]) -> Rows:
    made = np.zeros(len(spans), SPAN)
    for row, (trace, bits, start, long, marks) in enumerate(spans):
        end = start + long if start else 0
        made[row] = (trace % 3, trace, 0, bits, start, end, 10 + trace, row, marks)
    made["digest"] = digest(made["high"], made["low"], SEED)
    return made


def told(spans: Rows, wanted: Flags) -> Told:
    states = np.stack([spans["bits"] % 3, spans["bits"] >> 8]) if spans["bits"].any() else None
    extras = np.stack([spans["bits"], spans["start"], spans["size"].astype(np.uint64)])
    return Told(extras, states).only(np.flatnonzero(wanted))


def shown(index: Index) -> list[object]:
    """Everything that can be seen from outside."""
    slots = np.concatenate((index.oldest(), index.dropped()))
    facts, spans = index.facts(slots), index.spans_of(slots)
    columns: list[NDArray[np.generic]] = [
        facts.ids,
        facts.bits,
        facts.spans,
        facts.sizes,
        facts.starts_ns,
        facts.ends_ns,
        facts.has_root,
        facts.randomness,
        facts.thresholds,
        facts.extras,
        spans.payloads,
        spans.entries,
        spans.owners,
    ]
    totals = (index.traces, index.spans, index.size_bytes, index.dropped_spans, index.next_due())
    return [totals, *(column.tolist() for column in columns)]


def standing(index: Index, slots: Codes) -> dict[int, list[tuple[int, int]]]:
    """Where the spans of traces stand, by trace."""
    spans, ids = index.spans_of(slots), numbers(index, slots)
    found: dict[int, list[tuple[int, int]]] = {trace: [] for trace in ids}
    for owner, place in zip(
        spans.owners.tolist(),
        zip(spans.payloads.tolist(), spans.entries.tolist(), strict=True),
        strict=True,
    ):
        found[ids[owner]].append(place)
    return found


def numbers(index: Index, slots: Codes) -> list[int]:
    found: list[int] = index.facts(slots).ids.view(np.uint64)[:, 1].tolist()
    return found


class Indexes(RuleBasedStateMachine):
    """Both makes of the index beside dictionaries of where each span stands."""

    def __init__(self) -> None:
        super().__init__()
        self.indexes = [Index(EXTRAS, kernel) for kernel in kernels()]
        for index in self.indexes:
            index.seed = SEED
        self.waiting: dict[int, list[tuple[int, int]]] = {}
        self.due: dict[int, int] = {}
        self.dropped: dict[int, list[tuple[int, int]]] = {}
        self.now = 0

    @rule(spans=arriving)
    def absorb(self, spans: list[tuple[int, int, int, int, int]]) -> None:
        self.now += 1
        given_rows = rows(spans)
        late = np.array([trace in self.dropped for trace in given_rows["low"]], np.bool_)
        for index in self.indexes:
            assert np.array_equal(index.is_dropped(index.find(given_rows)), late)
            index.append_dropped(given_rows[late], self.now)
            known = told(given_rows, ~late)
            index.absorb(given_rows[~late], known, self.now, self.now + 8, self.now + 3)
        for row, is_late in zip(given_rows, late, strict=True):
            trace, place = int(row["low"]), (self.now, int(row["entry"]))
            if is_late:
                self.dropped[trace].append(place)
                continue
            self.waiting.setdefault(trace, []).append(place)
            self.due.setdefault(trace, self.now + 8)
            if row["marks"] & 1:
                self.due[trace] = min(self.due[trace], self.now + 3)

    @rule(wait=st.integers(0, 12))
    def decide(self, wait: int) -> None:
        self.now += wait
        due = [trace for trace in self.waiting if self.due[trace] <= self.now]
        for index in self.indexes:
            slots = index.due(self.now)
            assert numbers(index, slots) == due, "in the order of arrival"
            keep = np.array([trace % 2 == 0 for trace in due], np.bool_)
            index.remove(slots[keep], index.spans_of(slots[keep]))
            index.drop(slots[~keep])
        for trace in due:
            spans = self.waiting.pop(trace)
            del self.due[trace]
            if trace % 2:
                self.dropped[trace] = spans

    @rule(most=st.integers(0, 20))
    def forget(self, most: int) -> None:
        gone: list[int] = []
        while sum(map(len, self.dropped.values())) > most:
            gone.append(next(iter(self.dropped)))
            del self.dropped[gone[-1]]
        for index in self.indexes:
            slots = index.excess(most)
            assert numbers(index, slots) == gone, "first dropped, first forgotten"
            index.forget(slots, index.spans_of(slots))

    @rule()
    def again(self) -> None:
        for index in self.indexes:
            index.load(index.dump(IDENTITY))

    @invariant()
    def holds_what_the_dictionaries_hold(self) -> None:
        first, second = self.indexes
        assert shown(first) == shown(second)
        assert standing(first, first.oldest()) == self.waiting
        assert standing(first, first.dropped()) == self.dropped
        assert first.next_due() == min(self.due.values(), default=None)
        facts = first.facts(first.oldest())
        assert facts.extras[2].tolist() == facts.sizes.tolist(), "each span is added once"


TestIndexes = Indexes.TestCase
TestIndexes.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)


@settings(max_examples=50, deadline=None)
@given(
    size=st.integers(1, 3000),
    runs=st.lists(st.lists(st.integers(2, 2**64 - 1), max_size=200), max_size=8),
)
def test_both_makes_of_the_memory_remember_the_same(size: int, runs: list[list[int]]) -> None:
    memories = [Memory(size, np.dtype("u8"), kernel) for kernel in kernels()]
    for run in runs:
        words = np.array(run, np.uint64)
        for memory in memories:
            memory.remember(words, words % 2 == 0, words)
    everything = np.array([one for run in runs for one in run], np.uint64)
    first, second = (memory.recall(everything) for memory in memories)

    assert first.tolist() == second.tolist()
    assert memories[0].dump() == memories[1].dump()
    found = first[first >= 0]
    noted = memories[0].notes[found] & PRINT
    assert np.array_equal(np.maximum(noted, 1), np.maximum(everything[first >= 0] & PRINT, 1))
    assert all(place >= 0 for place in first[-64:]), "the last ones are always known"


def test_an_id_has_the_digest_that_the_seed_gives_it() -> None:
    ids = np.arange(32, dtype=np.uint8).reshape(2, 16)

    assert len({int(digests(ids, seed)[row]) for seed in (1, 2) for row in (0, 1)}) == 4
    assert digests(ids, 1).tolist() == digests(ids[::-1].copy(), 1).tolist()[::-1]
