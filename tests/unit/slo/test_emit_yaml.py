"""The YAML writer: what is read back is what was written, and it looks like people's YAML."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from slo.emit.yaml import Value, dump

TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
VALUES: st.SearchStrategy[Value] = st.recursive(
    TEXTS | st.integers() | st.booleans(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=20,
)


@given(VALUES)
def test_whatever_is_written_is_read_back_as_it_was(value: Value) -> None:
    assert yaml.safe_load(dump(value)) == value


@pytest.mark.parametrize(
    "text",
    ["true", "No", "null", "~", "1", "1.5", "1e3", "0x1f", "12:30:00", "2026-01-01", "", " x", "x ",
     "- x", "a: b", "a #b", "'", '"', "a\nb", "a\n", "\n", "  a\nb", "a \nb", "\t", "\x85",
     "\u2028", "{{ $value }}", "*a", "&a", "!a", "%a", "@a", "`a`", "=", "<<", "a:", "x\\ny", "😀",
     "\x00"],
)  # fmt: skip
def test_texts_that_yaml_takes_for_something_else_stay_texts(text: str) -> None:
    assert yaml.safe_load(dump({"key": text, text: "value"})) == {"key": text, text: "value"}
    assert yaml.safe_load(dump([text])) == [text]


def test_words_durations_and_addresses_need_no_quotes() -> None:
    told = {"a": "word", "b": "5m", "c": "4m45s", "d": "http://host:9090/x.md", "e": "a-b_c.d"}

    assert dump(told) == "".join(f"{key}: {text}\n" for key, text in told.items())


def test_expressions_stand_in_single_quotes_and_long_ones_in_blocks() -> None:
    assert dump({"expr": 'up{job="x"}'}) == "expr: 'up{job=\"x\"}'\n"
    assert dump({"expr": "a\nand b"}) == "expr: |-\n  a\n  and b\n"


def test_a_comment_stands_above() -> None:
    assert dump({"a": 1}, "one\n\ntwo") == "# one\n#\n# two\na: 1\n"
