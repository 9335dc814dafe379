"""Durations and addresses are read as the Collector reads them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from collectors.net import duration
from collectors.net.fields import Nanoseconds, split_address


@pytest.mark.parametrize(
    ("text", "nanoseconds"),
    [
        ("0", 0),
        ("0s", 0),
        ("200ms", 200_000_000),
        ("1.5s", 1_500_000_000),
        ("1h30m", 5_400_000_000_000),
        ("1m5s10ms", 65_010_000_000),
        ("100us", 100_000),
        ("100µs", 100_000),
        (".5s", 500_000_000),
        ("3ns", 3),
    ],
)
def test_a_go_duration_is_read(text: str, nanoseconds: int) -> None:
    assert duration.parse(text) == nanoseconds


@pytest.mark.parametrize("text", ["", "1", "5 s", "s", "-1s", "1d", "1h 30m", "1e3s", "300000000h"])
def test_what_is_no_go_duration_is_told(text: str) -> None:
    with pytest.raises(ValueError, match="must be"):
        duration.parse(text)


@pytest.mark.parametrize("bare", [1, 30, 999])
def test_a_number_without_a_unit_is_refused_where_it_can_only_be_a_slip(bare: int) -> None:
    with pytest.raises(ValidationError, match=f"write {bare}s or {bare}ms"):
        TypeAdapter(Nanoseconds).validate_python(bare)


def test_a_number_without_a_unit_is_nanoseconds_as_in_go() -> None:
    assert TypeAdapter(Nanoseconds).validate_python(1_000_000) == 1_000_000
    assert TypeAdapter(Nanoseconds).validate_python(0) == 0


@given(st.integers(0, 2**63 - 1))
def test_every_duration_is_read_as_it_was_shown(nanoseconds: int) -> None:
    assert duration.parse(duration.show(nanoseconds)) == nanoseconds


@pytest.mark.parametrize(
    ("text", "expected"),
    [("127.0.0.1:0", ("127.0.0.1", 0)), ("[::1]:80", ("::1", 80)), (":4317", ("", 4317))],
)
def test_an_address_is_parted(text: str, expected: tuple[str, int]) -> None:
    assert split_address(text) == expected


@pytest.mark.parametrize(
    "text", ["", "host", "host:", "host:x", "host:65536", "::1:80", "h:\u0663"]
)
def test_what_is_no_address_is_told(text: str) -> None:
    with pytest.raises(ValueError, match="got"):
        split_address(text)
