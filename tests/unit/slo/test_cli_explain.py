"""`sloctl explain` and `catalog`: an SLO, a code and a metric in words."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from slo.cli import run
from slo.cli.tiers import expression
from slo.promql import canonical
from tests.front_end import TEAM, slo_text


def test_explain_tells_an_slo_in_words_and_numbers(
    specs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["explain", str(specs), "checkout"]) == 0

    text = capsys.readouterr().out
    assert "objective 99.9 % over 30d: a budget of 0.1 % of events, 43.2 min" in text
    assert "> 1.44 % bad (14.4x) over 1h and 5m" in text
    assert run(["explain", str(specs), "chekout"]) == 1
    assert "did you mean shop-checkout?" in capsys.readouterr().err


def test_explain_fits_a_narrow_terminal_and_leaves_a_pipe_as_wide_as_it_is(
    specs: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def told() -> list[str]:
        assert run(["explain", str(specs), "checkout"]) == 0
        lines = capsys.readouterr().out.splitlines()
        assert not [line for line in lines if line != line.rstrip()]
        return lines[[line.startswith("tier ") for line in lines].index(True) :]

    monkeypatch.delenv("COLUMNS", raising=False)
    assert max(map(len, told())) > 100
    monkeypatch.setenv("COLUMNS", "80")
    narrow = told()
    assert max(map(len, narrow)) <= 80
    assert any("  fires when: > 1.44 % bad (14.4x) over 1h and 5m" in line for line in narrow)


@pytest.mark.parametrize(
    ("objective", "told"),
    [
        ("99", ""),
        (
            "99.9",
            "late: in a total outage the budget is gone before page fires; outage fires first",
        ),
    ],
)
def test_explain_says_that_a_page_is_late(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], objective: str, told: str
) -> None:
    more = "  window: 7d\n  alerting: {policy: fleet-sustained}\n"
    file = tmp_path / "all.yaml"
    file.write_text(f"{slo_text(objective=objective, more=more)}---\n{TEAM}")

    assert run(["explain", str(file)]) == 0
    late = [line for line in capsys.readouterr().out.splitlines() if "late:" in line]
    assert late == ([f"  {told}"] if told else [])


def test_a_long_expression_is_laid_out_and_a_short_one_stays_on_its_line() -> None:
    short = "sum(rate(a_total[$window]))"
    other = 'sum(rate(a_total_with_a_long_name{c="d"}[$window]))'
    long = f"{other} - ({other} or 0 * {short})"

    assert list(expression("total", short)) == [f"total: {short}"]
    head, *lines = expression("bad", long)
    assert head == "bad:"
    assert canonical("\n".join(lines)) == canonical(long)
    assert len(lines) == 3


def test_explain_tells_what_a_code_means(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["explain", "slo012"]) == 0
    assert capsys.readouterr().out.startswith("# SLO012: ")
    assert run(["explain", "SLO999"]) == 1


@pytest.mark.parametrize("what", ["metrics", "slos", "alerts"])
def test_the_catalogue_is_the_same_in_every_format(
    what: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["catalog", what, "--format", "json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert run(["catalog", what, "--format", "yaml"]) == 0
    assert yaml.safe_load(capsys.readouterr().out) == rows
    assert run(["catalog", what, "--format", "markdown"]) == 0
    assert len(capsys.readouterr().out.strip().split("\n")) == len(rows) + 2
    assert run(["catalog", what]) == 0
    assert len(capsys.readouterr().out.strip().split("\n")) == len(rows) + 1


def test_the_catalogue_holds_every_row_of_the_guide(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["catalog", "slos", "--format", "json"]) == 0
    slos = {row["id"] for row in json.loads(capsys.readouterr().out)}
    assert run(["catalog", "alerts", "--format", "json"]) == 0
    alerts = {row["id"] for row in json.loads(capsys.readouterr().out)}

    # M9 is the burn rate itself: every SLO has it.
    assert {f"M{n}" for n in range(1, 11) if n != 9} <= slos
    assert {f"R{n}" for n in range(1, 5)} | {f"F{n}" for n in range(1, 6)} <= alerts
