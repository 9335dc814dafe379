"""Files that are meant to break the compiler are refused like any other mistake."""

from __future__ import annotations

import time

import pytest

from slo.cli.draw import draw
from slo.diagnostic import Diagnostic, Level, Span
from slo.spec import SourceFile, read
from tests.front_end import project_of, slo_text

RATE = "sum(rate(all_total[$window]))"
ONE = "sum(rate(ko_total[$window]))"


def refusals(*texts: str) -> list[Diagnostic]:
    files = [SourceFile(f"{place}.yaml", text, named=True) for place, text in enumerate(texts)]
    project, problems = read(files)
    assert project is None
    return [problem for problem in problems if problem.level is Level.ERROR]


def events(bad: str) -> str:
    return slo_text("a", sli=f"    events: {{bad: '{bad}', total: '{RATE}'}}\n")


@pytest.mark.parametrize(
    "bad",
    ["(" * 20_000 + ONE + ")" * 20_000, "-" * 3_000 + ONE, "sum(" * 3_000 + ONE + ")" * 3_000],
)
def test_an_expression_as_deep_as_a_well_is_refused_where_it_is_too_deep(bad: str) -> None:
    told = refusals(events(bad))

    assert [(each.code, each.text) for each in told if each.code == "SLO050"] == [
        ("SLO050", "brackets and signs may stand 64 deep")
    ]


@pytest.mark.parametrize("operator", [" + ", " or ", " * 2 + "])
def test_an_expression_without_end_is_refused(operator: str) -> None:
    told = refusals(events(operator.join([ONE] * 3_000)))

    assert "an expression may have 100 operators" in {each.text for each in told}


@pytest.mark.parametrize(
    "bad", ["(" * 60 + ONE + ")" * 60, " + ".join([ONE] * 101), "-" * 60 + ONE, ONE + " * 1" * 100]
)
def test_what_is_just_within_the_bounds_is_compiled(bad: str) -> None:
    (slo,) = project_of(events(bad)).slos

    assert slo.sli.errors


def test_a_composite_of_hundreds_of_weighted_members_is_no_deeper_than_its_weights() -> None:
    names = [f"m{place}" for place in range(300)]
    members = [slo_text(name) for name in names]
    listed = ", ".join(
        f"{{slo: {name}, weight: {place % 2 + 2}}}" for place, name in enumerate(names)
    )
    whole = slo_text("whole", sli=f"    composite: {{of: [{listed}]}}\n")

    slos = {slo.name: slo for slo in project_of(*members, whole).slos}

    assert slos["whole"].sli.total.count(" or ") == 1


@pytest.mark.parametrize(
    ("starts", "ends", "text"),
    [
        ("0001-01-01T00:00:00+14:00", "2026-01-01T00:00:00Z", "starts must be a date and time"),
        ("2026-01-01T00:00:00Z", "9999-12-31T23:59:00-14:00", "ends must be a date and time"),
        ("0999-01-01T00:00:00Z", "9999-12-31T00:00:00Z", "a window may last 366 days"),
    ],
)
def test_planned_work_of_thousands_of_years_is_a_slip(starts: str, ends: str, text: str) -> None:
    told = refusals(
        "apiVersion: fleetslo/v1\nkind: Maintenance\nmetadata: {name: m}\n"
        f"spec: {{reason: r, owner: t, starts: '{starts}', ends: '{ends}', matchers: {{a: b}}}}\n"
    )

    assert any(each.code == "SLO028" and each.text.startswith(text) for each in told)


def test_twenty_thousand_problems_in_one_file_are_drawn_without_reading_it_as_often() -> None:
    text = "a: 1\n" * 20_000
    problems = [
        Diagnostic("SLO010", Level.ERROR, "no", Span("a.yaml", line, 1, 2))
        for line in range(1, 20_001)
    ]
    before = time.process_time()

    drawn = [draw(problem, {"a.yaml": text}) for problem in problems]

    assert len(drawn) == 20_000
    assert time.process_time() - before < 5
