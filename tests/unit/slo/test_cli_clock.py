"""Windows of maintenance age with the time that the command line states."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from slo.cli.app import run
from slo.cli.clock import at
from slo.model import Project
from tests.front_end import TEAM, alert_text, document, project_of

WINDOW = document(
    "Maintenance",
    "upgrade",
    "{reason: why, owner: web, starts: 2026-12-01T22:00:00Z, ends: 2026-12-02T00:00:00Z, "
    "matchers: {service: shop}}",
)


def aged(*moment: int) -> tuple[Project, list[str]]:
    project, problems = at(project_of(WINDOW), datetime(*moment, tzinfo=UTC))  # type: ignore[arg-type,misc]  # year, month, day ...
    return project, [problem.code for problem in problems]


def test_a_window_holds_until_its_last_moment() -> None:
    project, problems = aged(2026, 12, 1, 23, 59)

    assert [window.over for window in project.maintenance] == [False]
    assert problems == []


def test_from_its_end_on_a_window_is_over_and_its_document_is_named() -> None:
    project, problems = aged(2026, 12, 2)

    assert [window.over for window in project.maintenance] == [True]
    assert problems == ["SLO058"]


def test_a_window_leaves_the_dashboards_when_no_budget_can_hold_it_any_more() -> None:
    assert len(aged(2027, 3, 3)[0].maintenance) == 1
    assert aged(2027, 3, 5)[0].maintenance == ()
    assert aged(2027, 3, 5)[1] == ["SLO058"]


@pytest.fixture
def specs(tmp_path: Path) -> Path:
    path = tmp_path / "all.yaml"
    path.write_text(f"{WINDOW}---\n{alert_text()}---\n{TEAM}", "utf-8")
    return path


def test_the_time_of_the_run_decides_what_alertmanager_mutes(
    specs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def muted(now: str) -> bool:
        out = tmp_path / now
        assert run(["generate", str(specs), "--out", str(out), "--now", now]) == 0
        text = (out / "alertmanager" / "alertmanager.yml").read_text("utf-8")
        return "fleetslo-maintenance-upgrade" in text

    assert muted("2026-12-01")
    assert "SLO058" not in capsys.readouterr().err
    assert not muted("2026-12-02T01:00:00+01:00")
    told = capsys.readouterr().err
    assert "warning[SLO058]: maintenance upgrade was over at 2026-12-02T00:00:00Z" in told
    assert f"{specs}:" in told


def test_strict_takes_a_window_that_is_over_for_a_failure(specs: Path) -> None:
    assert run(["validate", str(specs), "--now", "2026-12-01T00:00:00Z"]) == 0
    assert run(["validate", str(specs), "--now", "2027-01-01", "--strict"]) == 1


def test_a_time_that_is_none_is_wrong_usage(specs: Path) -> None:
    assert run(["validate", str(specs), "--now", "tomorrow"]) == 2
