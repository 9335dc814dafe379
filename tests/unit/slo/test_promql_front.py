"""PromQL is parsed, located, grouped and normalised, or refused with its reason."""

from __future__ import annotations

import pytest

from slo.exact import Duration
from slo.promql import (
    PromqlError,
    bind,
    canonical,
    compact,
    grouped,
    is_vector,
    operand,
    parse,
    per_second,
    quotient,
    read_labels,
    result_labels,
    selected_metrics,
    uses_window,
)


def refusal(text: str) -> PromqlError:
    with pytest.raises(PromqlError) as caught:
        parse(text)
    return caught.value


@pytest.mark.parametrize(
    "text",
    [
        'sum by (a, b) (rate(x{c=~"5..",d!="e f"}[$window]))',
        "sum(x) - (sum(y) - sum(z))",
        "1 - sum(rate(x[$window])) / sum(rate(y[$window]))",
        "x offset -5m",
        "x > bool 0.001",
        "sum_over_time((x > bool 5)[$window:30s])",
        'label_replace(x, "a", "$1", "b", "( .* )  (.*)")',
        "a and on (b) c or d",
        "a * on (b) group_left (c) d",
        "-x ^ 2",
        "x @ end() offset 1d",
        "histogram_quantile(0.95, sum by (le) (rate(x_bucket[5m])))",
    ],
)
def test_what_is_printed_is_one_line_and_the_same_expression(text: str) -> None:
    line = canonical(text)

    assert "\n" not in line
    assert line == text
    assert str(parse(line)) == str(parse(text))


def test_long_expressions_stay_on_one_line_and_strings_keep_their_blanks() -> None:
    label = "a" * 60
    text = f'sum by ({label}) (rate({label}{{x="( a  b )"}}[$window])) / sum by ({label}) (y)'

    assert canonical(text) == text


def test_white_space_and_comments_do_not_count() -> None:
    assert canonical("sum(\n  x  # note\n)\n") == "sum(x)"


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("sum(rate(x[$window])", "("),
        ("sum(x))", ")"),
        ("sum(x]", "]"),
        ("rate(x[$interval])", "$interval"),
        ("rate(x[$__rate_interval])", "$__rate_interval"),
        ('x{a="b}', '"b}'),
        ("foo bar", "bar"),
        ("x +", "+"),
        ("x > / 5", "/"),
        ("nofunction(x)", "nofunction"),
        ("rate(x)", "rate"),
        ("sum(x) = 3", "="),
        ('x{a~"b"}', "~"),
        ("x{a=}", "x{a=}"),
    ],
)
def test_a_fault_is_located(text: str, part: str) -> None:
    error = refusal(text)

    assert text[error.start : error.end] == part


def test_an_empty_expression_is_a_fault() -> None:
    assert "empty" in str(refusal("  \n"))


def test_window_is_replaced_everywhere_and_nothing_else_is() -> None:
    text = "sum(rate(a[$window])) / sum(rate(b[$window:1m])) # $windows"

    assert bind(text, Duration.parse("1h30m")) == (
        "sum(rate(a[1h30m])) / sum(rate(b[1h30m:1m])) # $windows"
    )
    assert uses_window(text)
    assert not uses_window("x[$windows]")


@pytest.mark.parametrize(
    ("text", "vector"),
    [
        ("x", True),
        ("sum(x)", True),
        ("(x)", True),
        ("1 + x", True),
        ("vector(1)", True),
        ("-x", True),
        ("1 + 1", False),
        ("x[5m]", False),
        ("scalar(x)", False),
        ('"a"', False),
        ("time()", False),
    ],
)
def test_a_rule_needs_an_instant_vector(text: str, vector: bool) -> None:
    assert is_vector(parse(text)) is vector


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("x", None),
        ("sum(x)", set()),
        ("sum by (a) (x)", {"a"}),
        ("sum without (a) (sum by (a, b) (x))", {"b"}),
        ("sum without (a) (x)", None),
        ("topk(3, sum by (a) (x))", {"a"}),
        ("histogram_quantile(0.9, sum by (le, a) (x))", {"a"}),
        ("sum by (a) (x) > 5", {"a"}),
        ("5 < sum by (a) (x)", {"a"}),
        ("sum by (a) (x) / sum by (a) (y)", {"a"}),
        ("sum by (a, b) (x) / on (a) sum by (a) (y)", {"a"}),
        ("sum by (a, b) (x) / on (a) group_left (c) sum by (a, c) (y)", {"a", "b", "c"}),
        ("sum by (a) (x) or sum by (a) (y)", {"a"}),
        ("sum by (a) (x) or sum by (b) (y)", None),
        ("sum by (a) (x) unless sum by (b) (y)", {"a"}),
        ('absent(x{a="b", c=~"d"})', {"a"}),
        ('label_replace(sum by (a) (x), "b", "$1", "a", "(.*)")', {"a", "b"}),
        ('count_values("v", x)', {"v"}),
        ("vector(1)", set()),
        ("abs(sum by (a) (x))", {"a"}),
    ],
)
def test_the_labels_of_a_result_follow_from_its_text(text: str, labels: set[str] | None) -> None:
    assert result_labels(parse(text)) == (None if labels is None else frozenset(labels))


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ('sum by (a) (rate(x{b="1",c!~"2"}[$window]))', {"a", "b", "c"}),
        ('x{b="1" or c="2"} * on (d) group_left (e) y', {"b", "c", "d", "e"}),
        ("sum without (a) (x) / ignoring (b) y", set[str]()),
        ('label_replace(x, "new", "$1", "old", "(.*)")', {"old"}),
        ('label_join(x, "new", "-", "a", "b")', {"a", "b"}),
        ('max_over_time(x{a="1"}[5m:1m])', {"a"}),
    ],
)
def test_the_labels_that_an_expression_needs_are_those_that_it_names(
    text: str, labels: set[str]
) -> None:
    assert read_labels(parse(text)) == labels


@pytest.mark.parametrize(
    ("text", "by", "result"),
    [
        ("sum(rate(x[$window]))", ["a"], "sum by (a) (rate(x[$window]))"),
        ("sum by (b) (rate(x[$window]))", ["a", "b"], "sum by (a, b) (rate(x[$window]))"),
        ("(sum(x) - sum(y)) * 2", ["a"], "(sum by (a) (x) - sum by (a) (y)) * 2"),
        ("sum(x) or 0 * sum(y)", ["a"], "sum by (a) (x) or 0 * sum by (a) (y)"),
        ("clamp_min(sum(x), 0)", ["a"], "clamp_min(sum by (a) (x), 0)"),
        ("-sum(x)", ["a"], "-sum by (a) (x)"),
        ("sum(x) or vector(0)", [], "sum(x) or vector(0)"),
        ("sum(x) > bool 5", ["a"], "sum by (a) (x) > bool 5"),
        ("sum(max by (b) (x))", ["a"], "sum by (a) (max by (b) (x))"),
    ],
)
def test_the_labels_of_by_go_into_the_outermost_aggregation(
    text: str, by: list[str], result: str
) -> None:
    assert compact(grouped(parse(text), by)) == result


@pytest.mark.parametrize(
    ("text", "by", "words"),
    [
        ("rate(x[$window])", [], "is not aggregated"),
        ("sum by (code) (x)", [], "code, which by does not name"),
        ("sum without (a) (x)", [], "must use by"),
        ("topk(3, x)", [], "must be one of"),
        ("sum(x) or vector(0)", ["a"], "different labels"),
        ("sum(x) + y", [], "y is not aggregated"),
        ("sum(x) / on (b) sum(y)", ["a"], "which by does not name"),
        ("sum(x) / on () sum(y)", ["a"], "does not carry a, which by names"),
    ],
)
def test_what_cannot_be_grouped_is_refused(text: str, by: list[str], words: str) -> None:
    with pytest.raises(PromqlError, match=words):
        grouped(parse(text), by)


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("sum(increase(x[$window]))", "sum(rate(x[$window]))"),
        ("2 * sum(increase(x[$window])) / 3", "2 * sum(rate(x[$window])) / 3"),
        ("sum(rate(x[$window]))", "sum(rate(x[$window]))"),
        (
            "sum(increase(x[$window]) - increase(y[$window]))",
            "sum(rate(x[$window]) - rate(y[$window]))",
        ),
        ("sum(x) and on () changes(y[5m]) > 0", "sum(x) and on () changes(y[5m]) > 0"),
    ],
)
def test_increase_becomes_rate_where_only_the_unit_changes(text: str, result: str) -> None:
    assert compact(per_second(parse(text))) == result


@pytest.mark.parametrize(
    "text",
    [
        "sum(increase(x[5m]))",
        "sum(increase(x[$window]) > 3)",
        "sum(increase(x[$window])) + 1",
        "sum(increase(x[$window])) / sum(increase(y[$window]))",
        "count(increase(x[$window]))",
        "sum(irate(x[$window]))",
        "sum(count_over_time(x[$window]))",
        "sum(delta(x[$window]))",
        "sum(rate(x[$window]) > bool 0)",
        "count(rate(x[$window]) > 0)",
        "2 * (sum(rate(x[$window])) > bool 1)",
        "sum(rate(x[$window])) + group(rate(x[$window]))",
    ],
)
def test_what_is_no_rate_is_refused(text: str) -> None:
    with pytest.raises(PromqlError):
        per_second(parse(text))


@pytest.mark.parametrize(
    "text",
    [
        "sum(rate(x[$window])) * (sum(rate(y[$window])) > bool 1)",
        "sum(rate(x[$window])) / count(rate(x[$window]))",
        "sum(rate(x[$window])) * (time() < bool 5)",
        "sum(rate(x[$window]) > 0)",
    ],
)
def test_rates_that_are_masked_or_averaged_are_still_rates(text: str) -> None:
    assert compact(per_second(parse(text)))


@pytest.mark.parametrize(
    ("text", "part", "whole", "complement"),
    [
        ("sum(a) / sum(b)", "sum(a)", "sum(b)", False),
        ("(sum(a) / (sum(b)))", "sum(a)", "(sum(b))", False),
        ("1 - sum(a) / sum(b)", "sum(a)", "sum(b)", True),
        ("1 - (1 - sum(a) / sum(b))", "sum(a)", "sum(b)", False),
    ],
)
def test_a_division_at_the_top_is_split(text: str, part: str, whole: str, complement: bool) -> None:
    found = quotient(parse(text))

    assert found is not None
    assert (found.part, found.whole, found.complement) == (part, whole, complement)


@pytest.mark.parametrize("text", ["sum(a)", "a / 100", "a / on (x) b", "2 - a / b", "a / b > 1"])
def test_what_is_no_division_of_events_is_not_split(text: str) -> None:
    assert quotient(parse(text)) is None


def test_the_metrics_of_an_expression_are_known() -> None:
    text = 'sum(rate(a{x="y"}[5m])) / scalar(b) + {__name__="c"}'

    assert selected_metrics(parse(text)) == {"a", "b"}


def test_an_operand_is_put_in_parentheses_only_where_needed() -> None:
    assert operand("a + b") == "(a + b)"
    assert operand("sum(a)") == "sum(a)"
