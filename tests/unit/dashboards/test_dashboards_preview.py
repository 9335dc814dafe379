"""The static page, from answers made by hand."""

from __future__ import annotations

import json
import re
from functools import cache
from html import unescape

import pytest

from dashboards.generator import GENERATOR
from dashboards.preview.collect import Drawn, Filled
from dashboards.preview.fields import series_name, settings, told, with_unit
from dashboards.preview.page import page
from dashboards.proving.reading import Dashboard, Panel, read
from tests.dashboard_projects import fleet

START, END = 1_700_000_000, 1_700_003_600


@cache
def board(view: str) -> Dashboard:
    file = next(f for f in GENERATOR.generate(fleet()) if f.path.endswith(f"/{view}.json"))
    return read(file.text)


def titled(view: str, title: str) -> Panel:
    return next(panel for panel in board(view).panels if panel.title == title)


def answered(panel: Panel, *values: float, **labels: str) -> Filled:
    series = tuple(
        Drawn(target.ref, f"line {index}", labels, ((START, value), (END, value)))
        for target in panel.targets
        for index, value in enumerate(values)
    )
    return Filled(panel, series, START, END, "")


def drawn(panel: Panel, *values: float, **labels: str) -> str:
    only = Dashboard({"title": "one"}, (panel,))
    return page([(only, [answered(panel, *values, **labels)])], "")


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.99951, "percentunit", "99.95%"),
        (0.5, "percentunit", "50%"),
        (12.0, "s", "12 s"),
        (0.004, "s", "4 ms"),
        (7200.0, "s", "2 h"),
        (3.0e8, "bytes", "286 MiB"),
        (1234.0, "currencyUSD", "$1.2 K"),
        (2.5, "ops", "2.5 ops/s"),
        (float("nan"), "s", "nan"),
    ],
)
def test_a_value_has_its_unit(value: float, unit: str, text: str) -> None:
    assert with_unit(value, unit) == text


def test_a_series_is_called_as_its_legend_says() -> None:
    labels = {"__name__": "up", "job": "fleet"}

    assert series_name("{{job}} is {{ state }}", labels) == "fleet is "
    assert series_name("__auto", labels) == "job=fleet"


def test_a_mapped_value_is_told_as_a_word() -> None:
    panel = titled("executive", "Promises kept, day by day")

    assert [told(settings(panel, "x"), value) for value in (0.5, 1.5, 9.0)] == [
        "kept",
        "over",
        "heavy",
    ]


@pytest.mark.parametrize("view", ["executive", "on-call", "debug"])
def test_every_panel_is_drawn_with_and_without_data(view: str) -> None:
    panels = [panel for panel in board(view).panels if panel.kind != "row"]
    labels = {"id": "a", "title": "a", "source": "a", "target": "a", "le": "1"}
    full = [answered(panel, 0.4, 2.0, **labels) for panel in board(view).panels]
    empty = [answered(panel) for panel in board(view).panels]

    for text in (page([(board(view), full)], ""), page([(board(view), empty)], "")):
        found = {int(identity) for identity in re.findall(r'data-panel="(\d+)"', text)}
        assert found == {panel.identity for panel in panels}
        assert "This is not Grafana." in text
    for panel in panels:
        if panel.kind != "text":
            assert str(panel.defaults["noValue"]) in unescape(page([(board(view), empty)], ""))


def test_a_verdict_is_a_word_beside_its_colour() -> None:
    text = drawn(titled("executive", "Budget spending pace (1 is as planned)"), 99.0)

    assert "▲ bad" in text
    assert "99.00" in text


def test_a_label_cannot_become_markup() -> None:
    panel = titled("on-call", "Alerts that fire, the longest first")

    text = drawn(panel, 1.0, alertname="<script>alert(1)</script>")

    assert "<script>" not in text
    assert "&lt;script&gt;" in text


def test_a_refused_query_says_why() -> None:
    panel = titled("executive", "Budget spending pace (1 is as planned)")
    refused = Filled(panel, (), START, END, "parse error: unexpected end")

    text = page([(Dashboard({"title": "one"}, (panel,)), [refused])], "")

    assert "parse error: unexpected end" in text


def test_the_page_needs_nothing_from_elsewhere() -> None:
    filled = [answered(panel, 1.0, le="1") for panel in board("debug").panels]

    text = page([(board("debug"), filled)], "")

    assert re.findall(r'(?:src|href)="(?!http://127\.0\.0\.1)', text) == []
    assert "@import" not in text
    assert json.dumps("url(#tip)").strip('"') in text
