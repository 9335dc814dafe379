"""Matchers mean what Alertmanager means by them."""

from __future__ import annotations

import pytest

from alerts.routing.tree import Matcher, equals, none_of, one_of, present


@pytest.mark.parametrize(
    "matcher",
    [
        equals("severity", "page"),
        present("slo_id"),
        one_of("alertname", ["A", "B"]),
        none_of("alertname", ["A.b", "B"]),
        equals("summary", 'say "no" \\ twice\nat least'),
    ],
)
def test_a_matcher_survives_being_written_and_read(matcher: Matcher) -> None:
    assert Matcher.parse(matcher.text()) == matcher


def test_a_missing_label_is_an_empty_one() -> None:
    assert Matcher("slo", "=", "").matches({})
    assert not present("slo").matches({})
    assert Matcher("slo", "!=", "x").matches({})


def test_a_pattern_must_fit_the_whole_value() -> None:
    two = one_of("slo_tier", ["fast", "slow"])

    assert two.matches({"slo_tier": "fast"})
    assert not two.matches({"slo_tier": "faster"})


def test_names_in_a_choice_are_taken_literally() -> None:
    choice = one_of("job", ["a.c", "x"])

    assert choice.matches({"job": "a.c"})
    assert not choice.matches({"job": "abc"})


@pytest.mark.parametrize("text", ["", "severity", '"page"', 'a.b="c"', "=x"])
def test_what_is_no_matcher_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a matcher"):
        Matcher.parse(text)
