"""Numbers stay as people wrote them."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slo.exact import Duration, Ratio, decimal, number


def test_three_nines_leave_a_budget_that_prints_as_written() -> None:
    assert Ratio.from_percent("99.9").budget.promql() == "0.001"


def test_a_number_without_a_finite_decimal_is_rounded_to_twelve_digits() -> None:
    assert decimal(Fraction(1, 3)) == "0.333333333333"


def test_a_small_number_is_never_printed_as_zero_or_with_an_exponent() -> None:
    assert decimal(Fraction(1, 3_000_000_000_000_000)) == "0.000000000000000333333333333"


@pytest.mark.parametrize(
    ("value", "printed"),
    [
        (Fraction(10**12) + Fraction(1, 10**13), "1000000000000"),
        (Fraction(10**12) + Fraction(1, 3), "1000000000000"),
        (number("12345678901234567890.5"), "12345678901234567890.5"),
        (number("999999999999999999999999999999.5") / 7, "142857142857000000000000000000"),
    ],
)
def test_the_zeros_of_a_large_whole_are_digits_like_others(value: Fraction, printed: str) -> None:
    assert decimal(value) == printed


@pytest.mark.parametrize("text", ["", "abc", "nan", "inf", "1e", "99,9"])
def test_what_is_not_a_number_is_refused_with_its_text(text: str) -> None:
    with pytest.raises(ValueError, match="not a"):
        number(text)


@pytest.mark.parametrize("text", ["101", "-1"])
def test_a_share_outside_the_whole_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        Ratio.from_percent(text)


@pytest.mark.parametrize("text", ["9e999999999", "-1e31", "1e-31", "0.1e-999999999"])
def test_a_number_that_nobody_could_print_is_refused_at_once(text: str) -> None:
    with pytest.raises(ValueError, match="30 digits"):
        number(text)


@pytest.mark.parametrize(
    ("text", "printed"),
    [("30d", "30d"), ("1w", "7d"), ("90m", "1h30m"), ("4m45s", "4m45s"), ("285000ms", "4m45s")],
)
def test_a_duration_is_printed_in_its_shortest_form(text: str, printed: str) -> None:
    assert Duration.parse(text).promql() == printed


@pytest.mark.parametrize("text", ["", "5", "m", "0s", "5m5h", "-5m", "1.5h"])
def test_what_is_not_a_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="duration"):
        Duration.parse(text)


def test_a_duration_that_prometheus_cannot_hold_is_refused() -> None:
    assert Duration.parse("292y").total_seconds == 292 * 365 * 86_400
    with pytest.raises(ValueError, match="292y at most"):
        Duration.parse("99999999999999999d")


@given(st.integers(1, 10**12))
def test_a_printed_duration_reads_back_the_same(ms: int) -> None:
    assert Duration.parse(Duration(ms).promql()) == Duration(ms)


@given(st.fractions(0, 1).map(lambda value: value.limit_denominator(10**6)))
def test_a_printed_number_is_within_a_trillionth_of_the_exact_one(value: Fraction) -> None:
    assert abs(Fraction(decimal(value)) - value) <= Fraction(1, 10**12)


@pytest.mark.parametrize("text", ["\uff19\uff19", "\u0663", "1_000", "9\u0669.9"])
def test_only_plain_digits_are_numbers(text: str) -> None:
    with pytest.raises(ValueError, match="not a number"):
        number(text)
    with pytest.raises(ValueError, match="not a duration"):
        Duration.parse(f"{text}m")
