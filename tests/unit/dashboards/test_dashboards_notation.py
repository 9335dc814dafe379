from __future__ import annotations

import json

import promql_parser as pp
from hypothesis import given
from hypothesis import strategies as st

from dashboards.notation import JsonValue, shortened, stable_id, text
from dashboards.query import any_of, quoted

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=30,
)


def holds_none(value: JsonValue) -> bool:
    if isinstance(value, dict):
        return any(inner is None or holds_none(inner) for inner in value.values())
    return isinstance(value, list) and any(holds_none(inner) for inner in value)


@given(value=values)
def test_no_key_is_written_for_nothing(value: JsonValue) -> None:
    assert not holds_none(json.loads(text(value)))


def test_a_null_that_means_infinity_stays() -> None:
    step: JsonValue = {"color": "#0072B2", "value": None}
    bounds: JsonValue = {"from": None, "to": 1, "result": {"text": "kept", "index": None}}

    assert json.loads(text([step])) == [step]
    assert json.loads(text(bounds)) == {"from": None, "to": 1, "result": {"text": "kept"}}


@given(value=st.dictionaries(st.text(min_size=1), st.integers(), max_size=8))
def test_the_same_content_is_the_same_bytes(value: dict[str, int]) -> None:
    backwards = dict(reversed(list(value.items())))

    assert text(value) == text(backwards)
    assert json.loads(text(value)) == value


def without_nulls(value: JsonValue) -> JsonValue:
    if isinstance(value, dict):
        bounded = set(value) in ({"color", "value"}, {"from", "result", "to"})
        kept = {k: v for k, v in value.items() if v is not None or bounded}
        return {key: without_nulls(inner) for key, inner in kept.items()}
    return [without_nulls(each) for each in value] if isinstance(value, list) else value


@given(value=values)
def test_the_layout_is_that_of_the_standard_library(value: JsonValue) -> None:
    plain = without_nulls(value)

    written = json.dumps(plain, sort_keys=True, indent=2, ensure_ascii=False)
    assert text(value) == f"{written}\n"


@given(view=st.text(), key=st.text())
def test_an_id_is_what_grafana_can_store(view: str, key: str) -> None:
    assert 1 <= stable_id(view, key) < 2**31


def test_ids_are_the_same_for_ever() -> None:
    assert stable_id("executive", "tiles/burn") == 96815336


@given(value=st.text(st.characters(blacklist_categories=("Cs", "Cc"))))
def test_any_label_value_is_a_literal_that_grafana_leaves_alone(value: str) -> None:
    tree = pp.parse(f"up{{a={quoted(value)}, b=~{any_of([value])}}}")

    assert isinstance(tree, pp.VectorSelector)
    assert tree.matchers.matchers[0].value == value
    assert "$" not in quoted(value) + any_of([value])


def test_a_long_title_is_cut_visibly() -> None:
    assert shortened("x" * 300, 80) == "x" * 79 + "…"
    assert shortened("short", 80) == "short"
