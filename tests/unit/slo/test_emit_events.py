"""Series that mean a good or a bad event are found from the SLI's own selectors."""

from __future__ import annotations

import re
from fractions import Fraction

import promql_parser as pp
import pytest

from slo.emit.proving.events import event_kinds, words
from slo.emit.proving.linear import Raw, UnsupportedError, evaluate
from slo.model import Sli, SliKind

GROUP = {"agent": "first"}


def shown(growth: dict[Raw, Fraction]) -> dict[str, str]:
    return {
        f"{raw.metric}{{{','.join(f'{key}={value}' for key, value in sorted(raw.labels))}}}": str(
            by
        )
        for raw, by in growth.items()
    }


def kinds(
    errors: str, total: str, group: dict[str, str] | None = None
) -> tuple[dict[str, str], ...]:
    found = event_kinds(Sli(SliKind.EVENTS, errors, total), group or {})
    assert found is not None
    assert found.good.bad_share == 0
    assert found.bad.bad_share == 1
    return shown(dict(found.good.growth)), shown(dict(found.bad.growth))


@pytest.mark.parametrize(
    ("errors", "total", "good", "bad"),
    [
        pytest.param(
            'sum(rate(a{o=~"failure|timeout"}[$window]))', "sum(rate(a[$window]))",
            {"a{}": "1"}, {"a{o=failure}": "1"}, id="bad by label",
        ),
        pytest.param(
            'sum(rate(a{code!="200"}[$window]))', 'sum(rate(a{job="x"}[$window]))',
            {"a{code=200,job=x}": "1"}, {"a{job=x}": "1"}, id="bad unless",
        ),
        pytest.param(
            'sum(rate(a{o=~"f.*",by!="user"}[$window]))',
            'sum(rate(a{o!~"rejected|off"}[$window]))',
            {"a{}": "1"}, {"a{o=f}": "1"}, id="both exclude",
        ),
        pytest.param(
            'sum(rate(d_count[$window])) - sum(rate(d_bucket{le="0.05"}[$window]))',
            "sum(rate(d_count[$window]))",
            {"d_count{}": "1", "d_bucket{le=0.05}": "1"},
            {"d_count{}": "1", "d_bucket{le=0.05}": "0"}, id="slower than a bucket",
        ),
        pytest.param(
            '(sum(rate(t[$window])))'
            ' - ((sum(rate(t{ok="1"}[$window]))) or 0 * (sum(rate(t[$window]))))',
            "sum(rate(t[$window]))",
            {"t{ok=1}": "1"}, {"t{}": "1"}, id="good of total",
        ),
        pytest.param(
            "sum(rate(conflicts[$window]))", "sum(rate(actions[$window]))",
            {"actions{}": "1"}, {"actions{}": "1", "conflicts{}": "1"}, id="two metrics",
        ),
        pytest.param(
            "sum(rate(bad[$window]))", "sum(rate(good[$window])) + sum(rate(bad[$window]))",
            {"bad{}": "0", "good{}": "1"}, {"bad{}": "1", "good{}": "0"}, id="good and bad",
        ),
    ],
)  # fmt: skip
def test_an_event_of_each_kind_is_found(
    errors: str, total: str, good: dict[str, str], bad: dict[str, str]
) -> None:
    assert kinds(errors, total) == (good, bad)


def test_a_budget_gets_series_of_its_own_group() -> None:
    good, bad = kinds(
        'sum by (agent) (rate(a{o="failure"}[$window]))', "sum by (agent) (rate(a[$window]))", GROUP
    )

    assert good == {"a{agent=first}": "1"}
    assert bad == {"a{agent=first,o=failure}": "1"}


def test_a_weighted_total_is_scaled_to_one_event() -> None:
    good, _ = kinds('sum(rate(a{o="f"}[$window])) * 2', "sum(rate(a[$window])) * 2")

    assert good == {"a{}": "1/2"}


@pytest.mark.parametrize(
    "errors",
    [
        "sum(avg_over_time(up[$window]))",
        "histogram_quantile(0.9, sum by (le) (rate(a_bucket[$window])))",
        "sum(rate(a[$window])) / on () sum(rate(b[$window]))",
        "sum(rate(a[$window] offset 1h))",
        'sum(rate(a{o=~"\\\\pL+"}[$window]))',
        'sum(rate(a{o=~"[[:alpha:]]+"}[$window]))',
    ],
)
def test_what_is_not_linear_in_rates_is_left_to_the_recorded_level(errors: str) -> None:
    assert event_kinds(Sli(SliKind.EVENTS, errors, "sum(rate(a[$window]))"), {}) is None


@pytest.mark.parametrize(
    "pattern",
    [
        "failure|timeout",
        "(a|b)",
        "5..",
        r"30(\.0)?",
        "[a-z]+",
        r"\d+",
        "f.*",
        "x.+",
        r"a\.b",
        "(?:4|5)00",
    ],
)
def test_a_word_is_found_for_the_patterns_people_write(pattern: str) -> None:
    found = list(words(pattern))

    assert found
    assert all(re.fullmatch(pattern, word) for word in found)


@pytest.mark.parametrize(
    ("expr", "value"),
    [
        ("sum(rate(a[5m]))", 5.0),
        ("sum by (k) (rate(a[5m])) > 2", 3.0),
        ("max(rate(a[5m])) - min(rate(a[5m]))", 1.0),
        ("count(rate(a[5m])) * 10", 20.0),
        ("(sum(rate(nothing[5m])) or 0 * sum(rate(a[5m])))", 0.0),
        ("sum(rate(nothing[5m])) or vector(7)", 7.0),
        ("sum(rate(a[5m])) or on () vector(7)", 5.0),
        ("sum(rate(a[5m])) unless sum(rate(nothing[5m]))", 5.0),
        ('avg(rate(a{k=~"x|y"}[5m])) / 5', 0.5),
    ],
)
def test_the_evaluator_agrees_with_arithmetic(expr: str, value: float) -> None:
    slopes = {Raw("a", frozenset({("k", "x")})): 2.0, Raw("a", frozenset({("k", "y")})): 3.0}

    result = evaluate(pp.parse(expr), slopes)

    assert isinstance(result, dict)
    assert list(result.values()) == [value]


def test_the_evaluator_refuses_what_it_does_not_know() -> None:
    with pytest.raises(UnsupportedError, match="deriv"):
        evaluate(pp.parse("sum(deriv(a[5m]))"), {})
