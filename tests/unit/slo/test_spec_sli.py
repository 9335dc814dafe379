"""Whatever form an SLI has, it becomes bad and total events, or is refused."""

from __future__ import annotations

import re
from fractions import Fraction

import pytest

from slo.diagnostic import Level
from slo.exact import Duration
from slo.model import SliKind, SpansMatch
from slo.names import SLI_EVENTS
from slo.spec.latency import bound_pattern
from tests.front_end import (
    EVENTS,
    codes_of,
    document,
    problems_of,
    slo_of,
    slo_text,
)


def sli_of(sli: str, more: str = "") -> tuple[str, str]:
    found = slo_of(slo_text(sli=sli, more=more)).sli
    return found.errors, found.total


def test_bad_and_total_are_grouped_by_the_labels_of_by() -> None:
    assert sli_of(EVENTS, "  by: [region]\n") == (
        "sum by (region) (rate(errors_total[$window]))",
        "sum by (region) (rate(requests_total[$window]))",
    )


def test_without_a_good_event_yet_all_are_bad() -> None:
    sli = "    events: {good: 'sum(rate(ok[$window]))', total: 'sum(rate(all[$window]))'}\n"

    assert sli_of(sli)[0] == (
        "sum(rate(all[$window])) - (sum(rate(ok[$window])) or 0 * sum(rate(all[$window])))"
    )


def test_good_and_bad_add_up_even_while_one_of_them_is_missing() -> None:
    sli = "    events: {good: 'sum(rate(ok[$window]))', bad: 'sum(rate(ko[$window]))'}\n"

    assert sli_of(sli) == (
        "sum(rate(ko[$window]))",
        (
            "(sum(rate(ok[$window])) or 0 * sum(rate(ko[$window])))"
            " + (sum(rate(ko[$window])) or 0 * sum(rate(ok[$window])))"
        ),
    )


def test_latency_counts_what_is_not_in_the_bucket_of_the_threshold() -> None:
    sli = "    latency: {histogram: lat_seconds, threshold: 500ms, selector: 'a!=\"b\"'}\n"

    errors, total = sli_of(sli, "  by: [q]\n")

    assert total == 'sum by (q) (rate(lat_seconds_count{a!="b"}[$window]))'
    assert errors == (
        f'{total} - (sum by (q) (rate(lat_seconds_bucket{{a!="b",le=~"0\\\\.5"}}[$window]))'
        f" or 0 * {total})"
    )


@pytest.mark.parametrize(
    ("bound", "spellings", "others"),
    [
        ("0.5", ["0.5"], ["0x5", "0.50", "0"]),
        ("1", ["1", "1.0"], ["10", "1x0"]),
        ("100000", ["100000", "100000.0"], ["1e+05x"]),
        ("1000000", ["1000000", "1e+06", "1000000.0"], ["1e06", "10000000"]),
        ("2500000", ["2.5e+06", "2500000"], ["2x5e+06"]),
        ("0.00001", ["0.00001", "1e-05"], ["1e-5"]),
        ("0.05", ["0.05"], ["0.5"]),
    ],
)
def test_every_spelling_of_a_bucket_bound_is_matched(
    bound: str, spellings: list[str], others: list[str]
) -> None:
    pattern = bound_pattern(Fraction(bound))

    assert [text for text in spellings if not re.fullmatch(pattern, text)] == []
    assert [text for text in others if re.fullmatch(pattern, text)] == []


def test_a_gauge_counts_every_series_at_every_evaluation() -> None:
    errors, total = sli_of("    gauge: {expr: up, bad_when: '== 0'}\n", "  by: [job]\n")

    held = "scalar(count_over_time(vector(1)[$window:30s])) / 30"
    assert errors == f"sum by (job) (sum_over_time((up == bool 0)[$window:30s])) / {held}"
    assert total == f"sum by (job) (count_over_time((up >= -Inf)[$window:30s])) / {held}"


def test_time_slices_are_as_long_as_the_fast_interval_of_the_settings() -> None:
    settings = document("Settings", "settings", "{intervals: {fast: 15s}}")
    slo = slo_of(slo_text(sli="    gauge: {expr: up, bad_when: '== 0'}\n"), settings)

    assert "[$window:15s]" in slo.sli.total
    assert slo.sli.total.endswith("/ 15")


@pytest.mark.parametrize(
    ("side", "text", "errors"),
    [
        ("bad", "sum(rate(a[$window])) / sum(rate(b[$window]))", "sum(rate(a[$window]))"),
        (
            "good",
            "sum(rate(a[$window])) / sum(rate(b[$window]))",
            "sum(rate(b[$window])) - (sum(rate(a[$window])) or 0 * sum(rate(b[$window])))",
        ),
        ("good", "1 - sum(rate(a[$window])) / sum(rate(b[$window]))", "sum(rate(a[$window]))"),
    ],
)
def test_a_ratio_regains_its_weights(side: str, text: str, errors: str) -> None:
    assert sli_of(f"    ratio: {{{side}: '{text}'}}\n") == (errors, "sum(rate(b[$window]))")


def test_a_ratio_without_weights_is_a_time_slice_with_a_warning() -> None:
    text = slo_text(sli="    ratio: {good: 'avg(avg_over_time(g[$window]))'}\n")
    problems = problems_of(text)

    assert [(p.code, p.level) for p in problems] == [("SLO055", Level.WARNING)]
    assert slo_of(text).sli.errors == "(1 - (avg(avg_over_time(g[$window])) >= 0)) / 30"


def test_spans_are_counted_by_the_collector() -> None:
    sli = """\
    spans:
      service: worker
      span_name: run
      attributes: {kind: tool}
      bad: {status: false, attributes: {outcome: timeout}, above: 2s}
"""
    found = slo_of(slo_text(sli=sli)).sli

    assert found.kind is SliKind.SPANS
    assert found.errors == (
        f'sum(rate({SLI_EVENTS}{{outcome="bad",slo_id="shop-checkout"}}[$window]))'
    )
    assert found.total == f'sum(rate({SLI_EVENTS}{{slo_id="shop-checkout"}}[$window]))'
    assert found.spans == SpansMatch(
        service="worker",
        span_name="run",
        attributes={"kind": "tool"},
        bad_status=False,
        bad_attributes={"outcome": "timeout"},
        bad_above=Duration.parse("2s"),
    )


@pytest.mark.parametrize(
    ("sli", "code"),
    [
        ("    {}\n", "SLO018"),
        ("    events: {bad: 'sum(rate(a[$window]))'}\n", "SLO018"),
        ("    events: {good: 'a', bad: 'a', total: 'a'}\n", "SLO018"),
        ("    gauge: {expr: 'x[5m]', bad_when: '== 0'}\n", "SLO052"),
        ("    gauge: {expr: 'rate(x[$window])', bad_when: '== 0'}\n", "SLO051"),
        ("    gauge: {expr: up, bad_when: 'zero'}\n", "SLO016"),
        ("    gauge: {expr: up, bad_when: '> many'}\n", "SLO016"),
        ("    latency: {histogram: a_bucket, threshold: 1s}\n", "SLO017"),
        ("    latency: {histogram: 'a{b=\"c\"}', threshold: 1s}\n", "SLO017"),
        ("    latency: {histogram: a, threshold: fast}\n", "SLO014"),
        ("    latency: {histogram: a, threshold: 1, selector: 'b'}\n", "SLO050"),
        ("    latency: {histogram: a}\n", "SLO011"),
        ("    ratio: {good: 'avg(x)'}\n", "SLO051"),
        ("    ratio: {good: 'avg by (a) (x[$window:])'}\n", "SLO050"),
        ("    spans: {service: a, bad: {status: false}}\n", "SLO018"),
        (
            "    spans: {service: a, attributes: {k: v}, bad: {attributes: {k: v}}}\n",
            "SLO018",
        ),
        ("    spans: {service: a, bad: {status: maybe}}\n", "SLO016"),
        ("    events: {bad: 'sum(increase(a[$window])) > 1', total: 'sum(b)'}\n", "SLO054"),
        (
            "    events: {bad: 'sum(rate(a[$window]) > bool 0)', total: 'sum(rate(b[$window]))'}\n",
            "SLO054",
        ),
    ],
)
def test_an_sli_that_cannot_be_is_refused(sli: str, code: str) -> None:
    assert code in codes_of(slo_text(sli=sli))


ZEROED = "sum(rate(a[$window])) or vector(0)"


@pytest.mark.parametrize(
    "sli",
    [
        f"    events: {{bad: '{ZEROED}', total: 'sum(rate(b[$window]))'}}\n",
        (
            "    events: {bad: '(sum(rate(a[$window])) or on () vector(0))',"
            " total: 'sum(rate(b[$window]))'}\n"
        ),
        f"    ratio: {{bad: '({ZEROED}) / sum(rate(b[$window]))'}}\n",
    ],
)
def test_a_zero_that_the_rules_fill_in_anyway_is_left_out(sli: str) -> None:
    assert sli_of(sli) == ("sum(rate(a[$window]))", "sum(rate(b[$window]))")


def test_another_default_than_zero_is_kept() -> None:
    sli = (
        "    events: {bad: 'sum(rate(a[$window])) or vector(1)', total: 'sum(rate(b[$window]))'}\n"
    )
    assert sli_of(sli)[0] == "(sum(rate(a[$window])) or vector(1))"


def test_spans_are_told_apart_by_attributes() -> None:
    spans = """\
    spans:
      service: worker
      labels: {agent: gen_ai.agent.name}
      values: {agent: [planner, coder, planner]}
"""
    found = slo_of(slo_text(sli=spans, more="  by: [region, agent]\n")).sli

    series = f'{SLI_EVENTS}{{slo_id="shop-checkout"}}'
    assert found.total == f"sum by (agent, region) (rate({series}[$window]))"
    assert found.errors.startswith("sum by (agent, region) (rate(")
    assert found.spans is not None
    assert found.spans.labels == {"agent": "gen_ai.agent.name", "region": "region"}
    assert found.spans.values == {"agent": ("coder", "planner")}


@pytest.mark.parametrize(
    ("by", "more", "words"),
    [
        ("[x]", "labels: {y: z}", "labels names y, which by does not"),
        ("[x]", "values: {y: [z]}", "values names y, which by does not"),
        ("[outcome]", "span_name: run", "have a label outcome already"),
        ("[a, b, c, d, e]", "span_name: run", "takes 4 labels in by, got 5"),
        ("[x]", 'values: {x: [""]}', "1 to 128 characters"),
        ("[x]", f"values: {{x: {list(map(str, range(1001)))}}}", "make 1001 budgets"),
    ],
)
def test_what_the_collector_cannot_tell_apart_is_refused(by: str, more: str, words: str) -> None:
    text = slo_text(sli=f"    spans: {{service: a, {more}}}\n", more=f"  by: {by}\n")

    (problem,) = problems_of(text)
    assert (problem.code, words in problem.text) == ("SLO057", True), problem.text
