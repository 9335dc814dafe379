"""A shadow decides beside the policies: it is counted and noted, and changes nothing."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner

from collectors.cli import cli
from collectors.sampling.notes import Cause, Shadowed
from tests.sampled_traces import (
    ALL,
    ERRORS,
    SLOW,
    Sampled,
    configured,
    sampled,
    share,
    span,
    spans_in,
    trace_id,
)

FEW = {"name": "few", "type": "rate_limiting", "rate_limiting": {"spans_per_second": 1}}
VERY_SLOW = {"name": "inner", "type": "latency", "latency": {"threshold_ms": 2000}}
DROP = {"name": "no", "type": "drop", "drop": {"drop_sub_policy": [VERY_SLOW]}}
FAILED = {"service": "sample", "bad": {"status": True}}


def played(made: Sampled, *, restarts: bool = False) -> Sampled:
    for trace in range(40):
        made.give(span(trace, error=trace % 4 == 0, ms=2000 if trace % 5 == 0 else 1), at=trace / 9)
        if restarts and trace % 7 == 0:
            made.restart()
    made.pass_time(60)
    return made


def by(made: Sampled, kept_by: str) -> int:
    return made.meter.total("fleetslo_sampling_shadow_traces_total", kept_by=kept_by)


def test_a_shadow_changes_nothing_that_is_put_out() -> None:
    alone = played(sampled(ERRORS, FEW))
    watched = played(sampled(ERRORS, FEW, shadow={"policies": [SLOW, FEW]}))

    assert [b.payload for b in watched.out] == [b.payload for b in alone.out]
    assert watched.imbalance() == 0
    assert [(n.trace_id, n.is_kept, n.policy) for n in watched.notes()] == [
        (n.trace_id, n.is_kept, n.policy) for n in alone.notes()
    ]


def test_who_keeps_a_trace_is_counted_and_noted() -> None:
    made = played(sampled(ERRORS, shadow={"policies": [SLOW]}))

    assert {name: by(made, name) for name in ("both", "neither", "policies", "shadow")} == {
        "both": 2,
        "neither": 24,
        "policies": 8,
        "shadow": 6,
    }
    assert made.meter.total("fleetslo_sampling_shadow_spans_total", kept_by="shadow") == 6
    notes = {note.trace_id: note for note in made.notes()}
    assert notes[trace_id(0)].shadow == Shadowed(is_kept=True, policy="slow")
    assert notes[trace_id(4)].shadow == Shadowed(is_kept=False, policy=None)


def test_without_a_shadow_nothing_of_it_is_counted_or_noted() -> None:
    made = played(sampled(ERRORS))

    assert made.notes()[0].shadow is None
    assert not [name for name, _ in made.meter.counts if "shadow" in name]


def test_a_shadow_goes_on_after_a_restart_where_it_stood() -> None:
    config = {"shadow": {"policies": [FEW, SLOW, share(30)]}}
    straight = played(sampled(ERRORS, **config))
    restarted = played(sampled(ERRORS, **config), restarts=True)

    assert [note.shadow for note in restarted.notes()] == [note.shadow for note in straight.notes()]
    assert any(note.shadow and note.shadow.policy == "few" for note in straight.notes())


def test_a_shadow_that_a_reload_brings_is_asked_about_what_waits() -> None:
    made = sampled(ALL)
    made.give(span(1, error=True), span(2))
    made.reload(configured(ALL, shadow={"policies": [ERRORS]}))
    made.pass_time(60)

    assert (by(made, "both"), by(made, "policies")) == (1, 1)
    made.reload(configured(ALL))
    made.give(span(3), at=61)
    assert [one.name for one in made.pass_time(120)] == ["3/0"]


def test_a_shadow_with_an_slo_sees_its_budget_burn_by_itself() -> None:
    slo = {
        "name": "slo",
        "type": "slo",
        "slo": {
            "bytes_per_second": 100000,
            "calm_sampling_percentage": 0,
            "exemplars": 0,
            "slos": {
                "x": {"objective": 99, "spans": {"service": "sample", "bad": {"status": True}}}
            },
        },
    }
    made = sampled(share(1), shadow={"policies": [slo]})
    made.give(*(span(trace, error=True) for trace in range(5)))
    made.pass_time(60)

    assert {note.shadow for note in made.notes()} == {Shadowed(is_kept=True, policy="slo")}
    assert "fleetslo_sampling_shed_traces_total" not in made.meter.gauges


def test_what_a_late_span_brings_back_is_noted_without_the_shadow() -> None:
    made = sampled(ERRORS, shadow={"policies": [ALL]})
    made.give(span(1))
    made.pass_time(31)
    made.give(span(1, 1, error=True), at=40)

    dropped, back = made.notes()
    assert (dropped.is_kept, dropped.shadow) == (False, Shadowed(is_kept=True, policy="all"))
    assert (back.cause, back.shadow, back.votes) == (
        Cause.BROUGHT_BACK,
        None,
        (("errors", True),),
    )
    assert len(spans_in(made.out)) == 2


def test_notes_tell_how_each_policy_voted() -> None:
    made = sampled(ERRORS, SLOW, DROP)
    made.give(span(1, error=True), span(2, ms=3000, error=True))
    made.pass_time(60)

    one, two = made.notes()
    assert one.votes == (("no", False), ("errors", True), ("slow", False))
    assert two.votes == (("no", True), ("errors", None), ("slow", None))
    assert (one.drops, two.policy) == (1, "no")

    first = sampled(ERRORS, SLOW, sample_on_first_match=True)
    first.give(span(1, error=True))
    first.pass_time(60)
    assert first.notes()[0].votes == (("errors", True), ("slow", None))


def test_a_shadow_that_cannot_match_is_told_at_its_place(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text("""\
receivers: {otlp: {protocols: {http: {endpoint: "127.0.0.1:4318"}}}}
processors:
  tail_sampling:
    policies: [{name: all, type: always_sample}]
    shadow:
      policies:
        - {name: none, type: probabilistic, probabilistic: {sampling_percentage: 0}}
exporters: {debug: {}}
service: {pipelines: {traces: {receivers: [otlp], processors: [tail_sampling], exporters: [debug]}}}
""")
    result = CliRunner().invoke(cli, ["validate", "--config", str(path)])

    assert result.exit_code == 1
    assert "shadow.policies.0.probabilistic can never match: sampling_percentage is 0" in (
        result.stderr
    )
    assert f"{path}:7:" in result.stderr


def spans_by(made: Sampled, kept_by: str) -> int:
    return made.meter.total("fleetslo_sampling_shadow_spans_total", kept_by=kept_by)


def test_late_spans_are_counted_by_what_the_shadow_would_do_with_them() -> None:
    made = sampled(ERRORS, shadow={"policies": [SLOW]})
    made.give(span(1, error=True), span(2, ms=2000), span(3), span(4, error=True, ms=2000))
    made.pass_time(31)
    before = [spans_by(made, whose) for whose in ("policies", "shadow", "neither", "both")]
    assert before == [1, 1, 1, 1]

    made.give(span(1, 1), span(1, 2), span(2, 1), span(3, 1), span(4, 1), at=40)

    after = [spans_by(made, whose) for whose in ("policies", "shadow", "neither", "both")]
    assert after == [3, 2, 2, 2]


def test_a_late_span_brings_a_trace_back_for_each_of_both_alone() -> None:
    made = sampled(ERRORS, shadow={"policies": [SLOW]})
    made.give(span(1), span(2), span(3))
    made.pass_time(31)
    assert spans_by(made, "neither") == 3

    made.give(span(1, 1), span(1, 2, ms=2000), span(2, 1, error=True), span(3, 1), at=40)
    made.restart()
    made.give(span(1, 3), span(2, 2), span(3, 2), at=41)

    assert spans_by(made, "shadow") == 3
    assert spans_by(made, "policies") == 2
    assert spans_by(made, "neither") == 5
    assert spans_by(made, "both") == 0


def test_a_shadow_that_came_later_says_nothing_of_traces_that_it_does_not_know() -> None:
    made = sampled(ERRORS)
    made.give(span(1, error=True), span(2))
    made.pass_time(31)
    made.reload(configured(ERRORS, shadow={"policies": [ALL]}))

    made.give(span(1, 1), span(2, 1), at=40)

    assert sum(spans_by(made, whose) for whose in ("policies", "shadow", "neither", "both")) == 0


def test_what_a_shadow_drops_for_good_no_late_span_brings_back() -> None:
    drop = {"name": "gone", "type": "drop", "drop": {"drop_sub_policy": [SLOW]}}
    made = sampled(SLOW, shadow={"policies": [drop, ERRORS]})
    made.give(span(1, ms=2000), span(2, ms=2000))
    made.pass_time(31)

    made.give(span(1, 1, error=True), at=40)

    assert (spans_by(made, "policies"), spans_by(made, "both")) == (3, 0)


def test_both_drop_what_is_too_large_for_good() -> None:
    made = sampled(ALL, shadow={"policies": [ALL]}, maximum_trace_size_bytes=span(1).ByteSize())
    made.give(span(1), span(1, 1))
    made.give(span(1, 2, error=True), at=1)

    assert spans_by(made, "neither") == 3
