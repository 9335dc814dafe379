"""Problems are told to people, to programs and to GitHub without losing their place."""

from __future__ import annotations

import json

import pytest

from slo.cli.draw import WIDTH, draw, summary
from slo.cli.report import Format, as_github, as_json, report
from slo.cli.state import State
from slo.diagnostic import Diagnostic, Level, Span

PROBLEM = Diagnostic(
    "SLO012",
    Level.ERROR,
    "objective must be above 0 and below 100 percent, got 101",
    Span("api.yaml", 3, 16, 19),
    "write 99.9 for three nines",
)
SOURCE = "a: 1\nb:\n    objective: 101\n"


def at(line: int, column: int, end: int) -> Diagnostic:
    return Diagnostic("SLO001", Level.WARNING, "x", Span("f", line, column, end))


def test_a_mistake_is_drawn_where_it_stands() -> None:
    assert draw(PROBLEM, {"api.yaml": SOURCE}) == (
        "error[SLO012]: objective must be above 0 and below 100 percent, got 101\n"
        " --> api.yaml:3:16\n"
        "3 |     objective: 101\n"
        "                   ^^^\n"
        "help: write 99.9 for three nines"
    )


def test_without_the_file_the_place_is_still_told() -> None:
    assert " --> api.yaml:3:16\nhelp" in draw(PROBLEM, {})


def test_a_problem_of_the_whole_run_has_no_place() -> None:
    assert draw(Diagnostic("SLO007", Level.ERROR, "nothing"), {}) == "error[SLO007]: nothing"


def test_the_mark_stands_under_wide_characters() -> None:
    assert draw(at(1, 3, 5), {"f": "検索ab"}).split("\n")[2:] == ["1 | 検索ab", "        ^^"]


def test_the_mark_stands_right_after_tabs() -> None:
    assert draw(at(1, 4, 5), {"f": "\t\tab"}).split("\n")[2:] == ["1 |   ab", "       ^"]


@pytest.mark.parametrize("column", [1, 60, 200, 395])
def test_of_a_long_line_the_part_around_the_mark_is_shown(column: int) -> None:
    line = "".join(chr(97 + at % 26) for at in range(400))
    shown, mark = draw(at(1, column, column + 3), {"f": line}).split("\n")[2:]

    start = mark.index("^")
    assert len(shown) <= WIDTH + 4
    assert shown[start : start + 3] == line[column - 1 : column + 2]


@pytest.mark.parametrize("span", [(9, 1, 2), (1, 50, 60), (1, 1, 99), (0, 0, 0)])
def test_a_place_outside_of_the_file_breaks_nothing(span: tuple[int, int, int]) -> None:
    assert draw(at(*span), {"f": "ab"}).startswith("warning[SLO001]: x")


def test_what_could_steer_a_terminal_is_not_printed() -> None:
    text = draw(
        Diagnostic("SLO001", Level.ERROR, "a\x1b[31mb", Span("f", 1, 1, 2)), {"f": "\x1b]0;x"}
    )

    assert "\x1b" not in text


def test_colours_are_used_only_when_asked_for() -> None:
    assert "\x1b[31m" in draw(PROBLEM, {"api.yaml": SOURCE}, colour=True)
    assert "\x1b" not in draw(PROBLEM, {"api.yaml": SOURCE})


def test_a_summary_counts_errors_and_warnings() -> None:
    notice = Diagnostic("SLO006", Level.NOTICE, "x")

    assert summary([PROBLEM, PROBLEM, at(1, 1, 2), notice]) == "2 errors and 1 warning"
    assert summary([notice]) == ""


def test_json_holds_every_field() -> None:
    assert json.loads(as_json([PROBLEM]))["problems"] == [
        {
            "code": "SLO012",
            "level": "error",
            "message": PROBLEM.text,
            "help": PROBLEM.help,
            "file": "api.yaml",
            "line": 3,
            "column": 16,
            "end_column": 19,
        }
    ]


def test_an_annotation_escapes_what_github_would_read() -> None:
    problem = Diagnostic("SLO001", Level.WARNING, "50% of\nx", Span("a,b:c.yaml", 2, 3, 4), "do")

    assert as_github(problem) == (
        "::warning file=a%2Cb%3Ac.yaml,line=2,col=3,endColumn=4,title=SLO001::"
        "50%25 of%0Ax%0Ahelp: do"
    )


def test_text_goes_to_stderr_and_the_machine_formats_to_stdout(
    capsys: pytest.CaptureFixture[str],
) -> None:
    report([PROBLEM], {}, State())
    text = capsys.readouterr()
    report([PROBLEM], {}, State(), Format.GITHUB)
    github = capsys.readouterr()

    assert text.out == ""
    assert "SLO012" in text.err
    assert github.err == ""
    assert github.out.startswith("::error file=api.yaml")


def test_notices_are_counted_and_shown_only_when_asked_for(
    capsys: pytest.CaptureFixture[str],
) -> None:
    notice = Diagnostic("SLO006", Level.NOTICE, "skipped: x", Span("api.yaml", 1, 1, 2))
    report([notice], {}, State())
    quiet = capsys.readouterr().err
    report([notice], {}, State(verbose=True))

    assert "1 notice" in quiet
    assert "skipped: x" not in quiet
    assert "skipped: x" in capsys.readouterr().err


def test_advice_on_the_whole_set_up_is_told_to_those_who_ask(
    capsys: pytest.CaptureFixture[str],
) -> None:
    advice = Diagnostic("ALM014", Level.NOTICE, "nobody misses the heartbeat")
    report([advice], {}, State())
    quiet = capsys.readouterr().err
    report([advice], {}, State(verbose=True))

    assert quiet == ""
    assert "nobody misses the heartbeat" in capsys.readouterr().err
