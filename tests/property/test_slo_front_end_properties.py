"""For all inputs: nothing raises, places exist, numbers stay exact, printing keeps meaning."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from slo.cli.draw import draw
from slo.diagnostic import Diagnostic
from slo.exact import Ratio
from slo.promql import (
    PromqlError,
    canonical,
    grouped,
    parse,
    per_second,
    pretty,
    result_labels,
)
from slo.source import Mapping, Node, Scalar, Sequence, inside, load
from slo.spec import SourceFile, read
from tests.front_end import EVENTS, TEAM, slo_of, slo_text

YAML_TEXT = st.text(alphabet="ab:-[]{},&*!|>'\"#%@\n \t?~0159.é<", max_size=60)
NAMES = st.sampled_from(["a_total", "b_total", "c"])
LABELS = st.sampled_from(["x", "y", "z"])


def nodes(node: Node) -> list[Node]:
    if isinstance(node, Sequence):
        return [node, *(each for item in node.items for each in nodes(item))]
    if isinstance(node, Mapping):
        below = [each for e in node.entries for part in (e.key, e.value) for each in nodes(part)]
        return [node, *below]
    return [node]


def stands_in(problem: Diagnostic, text: str) -> bool:
    place = problem.place
    return place is None or (
        1 <= place.line <= text.count("\n") + 1 and 1 <= place.column < place.end_column
    )


@given(YAML_TEXT)
def test_any_text_is_read_or_refused_with_places_that_exist(text: str) -> None:
    documents, problems = load("f.yaml", text)

    assert all(stands_in(problem, text) for problem in problems)
    for document in documents:
        for node in nodes(document):
            assert 1 <= node.span.line <= text.count("\n") + 1
            assert node.span.column < node.span.end_column


@given(YAML_TEXT)
def test_any_text_in_a_specification_gives_problems_and_never_a_bug(text: str) -> None:
    whole = slo_text(more="".join(f"  {line}\n" for line in text.split("\n")))
    project, problems = read([SourceFile("f.yaml", f"{whole}---\n{TEAM}", named=True)])

    assert project is not None or problems
    assert all(draw(problem, {"f.yaml": whole}) for problem in problems)


@given(st.text(alphabet="ab \n", min_size=1, max_size=40), st.sampled_from("'\"|>"), st.data())
def test_a_part_of_a_scalar_is_marked_where_it_stands(
    words: str, style: str, data: st.DataObject
) -> None:
    if style in "|>":
        text = f"k: {style}\n" + "".join(f"  {line}\n" for line in words.split("\n"))
    else:
        text = f"k: {style}{words}{style}\n"
    documents, problems = load("f", text)
    if problems or not isinstance(documents[0], Mapping):
        return
    scalar = documents[0].get("k")
    assert isinstance(scalar, Scalar)
    visible = [at for at, char in enumerate(scalar.text) if not char.isspace()]
    if not visible:
        return
    at = data.draw(st.sampled_from(visible))
    place = inside(scalar, at, at + 1)

    assert text.split("\n")[place.line - 1][place.column - 1] == scalar.text[at]


@given(st.decimals(min_value=1, max_value=100, places=6).filter(lambda value: value < 100))
def test_an_objective_is_exact_whatever_its_digits(value: object) -> None:
    text = f"{value}"

    assert slo_of(slo_text(objective=text)).objective == Ratio(Fraction(text) / 100)


@st.composite
def expressions(draw_: st.DrawFn, depth: int = 3) -> str:
    """PromQL that parses: rates, aggregations and arithmetic of them."""
    inner = st.deferred(lambda: expressions(depth - 1))
    kind = draw_(st.integers(0, 5 if depth else 0))
    if kind == 0:
        matcher = draw_(st.sampled_from(["", '{x="1"}', '{y=~"a|b c",z!=""}']))
        function = draw_(st.sampled_from(["rate", "increase"]))
        return f"sum({function}({draw_(NAMES)}{matcher}[$window]))"
    if kind == 1:
        by = ", ".join(draw_(st.lists(LABELS, min_size=1, max_size=2, unique=True)))
        return f"{draw_(st.sampled_from(['sum', 'max', 'avg']))} by ({by}) ({draw_(inner)})"
    if kind == 2:
        return f"({draw_(inner)})"
    if kind == 3:
        operator = draw_(st.sampled_from(["+", "-", "*", "/", "or", "and", "unless", ">"]))
        return f"{draw_(inner)} {operator} {draw_(inner)}"
    if kind == 4:
        return f"{draw_(st.sampled_from(['2', '0.5', '1e3']))} * ({draw_(inner)})"
    return f"clamp_min({draw_(inner)}, 0)"


@given(expressions())
def test_printing_keeps_the_expression_and_is_stable(text: str) -> None:
    line = canonical(text)

    assert str(parse(line)) == str(parse(text))
    assert canonical(line) == line
    assert "\n" not in line
    assert canonical(pretty(text)) == line


@given(expressions(), st.lists(LABELS, max_size=2, unique=True))
def test_what_is_grouped_has_exactly_the_labels_of_by(text: str, by: list[str]) -> None:
    try:
        result = grouped(per_second(parse(text)), by)
    except PromqlError:
        return

    assert result_labels(result) == frozenset(by)
    assert "increase" not in str(result)


@given(st.text(alphabet="abs(){}[]=~!\"'$window5m +-*/,<>^%#@:.0", max_size=40))
def test_any_expression_is_parsed_or_refused_within_its_text(text: str) -> None:
    fault = PromqlError("none")
    try:
        parse(text)
    except PromqlError as error:
        fault = error

    assert 0 <= fault.start <= fault.end <= len(text)


@given(st.permutations(["a", "b", "c", "d"]))
def test_the_order_of_documents_does_not_matter(names: list[str]) -> None:
    texts = [*(slo_text(name, sli=EVENTS) for name in names), TEAM]
    project, _ = read([SourceFile(f"{at}.yaml", text, named=True) for at, text in enumerate(texts)])

    assert project is not None
    assert [slo.name for slo in project.slos] == ["a", "b", "c", "d"]
