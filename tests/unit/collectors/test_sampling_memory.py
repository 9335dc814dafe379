"""What sampling remembers is bounded in bytes, and knows what it says it knows."""

from __future__ import annotations

import numpy as np
import pytest

from collectors.component import Context
from collectors.sampling.index import Index
from collectors.sampling.index_kernel import NODE, SPAN, TRACE, digests
from collectors.sampling.index_parts import Told, table_size
from collectors.sampling.memory import Memory
from collectors.sampling.notes import decode
from collectors.sampling.payloads import Payloads
from collectors.waiting import Place
from tests.sampled_traces import ALL, ERRORS, sampled, span

RANDOM = np.random.default_rng(20261120)


def some(count: int) -> np.ndarray[tuple[int], np.dtype[np.uint64]]:
    return RANDOM.integers(0, 2**64, count, np.uint64)


def test_the_last_traces_are_known_at_eight_bytes_each_whatever_came_before() -> None:
    memory, size = Memory(100_000), 100_000
    for _ in range(12):
        memory.remember(some(50_000))
    last = some(size)
    memory.remember(last, last % 3 == 0)

    assert memory.size_bytes <= 8 * size
    places = memory.recall(last)
    assert np.count_nonzero(places < 0) <= 1
    known = places >= 0
    assert np.array_equal(memory.marks(places[known]), last[known] % 3 == 0)


def test_a_trace_that_was_never_seen_is_hardly_ever_taken_for_a_known_one() -> None:
    memory = Memory(100_000)
    memory.remember(some(400_000))

    assert np.count_nonzero(memory.recall(some(1_000_000)) >= 0) <= 5  # 0.5 are expected


def test_a_memory_begins_small_and_forgets_nothing_while_it_grows() -> None:
    memory, seen = Memory(1_000_000), list[np.ndarray[tuple[int], np.dtype[np.uint64]]]()
    assert memory.size_bytes < 600_000
    for count in (10, 1_000, 100_000, 300_000):
        seen.append(some(count))
        memory.remember(seen[-1])
        assert (memory.recall(np.concatenate(seen)) >= 0).all()


def test_a_memory_of_another_size_begins_anew() -> None:
    memory, other = Memory(100), Memory(1_000_000)
    memory.remember(some(50))
    other.load(memory.dump())

    assert other.dump() == Memory(1_000_000).dump()


def test_a_trace_of_one_span_takes_less_than_a_hundred_bytes() -> None:
    table = table_size(1_000_000) * 4 / 1_000_000

    assert TRACE.itemsize + 8 + NODE.itemsize + table < 100


def test_what_a_peak_has_left_behind_is_given_back() -> None:
    index = Index()
    rows = np.zeros(200_000, SPAN)
    rows["low"] = np.arange(1, 200_001)
    rows["digest"] = digests(np.stack((rows["high"], rows["low"]), 1).view(np.uint8), index.seed)
    told = Told(np.zeros((0, 200_000), np.uint64))
    slots, _ = index.absorb(rows, told, 0, 10, 10)
    assert not index.is_sparse()
    gone = slots[:-10]
    index.remove(gone, index.spans_of(gone))
    assert index.is_sparse()
    index.load(index.dump(np.zeros(1, np.int32)))

    assert not index.is_sparse()
    assert (
        index.facts(index.oldest()).ids.view(np.uint64)[:, 1].tolist() == rows["low"][-10:].tolist()
    )


def test_contexts_that_nobody_has_any_more_are_forgotten() -> None:
    made = sampled(ALL)
    for number in range(400):
        made.give(span(number), at=number, context=Context(f"tenant {number}"))

    assert made.sampler._held.payloads.contexts < 200
    made.pass_time(1000)
    assert {batch.context.tenant for batch in made.out} == {f"tenant {n}" for n in range(400)}


def test_a_payload_of_which_nothing_is_left_loses_its_row() -> None:
    payloads = Payloads()
    first = payloads.add(Place(1), 2, 0, Context())
    payloads.begin(first, waiting=2, dropped=0)
    payloads.count(np.array([first, first], np.int32), waiting=-1)

    assert payloads.add(Place(2), 1, 0, Context()) == first


def test_ids_that_are_made_to_meet_in_one_place_do_not_slow_the_index_down() -> None:
    """Without the seed all of these would share their place in any table below 2**32."""
    ids = np.zeros((50_000, 2), np.uint64)
    ids[:, 1] = np.arange(50_000, dtype=np.uint64) << np.uint64(40)
    homes = digests(ids.view(np.uint8), 12345) & np.uint64(2**17 - 1)

    assert len(np.unique(homes)) > 35_000


def test_a_note_of_another_kind_is_refused() -> None:
    made = sampled(ERRORS)
    made.give(span(1))
    made.pass_time(40)
    (note,) = made.shelf.decisions

    for wrong in (b"", b"{}\n", note[:-1], note.replace(b'"v":2', b'"v":9')):
        with pytest.raises(ValueError, match=r"note|JSON|Expecting"):
            list(decode(wrong))
