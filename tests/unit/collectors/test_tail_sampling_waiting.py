"""Spans that wait for their trace: where they stand, moved, lost, too many."""

from __future__ import annotations

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from collectors.processors.tail_sampling import FACTORY, processor
from collectors.waiting import Pins, Place, Waiting
from tests.sampled_traces import (
    ALL,
    ERRORS,
    FEW_SPANS,
    SECOND,
    batch_of,
    names,
    sampled,
    share,
    span,
    spans_in,
)


def standing(one: Span) -> int:
    """Bytes of a span in a request: with its tag and its length."""
    return len(one.SerializeToString()) + 2


def test_the_daemon_knows_that_its_items_wait() -> None:
    assert isinstance(sampled(ALL).sampler, Waiting)
    assert FACTORY.waits


def test_what_is_too_much_at_once_is_decided_on_in_parts_with_the_same_result(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole, parts = sampled(FEW_SPANS, share(20)), sampled(FEW_SPANS, share(20))
    for made in (whole, parts):
        made.give(*(span(trace) for trace in range(50)))
    whole.pass_time(40)
    monkeypatch.setattr(processor, "_MOST_AT_ONCE", 7)
    parts.pass_time(40)

    assert spans_in(parts.out) == spans_in(whole.out)


def test_spans_wait_where_the_inbox_has_them_and_edited_ones_in_the_held_log() -> None:
    made = sampled(ALL)
    made.give(span(1, 0))
    made.give(span(1, 1), edited=True, at=1)
    made.give(span(2, 0), at=2)

    assert made.sampler.pins() == Pins(inbox=0, held=0)
    assert made.shelf.held == 1
    assert made.sampler.waiting_bytes() == sum(
        standing(one) for one in (span(1, 0), span(1, 1), span(2, 0))
    )
    made.pass_time(30)
    assert made.sampler.pins() == Pins(inbox=2)
    made.pass_time(40)
    assert made.sampler.pins() == Pins()
    assert made.sampler.waiting_bytes() == 0


def test_spans_that_were_moved_are_put_out_as_if_they_had_not_been() -> None:
    straight, moved = sampled(ERRORS), sampled(ERRORS)
    for made in (straight, moved):
        made.give(span(1, 0, error=True), span(2, 0), span(3, 0))
        made.give(span(2, 1), span(3, 1, error=True), at=20)
        made.pass_time(29)
    moved.sampler.relocate(1, 0)
    assert moved.sampler.pins() == Pins(inbox=1, held=0)
    moved.restart()
    moved.sampler.relocate(2, 1)
    assert moved.sampler.pins() == Pins(held=1)
    for place in (Place(0), Place(1), Place(-1)):
        del moved.shelf.payloads[place]
    for made in (straight, moved):
        made.pass_time(60)

    assert [batch.payload for batch in moved.out] == [batch.payload for batch in straight.out]
    assert moved.out == straight.out


def test_only_what_still_waits_is_moved() -> None:
    made = sampled(ERRORS, decision_wait_after_root_received="1s")
    made.give(span(1, 0, root=True), span(2, 0), span(3, 0))
    made.pass_time(10)
    made.sampler.relocate(1, 0)

    moved = made.shelf.payloads[Place(-1)]
    assert names(spans_in([batch_of(moved, 2)])) == ["2/0", "3/0"]
    assert names(made.give(span(1, 1, error=True), at=12)) == ["1/0", "1/1"]
    made.give(span(2, 1, error=True), at=13)
    assert names(made.pass_time(40)) == ["2/0", "2/1"]
    assert made.imbalance() == 0


def test_spans_that_cannot_be_read_again_are_counted_as_lost() -> None:
    made = sampled(ALL)
    made.give(span(1, 0), span(2, 0))
    made.give(span(1, 1), at=1)
    del made.shelf.payloads[Place(0)]
    made.sampler.relocate(1, 0)

    assert names(made.pass_time(40)) == ["1/1"]
    assert made.ledger.lost == 2
    assert made.imbalance() == 0


def test_the_oldest_are_decided_on_early_until_what_waits_fits() -> None:
    made = sampled(ERRORS)
    made.give(span(1, 0, error=True), span(2, 0))
    made.give(span(3, 0, error=True), span(1, 1), at=1)
    size = standing(span(3, 0, error=True))
    made.sampler.decide_early(10**9, 2 * SECOND, made.out.append)
    assert made.out == []
    made.sampler.decide_early(size, 2 * SECOND, made.out.append)

    assert made.kept() == ["1/0", "1/1"]
    assert made.sampler.waiting_bytes() == size
    assert made.sampler.next_deadline() == 31 * SECOND
    made.sampler.decide_early(0, 2 * SECOND, made.out.append)
    assert made.kept() == ["1/0", "1/1", "3/0"]
    assert made.imbalance() == 0
