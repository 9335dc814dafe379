"""`sampling_strategy: span-ingest`: what no later span can change is decided at once."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from collectors.processors.tail_sampling import TailSamplingConfig
from collectors.sampling.notes import Cause
from tests.sampled_traces import ALL, ERRORS, SLOW, Sampled, configured, sampled, share, span

PROBES = {
    "name": "probes",
    "type": "drop",
    "drop": {"drop_sub_policy": [SLOW]},
}
NO_ERRORS = {"name": "no errors", "type": "not", "not": {"not_sub_policy": ERRORS}}


def at_once(*policies: object, **config: object) -> Sampled:
    return sampled(*policies, sampling_strategy="span-ingest", **config)


def names(spans: list[object]) -> list[str]:
    return sorted(str(getattr(one, "name", "")) for one in spans)


def test_a_certain_yes_puts_a_trace_out_with_all_that_has_come_of_it() -> None:
    made = at_once(ERRORS, share(1))
    assert made.give(span(1), span(2)) == []

    out = made.give(span(1, 1, error=True), span(3), at=5)

    assert names([*out]) == ["1/0", "1/1"]
    assert made.sampler.held_items() == 2
    assert [(note.cause, note.policy) for note in made.notes()] == [(Cause.SETTLED, "errors")]
    assert names([*made.give(span(1, 2), at=6)]) == ["1/2"]
    assert made.pass_time(60) == []
    assert made.imbalance() == 0


def test_the_spans_of_several_requests_add_up_to_a_certain_yes() -> None:
    made = at_once(SLOW)
    start = span(1).start_time_unix_nano

    assert made.give(span(1)) == []
    out = made.give(span(1, 1, start_ns=start + 2_000_000_000), at=3)

    assert names([*out]) == ["1/0", "1/1"]


@pytest.mark.parametrize("policy", [share(100 - 1e-9), NO_ERRORS])
def test_what_a_later_span_may_change_waits(policy: dict[str, object]) -> None:
    made = at_once(policy)

    assert made.give(span(1)) == []
    assert names([*made.pass_time(31)]) == ["1/0"]
    assert made.notes()[0].cause is Cause.WAITED


def test_where_a_policy_drops_every_yes_waits_and_what_it_drops_goes_at_once() -> None:
    made = at_once(PROBES, ERRORS)
    assert made.give(span(1, error=True), span(2, ms=2000), span(3, error=True)) == []
    assert made.sampler.held_items() == 2
    assert [(note.cause, note.policy) for note in made.notes()] == [(Cause.SETTLED, "probes")]

    assert made.give(span(2, 1, error=True), span(3, 1, ms=2000), at=5) == []

    assert names([*made.pass_time(31)]) == ["1/0"]
    assert made.imbalance() == 0


def test_a_trace_that_is_too_large_is_not_kept_by_the_span_that_makes_it_so() -> None:
    size = span(1).ByteSize()
    made = at_once(ERRORS, maximum_trace_size_bytes=2 * size)

    assert made.give(span(1), span(1, 1), span(1, 2, error=True), span(2, error=True)) != []
    assert made.kept() == ["2/0"]


def test_traces_that_were_decided_on_at_once_were_not_decided_on_early() -> None:
    made = at_once(ALL)
    made.give(span(1))

    assert not [name for name, _ in made.meter.counts if "early_decisions" in name]
    assert made.pipeline.totals == {}


@pytest.mark.parametrize(
    "policy",
    [
        {"name": "x", "type": "rate_limiting", "rate_limiting": {"spans_per_second": 2}},
        {
            "name": "x",
            "type": "composite",
            "composite": {"max_total_spans_per_second": 5, "composite_sub_policy": [ALL]},
        },
        {"name": "x", "type": "ema_dynamic", "ema_dynamic": {"field_list": ["span.name"]}},
    ],
)
def test_policies_that_remember_are_refused(policy: dict[str, object]) -> None:
    inside = {"name": "y", "type": "and", "and": {"and_sub_policy": [ERRORS, policy]}}
    for of in [policy] if policy["type"] == "composite" else [policy, inside]:
        with pytest.raises(ValidationError, match="needs sampling_strategy trace-complete"):
            configured(ERRORS, of, sampling_strategy="span-ingest")
        configured(ERRORS, of)


@pytest.mark.parametrize(
    "more", [{"invert_decisions": True}, {"shadow": {"policies": [ALL]}}], ids=["veto", "shadow"]
)
def test_what_needs_whole_traces_is_refused(more: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match="with sampling_strategy span-ingest"):
        TailSamplingConfig.model_validate(
            {"sampling_strategy": "span-ingest", "policies": [ALL], **more}
        )
