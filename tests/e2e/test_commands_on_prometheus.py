"""`backfill`, `status`, `gate` and `backtest` on a Prometheus that holds two days of events."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from slo.cli.app import cli
from slo.exact import Duration
from slo.replay import Samples, Story, replay
from slo.servers import find, prometheus
from tests.front_end import TEAM, slo_text

pytestmark = [pytest.mark.servers, pytest.mark.slow]

HOUR = 3_600
SLI = """\
    events:
      bad: sum(rate(requests_total{code="500"}[$window]))
      total: sum(rate(requests_total[$window]))
"""
# An hour in which every tenth request fails, a day before the end.
OUTAGE_FROM, OUTAGE_UNTIL = 24 * HOUR, 25 * HOUR


@dataclass(frozen=True)
class Place:
    """A Prometheus with raw and backfilled series, and the specs of the latter."""

    url: str
    specs: Path
    start: int
    end: int
    backfilled: Result


def events(start: int, end: int) -> Iterator[Samples]:
    times = list(range(start, end + 1, 30))
    for code, base in (("200", 300), ("500", 0)):
        value, values = 0, []
        for at in times:
            ago = end - at
            failing = OUTAGE_FROM < ago <= OUTAGE_UNTIL
            value += (30 if code == "500" else 270) if failing else base
            values.append(value)
        yield Samples("requests_total", {"code": code}, times, values)


def sloctl(*arguments: str) -> Result:
    return CliRunner().invoke(cli, list(arguments), standalone_mode=False)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    if find("prometheus") is None or find("promtool") is None:
        pytest.skip("Prometheus and promtool are not to be had, run `make servers`")
    folder = tmp_path_factory.mktemp("place")
    specs = folder / "specs.yaml"
    text = slo_text(sli=SLI, objective="99.9", more="  window: 7d\n")
    specs.write_text(
        "---\n".join((text, slo_text("idle", sli=SLI.replace("requests", "nothing")), TEAM))
    )
    end = int(time.time()) // 300 * 300
    start = end - 48 * HOUR
    out = folder / "prometheus-data"
    with replay(Story(start, end, Duration.seconds(30))) as source:
        source.load(events(start, end))
        backfilled = sloctl(
            "backfill",
            *("--prometheus", source.server.url, "--out", str(out), str(specs)),
            *("--since", str(start), "--until", str(end)),
        )
        for block in source.blocks.iterdir():
            if (block / "meta.json").is_file():
                block.rename(out / block.name)
    (folder / "prometheus.yml").write_text("scrape_configs: []\n")
    patient = ("--query.lookback-delta=1h",)
    with prometheus(folder, folder / "prometheus.yml", extra=patient) as server:
        yield Place(server.url, specs, start, end, backfilled)


def test_backfill_writes_blocks_that_prometheus_serves(place: Place) -> None:
    assert place.backfilled.exception is None, place.backfilled.output
    assert "blocks: move the folders in" in place.backfilled.output

    again = sloctl(
        "backfill", "--prometheus", place.url, "--out", str(place.specs.parent), str(place.specs)
    )

    assert "is not empty" in str(again.exception)


def test_status_tells_budget_burn_and_end_with_the_emptiest_first(place: Place) -> None:
    shown = sloctl("status", "--prometheus", place.url, "--format", "json")

    told = json.loads(shown.output)["slos"]
    assert [slo["slo_id"] for slo in told] == ["shop-checkout", "shop-idle"]
    checkout, idle = told
    # 3,600 bad of 1,728,000 events where 0.1 % are allowed.
    assert checkout["budget_left"] == pytest.approx(1 - 3_600 / 1_728, rel=0.01)
    assert (checkout["objective_percent"], checkout["window"]) == ("99.9", "7d")
    assert (checkout["burn_rate"], checkout["exhausted_in_seconds"]) == (0, None)
    assert idle["budget_left"] is None


def test_status_as_a_table_says_spent_and_unknown(place: Place) -> None:
    lines = sloctl("status", "--prometheus", place.url).output.splitlines()

    assert "budget left  burn 1h  at this pace spent" in lines[0]
    assert "spent" in lines[1]
    assert "unknown" in lines[2]


def test_status_of_an_slo_that_is_not_there_cannot_be_told(place: Place) -> None:
    shown = sloctl("status", "--prometheus", place.url, "--slo", "shop-chekout")

    assert getattr(shown.exception, "exit_code", None) == 4
    assert "shop-checkout" in str(shown.exception)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--slo", "shop-checkout"], 1),
        (["--slo", "shop-checkout", "--on-unknown", "pass"], 1),
        (["--slo", "shop-idle"], 4),
        (["--slo", "shop-idle", "--on-unknown", "pass"], 0),
        (["--slo", "shop-idle", "--on-unknown", "fail"], 1),
        (["--slo", "shop-idle", "--slo", "shop-checkout", "--on-unknown", "pass"], 1),
        (["--slo", "nobody"], 4),
        (['--slo=x"} or vector(1) or x{a="', "--on-unknown", "fail"], 1),
    ],
)
def test_the_gate_opens_only_for_budget_that_is_known(
    place: Place, arguments: list[str], code: int
) -> None:
    passed = sloctl("gate", "--prometheus", place.url, "--min-budget", "10%", *arguments)

    assert passed.return_value == code


def test_a_backtest_on_prometheus_finds_the_outage_and_suggests_what_history_kept(
    place: Place,
) -> None:
    tested = sloctl(
        "backtest",
        *("--prometheus", place.url, "--slo", "shop-checkout", "--format", "json"),
        *("--since", str(place.start), "--until", str(place.end)),
        *("--objectives", "99", str(place.specs)),
    )

    assert tested.exception is None, tested.output
    written, looser = json.loads(tested.output)["backtests"]
    assert written["bad_events"] == pytest.approx(3_600, rel=0.01)
    assert written["suggested_objective_percent"] == "99.5"
    tiers = {alert["labels"].get("slo_tier") for alert in written["alerts"]}
    assert {"fast", "slow", "trend"} <= tiers
    fast = next(a for a in written["alerts"] if a["labels"].get("slo_tier") == "fast")
    began = time.strftime("%Y-%m-%dT%H:%M", time.gmtime(place.end - OUTAGE_UNTIL + 5 * 60))
    assert fast["fired"][:15] == began[:15]
    assert looser["objective_percent"] == "99"
    assert looser["pages"] < written["pages"]


def test_a_backtest_without_an_event_cannot_tell(place: Place) -> None:
    tested = sloctl(
        "backtest",
        "--prometheus",
        place.url,
        "--slo",
        "shop-idle",
        "--since",
        "2h",
        str(place.specs),
    )

    assert getattr(tested.exception, "exit_code", None) == 4
    assert "holds no event" in str(tested.exception)
