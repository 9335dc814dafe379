"""Windows of maintenance age with the time that the command line states."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from slo.cli.app import run
from slo.cli.clock import at
from slo.diagnostic import Diagnostic, Level
from slo.model import Project
from tests.front_end import TEAM, alert_text, document, project_of

WINDOW = document(
    "Maintenance",
    "upgrade",
    "{reason: why, owner: web, starts: 2026-12-01T22:00:00Z, ends: 2026-12-02T00:00:00Z, "
    "matchers: {service: shop}}",
)


KEPT = WINDOW.replace("matchers", "keep: 90d, matchers")


def aged(moment: str, text: str = WINDOW) -> tuple[Project, list[Diagnostic]]:
    return at(project_of(text), datetime.fromisoformat(moment).replace(tzinfo=UTC))


def test_a_window_holds_until_its_last_moment() -> None:
    project, problems = aged("2026-12-01T23:59")

    assert [window.over for window in project.maintenance] == [False]
    assert problems == []


def test_from_its_end_on_a_window_is_over_and_stays_a_mark_on_dashboards() -> None:
    project, (problem,) = aged("2026-12-02")

    assert [window.over for window in project.maintenance] == [True]
    assert (problem.code, problem.level) == ("SLO058", Level.NOTICE)
    assert "before 2027-01-01T00:00Z" in (problem.help or "")


@pytest.mark.parametrize(
    ("moment", "text", "level"),
    [
        ("2026-12-24T23:59", WINDOW, Level.NOTICE),
        ("2026-12-25", WINDOW, Level.WARNING),
        ("2026-12-31T23:59", WINDOW, Level.WARNING),
        ("2027-01-01", WINDOW, Level.ERROR),
        ("2027-01-01", KEPT, Level.NOTICE),
        ("2027-03-02", KEPT, Level.ERROR),
    ],
)
def test_a_document_that_does_nothing_any_more_is_an_error_after_a_week_of_warnings(
    moment: str, text: str, level: Level
) -> None:
    _, (problem,) = aged(moment, text)

    assert problem.level is level
    assert problem.place is not None
    assert problem.place.line == 3


def test_stale_maintenance_is_drawn_at_its_place_and_nothing_is_written(
    specs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"

    assert run(["generate", str(specs), "--out", str(out), "--now", "2027-02-01"]) == 1
    assert "error[SLO058]: maintenance upgrade ended 2026-12-02T00:00:00Z, longer than 30d ago" in (
        capsys.readouterr().err
    )
    assert not out.exists()


def test_the_starter_is_fine_at_any_time_that_anybody_will_see(tmp_path: Path) -> None:
    assert run(["init", str(tmp_path)]) == 0

    assert run(["validate", str(tmp_path), "--now", "2090-01-01"]) == 0


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
    assert not muted("2026-12-30")
    told = capsys.readouterr().err
    assert "warning[SLO058]: maintenance upgrade was over at 2026-12-02T00:00:00Z" in told
    assert f"{specs}:" in told


def test_strict_takes_a_window_that_is_soon_an_error_for_a_failure(specs: Path) -> None:
    assert run(["validate", str(specs), "--now", "2026-12-03", "--strict"]) == 0
    assert run(["validate", str(specs), "--now", "2026-12-30", "--strict"]) == 1


def test_a_time_that_is_none_is_wrong_usage(specs: Path) -> None:
    assert run(["validate", str(specs), "--now", "tomorrow"]) == 2
