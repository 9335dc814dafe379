"""A table takes the width that there is, and loses no word for it."""

from __future__ import annotations

from slo.cli.table import lines

HEADINGS = ("name", "window", "left", "note")
ROWS = [("checkout", "30d", "12 %", "nothing yet"), ("支付", "7d", "3 %", "")]


def test_without_a_width_every_column_stands_beside_the_others() -> None:
    assert list(lines(HEADINGS, ROWS, ("note",))) == [
        "name      window  left  note",
        "checkout  30d     12 %  nothing yet",
        "支付      7d      3 %",
    ]


def test_what_finds_no_room_stands_below_its_row() -> None:
    assert list(lines(HEADINGS, ROWS, ("note", "window"), 34)) == [
        "name      window  left",
        "checkout  30d     12 %",
        "  note: nothing yet",
        "支付      7d      3 %",
    ]


def test_what_stands_below_shares_a_line_where_it_can() -> None:
    below = ("left", "window", "note")

    assert list(lines(HEADINGS, ROWS[:1], below, 24)) == [
        "name      note",
        "checkout  nothing yet",
        "  window: 30d",
        "  left: 12 %",
    ]
    assert list(lines(HEADINGS, ROWS[:1], below, 25))[2:] == ["  window: 30d; left: 12 %"]


def test_a_table_that_fits_exactly_is_left_alone() -> None:
    wide = list(lines(HEADINGS, ROWS, ("note",)))

    assert list(lines(HEADINGS, ROWS, ("note",), max(map(len, wide)))) == wide
