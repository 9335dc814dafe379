"""`sloctl backtest --events` from the file to the table."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from slo.cli.app import run
from slo.servers import find
from tests.front_end import TEAM, slo_text

pytestmark = pytest.mark.servers

MIDNIGHT = 1_767_225_600
MINUTES = 3 * 1_440
# On the second day, 100 minutes in which 3 of 10 events of agent a are bad.
FAILING = range(2_000, 2_100)


@pytest.fixture(autouse=True)
def _servers() -> None:
    if find("prometheus") is None or find("promtool") is None:
        pytest.skip("Prometheus and promtool are not to be had, run `make servers`")


def written(folder: Path) -> tuple[str, str]:
    """Spec and events: a budget of 1 % a day for each of two agents."""
    spec, events = folder / "spec.yaml", folder / "events.csv"
    more = "  window: 1d\n  by: [agent]\n"
    spec.write_text("---\n".join((slo_text(objective="99", more=more), TEAM)))
    lines = ["time,good,bad,agent"]
    for minute in range(MINUTES):
        bad = 3 if minute in FAILING else 0
        lines.append(f"{MIDNIGHT + 60 * minute},{10 - bad},{bad},a")
        lines.append(f"{MIDNIGHT + 60 * minute},10,0,b")
    events.write_text("\n".join(lines))
    return str(spec), str(events)


def test_the_worst_day_decides_what_could_have_been_promised(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spec, events = written(tmp_path)
    picture = tmp_path / "picture.svg"

    code = run(["backtest", "--events", events, "--format", "json", "--plot", str(picture), spec])

    (told,) = json.loads(capsys.readouterr().out)["backtests"]
    assert code == 0
    assert (told["events"], told["bad_events"]) == (
        pytest.approx(20 * MINUTES, rel=0.005),
        pytest.approx(300, rel=0.005),
    )
    assert told["whole_window"]
    assert told["worst_error_ratio"] == pytest.approx(300 / 14_400, rel=0.01)
    assert told["suggested_objective_percent"] == "95"
    burns = [alert for alert in told["alerts"] if "slo_tier" in alert["labels"]]
    assert {alert["labels"]["agent"] for alert in burns} == {"a"}
    outage = next(alert for alert in burns if alert["labels"]["slo_tier"] == "outage")
    # 300 bad events are two days' budgets of 144.
    assert outage["budget_by_end"] == pytest.approx(300 / 144, rel=0.05)
    assert 0 < outage["budget_at_fire"] < 0.15
    assert ET.fromstring(picture.read_text()).tag.endswith("svg")


def test_a_sweep_shows_what_other_promises_would_have_cost(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spec, events = written(tmp_path)

    code = run(["backtest", "--events", events, "--objectives", "95,99", spec])

    lines = capsys.readouterr().out.splitlines()
    assert code == 0
    sweep = lines[next(at for at, line in enumerate(lines) if line.startswith("objective")) + 1 :]
    written_row, looser = (line.split() for line in sweep[:2])
    assert (written_row[0], written_row[-1]) == ("99", "no")
    assert (looser[0], looser[-1]) == ("95", "yes")


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ([], 2, "give either --prometheus URL or --events FILE"),
        (["--events", "EVENTS", "--prometheus", "http://x"], 2, "give either"),
        (["--events", "EVENTS", "--objectives", "100"], 2, "leaves no budget"),
        (["--events", "EVENTS", "--policies", "none"], 2, "shipped are sre-multiwindow"),
        (["--events", "EVENTS", "--slo", "shop-chekout"], 1, "shop-checkout"),
        (["--events", "SPEC"], 1, "an event needs time"),
        (["--prometheus", "http://127.0.0.1:9"], 4, "does not answer"),
        (["--prometheus", "http://127.0.0.1:9", "--since", "soon"], 4, "does not answer"),
    ],
)
def test_what_cannot_be_replayed_is_said_with_the_exit_code_of_its_kind(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    code: int,
    words: str,
) -> None:
    spec, events = written(tmp_path)
    known = {"EVENTS": events, "SPEC": spec}

    ended = run(["backtest", *(known.get(each, each) for each in arguments), spec])

    assert ended == code
    assert words in capsys.readouterr().err
