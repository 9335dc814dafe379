"""YAML keeps its text and its places, and no file costs more than it should."""

from __future__ import annotations

import pytest

from slo.diagnostic import Diagnostic, Span
from slo.source import Mapping, Node, Scalar, Sequence, inside, load
from slo.source.compose import MAX_DEPTH
from slo.source.load import MAX_CHARACTERS


def one(text: str) -> Mapping:
    documents, problems = load("f.yaml", text)
    assert problems == []
    assert len(documents) == 1
    assert isinstance(documents[0], Mapping)
    return documents[0]


def value(text: str, key: str = "a") -> Scalar:
    node = one(text).get(key)
    assert isinstance(node, Scalar)
    return node


def problems(text: str) -> list[Diagnostic]:
    return load("f.yaml", text)[1]


@pytest.mark.parametrize(
    ("written", "text", "tag"),
    [
        ("99.90", "99.90", "float"),
        ("no", "no", "str"),
        ("on", "on", "str"),
        ("010", "010", "int"),
        ("1_000", "1_000", "str"),
        ("1:30", "1:30", "str"),
        ("2026-12-01", "2026-12-01", "str"),
        ("true", "true", "bool"),
        ("~", "~", "null"),
        ("", "", "null"),
        ("'5'", "5", "str"),
        ('"a\\tb"', "a\tb", "str"),
        ("!!str 5", "5", "str"),
        (".5", ".5", "float"),
        ("-.inf", "-.inf", "float"),
        ("1e3", "1e3", "float"),
    ],
)
def test_a_scalar_keeps_its_text_and_knows_what_it_is(written: str, text: str, tag: str) -> None:
    scalar = value(f"a: {written}\n")

    assert (scalar.text, scalar.tag) == (text, tag)


def test_a_quoted_word_is_never_a_number() -> None:
    assert value("a: '99.9'\n").quoted
    assert not value("a: 99.9\n").quoted


def test_every_node_knows_its_place() -> None:
    document = one("first: x\nsecond:\n  - one\n  - {deep: value}\n")
    second = document.get("second")
    assert isinstance(second, Sequence)
    inner = second.items[1]
    assert isinstance(inner, Mapping)

    assert value("first: x\n", "first").span == Span("f.yaml", 1, 8, 9)
    assert second.items[0].span == Span("f.yaml", 3, 5, 8)
    assert inner.entries[0].key.span == Span("f.yaml", 4, 6, 10)
    assert inner.entries[0].value.span == Span("f.yaml", 4, 12, 17)


def test_the_place_of_an_anchored_value_is_that_of_the_value() -> None:
    assert value("a: &x 99\n").span == Span("f.yaml", 1, 7, 9)


def test_columns_count_characters_and_not_bytes() -> None:
    assert value("{ü: é, a: 1}\n").span == Span("f.yaml", 1, 11, 12)


def test_a_key_that_stands_twice_is_reported_and_the_first_one_counts() -> None:
    documents, found = load("f.yaml", "a: 1\nb: 2\na: 3\n")
    document = documents[0]
    assert isinstance(document, Mapping)
    first = document.get("a")

    assert isinstance(first, Scalar)
    assert first.text == "1"
    assert [(p.code, p.place) for p in found] == [("SLO002", Span("f.yaml", 3, 1, 2))]


def test_an_alias_stands_for_its_anchor_and_a_merge_fills_what_is_missing() -> None:
    document = one("base: &b {x: 1, y: 2}\nmine: {<<: *b, y: 3}\nsame: *b\n")
    mine, same = document.get("mine"), document.get("same")

    assert isinstance(mine, Mapping)
    assert isinstance(same, Mapping)
    assert {e.key.text: scalar_text(e.value) for e in mine.entries} == {"x": "1", "y": "3"}
    assert {e.key.text: scalar_text(e.value) for e in same.entries} == {"x": "1", "y": "2"}


def scalar_text(node: Node) -> str:
    assert isinstance(node, Scalar)
    return node.text


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("a: [1,\n", "SLO001"),
        ("\ta: 1\n", "SLO001"),
        ("a: 'x\n", "SLO001"),
        ("a: \x07\n", "SLO001"),
        ("a: *nothing\n", "SLO004"),
        ("a: &a [*a]\n", "SLO004"),
        ("? [x]\n: 1\n", "SLO004"),
        ("a: !mine 1\n", "SLO004"),
        ("<<: 5\n", "SLO004"),
    ],
)
def test_what_is_wrong_with_the_yaml_is_reported_with_its_place(text: str, code: str) -> None:
    found = problems(text)

    assert [problem.code for problem in found] == [code]
    assert found[0].place is not None


def test_every_broken_document_is_reported_and_the_sound_ones_are_read() -> None:
    documents, found = load("f.yaml", "a: 1\n---\nb: [\n---\nc: 2\n---\nd: {\n---\ne: 3\n")

    keys = [d.entries[0].key.text for d in documents if isinstance(d, Mapping)]
    assert keys == ["a", "c", "e"]
    assert [problem.code for problem in found] == ["SLO001", "SLO001"]


def test_places_after_a_broken_document_are_true() -> None:
    documents, _ = load("f.yaml", "a: [\n---\nb: 2\n")

    assert documents[0].span.line == 3


def test_an_error_at_the_end_points_at_something_that_is_there() -> None:
    found = problems("a:\n  b: 'x\n\n\n")

    assert found[0].place is not None
    assert found[0].place.line == 2


def test_what_is_missing_at_the_end_still_has_a_place_in_the_file() -> None:
    documents, _ = load("f.yaml", "?")
    document = documents[0]

    assert isinstance(document, Mapping)
    assert document.entries[0].value.span == Span("f.yaml", 1, 1, 2)


def test_a_tab_as_indentation_is_told_as_what_it_is() -> None:
    assert "tabs" in problems("a:\n\tb: 1\n")[0].help


@pytest.mark.parametrize(
    ("text", "way_out"),
    [
        ("a: {b: 1\nc:\n  d: 2\n", "close the { of line 1"),
        ("a: 1\n   b: 2\n", "the indent of the line above"),
        ("a: hello: world\n", "into quotes"),
        ("a: {b: sum(x[5m))}\n", "into quotes"),
    ],
)
def test_a_slip_in_the_writing_is_told_with_its_way_out(text: str, way_out: str) -> None:
    assert way_out in problems(text)[0].help


def test_a_bomb_of_aliases_is_refused() -> None:
    lines = ["a: &a [x, x, x, x, x, x, x, x, x, x]"]
    for before, name in zip("abcdefgh", "bcdefghi", strict=True):
        lines.append(f"{name}: &{name} [{', '.join([f'*{before}'] * 10)}]")

    assert [problem.code for problem in problems("\n".join(lines))] == ["SLO003"]


def test_nesting_is_bounded() -> None:
    deep = "a: " + "[" * 5000
    fine = "a: " + "[" * (MAX_DEPTH - 1) + "]" * (MAX_DEPTH - 1)

    assert [problem.code for problem in problems(deep)] == ["SLO003"]
    assert problems(fine) == []


def test_a_file_that_is_too_big_is_not_even_parsed() -> None:
    assert [problem.code for problem in problems("#" * (MAX_CHARACTERS + 1))] == ["SLO003"]


@pytest.mark.parametrize("text", ["", "# only words\n", "---\n---\n", "\ufeff"])
def test_a_file_without_documents_is_empty_and_fine(text: str) -> None:
    assert load("f.yaml", text) == ([], [])


def test_a_byte_order_mark_shifts_nothing() -> None:
    assert value("\ufeffa: 1\n").span == Span("f.yaml", 1, 4, 5)


@pytest.mark.parametrize(
    ("text", "word", "line", "column"),
    [
        ("a: foo bar\n", "bar", 1, 8),
        ("a: 'foo bar'\n", "bar", 1, 9),
        ('a: "foo bar"\n', "bar", 1, 9),
        ("a: |\n  foo\n  bar\n", "bar", 3, 3),
        ("a: |-  # note\n    foo\n      bar\n", "bar", 3, 7),
        ("a: >\n  foo\n  bar\n", "bar", 3, 3),
        ("a: foo\n  bar\n", "bar", 2, 3),
        ("a: &x foo bar\n", "bar", 1, 11),
    ],
)
def test_a_part_of_a_scalar_is_found_in_the_file(
    text: str, word: str, line: int, column: int
) -> None:
    scalar = value(text)
    start = scalar.text.index(word)

    assert inside(scalar, start, start + 3) == Span("f.yaml", line, column, column + 3)


def test_where_escapes_hide_the_place_the_whole_scalar_is_meant() -> None:
    scalar = value('a: "x\\ty z"\n')

    assert inside(scalar, 4, 5) == scalar.span
