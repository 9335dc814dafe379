"""Late bad events stay within the bytes of the policy `slo`, however requests are cut."""

from __future__ import annotations

import itertools

from hypothesis import given, settings
from hypothesis import strategies as st

from collectors.sampling.counted import SHED_EVENTS
from tests.sampled_traces import SLOW, Sampled, names, sampled, span, spans_in

TRACES = 40
SIZE = span(1, error=True).ByteSize() + 2  # with tag and length, as it arrives
ROOM = 10 * SIZE
LATE = 40.0

late_spans = st.lists(
    st.tuples(st.integers(0, TRACES - 1), st.booleans(), st.booleans()), min_size=1, max_size=60
)


def slo(name: str = "slo", room: int = ROOM) -> dict[str, object]:
    """An SLO of which every error is a bad event; what comes in by the second is nearly nothing."""
    spans = {"service": "sample", "bad": {"status": True}}
    block = {
        "slos": {"shop": {"objective": 99, "spans": spans}},
        "bytes_per_second": 1,
        "burst_capacity": room,
        "exemplars": 0,
        "calm_sampling_percentage": 0,
    }
    return {"name": name, "type": "slo", "slo": block}


def dropped(*policies: object) -> Sampled:
    """Traces of one good span each that nobody wanted."""
    made = sampled(*policies)
    made.give(*(span(trace) for trace in range(TRACES)))
    assert made.pass_time(31) == []
    return made


def sent_bytes(made: Sampled) -> int:
    return sum(one.ByteSize() + 2 for one in spans_in(made.out))


def test_a_flood_of_late_bad_events_brings_back_no_more_than_the_bytes_allow() -> None:
    made = dropped(slo())

    for trace in range(TRACES):
        made.give(span(trace, 1, error=True), at=LATE)

    assert sent_bytes(made) <= ROOM
    assert len({one.trace_id for one in spans_in(made.out)}) == ROOM // (2 * SIZE)
    made.pass_time(2 * LATE)
    assert made.shown(SHED_EVENTS) == TRACES - ROOM // (2 * SIZE)
    assert made.imbalance() == 0


def test_what_is_still_known_of_a_trace_counts_with_the_span_that_brings_it_back() -> None:
    made = sampled(slo())
    made.give(*(span(1, number) for number in range(20)), span(2))
    made.pass_time(31)

    assert made.give(span(1, 20, error=True), at=LATE) == [], "21 spans, and room for ten"
    assert names(made.give(span(2, 1, error=True), at=LATE)) == ["2/0", "2/1"]


def test_the_bytes_come_back_by_the_second() -> None:
    made = dropped(slo(room=3 * SIZE))
    assert len(made.give(span(1, 1, error=True), span(2, 1, error=True), at=LATE)) == 2

    assert made.give(span(3, 1, error=True), at=LATE + 1) == []
    assert names(made.give(span(3, 2, error=True), at=LATE + 3 * SIZE)) == ["3/0", "3/1", "3/2"]


def test_a_trace_that_another_policy_has_brought_back_costs_nothing() -> None:
    made = dropped(SLOW, slo(room=2 * SIZE))

    made.give(span(1, 1, ms=2000), span(1, 2, error=True), span(2, 1, error=True), at=LATE)

    assert made.kept() == ["1/0", "1/1", "1/2", "2/0", "2/1"]


@settings(max_examples=60, deadline=None)
@given(late=late_spans, cuts=st.frozensets(st.integers(1, 59)), restarts=st.booleans())
def test_it_does_not_matter_how_late_spans_are_cut_into_requests(
    late: list[tuple[int, bool, bool]], cuts: frozenset[int], *, restarts: bool
) -> None:
    spans = [
        span(trace, number + 1, error=is_bad, ms=2000 if is_slow and not is_bad else 10)
        for number, (trace, is_bad, is_slow) in enumerate(late)
    ]
    whole, cut = (dropped(SLOW, slo(), slo("another", ROOM // 2)) for _ in range(2))

    whole.give(*spans, at=LATE)
    edges = [0, *sorted(cut_at for cut_at in cuts if cut_at < len(spans)), len(spans)]
    for first, last in itertools.pairwise(edges):
        cut.give(*spans[first:last], at=LATE)
        if restarts:
            cut.restart()
    for made in (whole, cut):
        made.pass_time(2 * LATE)

    assert cut.kept() == whole.kept()
    assert cut.shown(SHED_EVENTS) == whole.shown(SHED_EVENTS)
    assert whole.imbalance() == cut.imbalance() == 0
