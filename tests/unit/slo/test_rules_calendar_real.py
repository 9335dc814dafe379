"""Calendar windows on a real Prometheus: what was before the boundary does not count."""

from __future__ import annotations

import json
import subprocess
import urllib.parse
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from slo import names
from slo.model import Calendar, Compiled, RecordRule
from slo.rules import compile_project
from slo.rules.calendar import CALENDAR_START
from slo.servers import Server, find, prometheus
from tests.rule_projects import make_project, make_slo, promtool

pytestmark = pytest.mark.servers
BERLIN = Calendar("month", "Europe/Berlin")
START = datetime(2026, 2, 28, 23, tzinfo=UTC)  # The first of March in Berlin.
SLO_ID = "fleet-action-success"


def compiled() -> Compiled:
    return compile_project(make_project(make_slo(window=BERLIN)))


def expr_of(record: str) -> str:
    (found,) = [
        rule.expr
        for file in compiled().rule_files
        for group in file.groups
        for rule in group.rules
        if isinstance(rule, RecordRule) and rule.record == record
    ]
    return found


def history() -> Iterator[str]:
    """Half of all events bad until March, one in a hundred from then on: a day of each."""
    begin = START - timedelta(days=1)
    moments = [begin + timedelta(minutes=5 * step) for step in range(288 * 2)]
    for series in (names.SLI_TOTAL, names.SLI_ERRORS):
        name = f"{series}:avg5m"
        yield f"# TYPE {name} gauge"
        for moment in moments:
            bad = 1 if moment > START else 50
            value = 100 if series == names.SLI_TOTAL else bad
            yield f'{name}{{slo_id="{SLO_ID}"}} {value} {int(moment.timestamp())}'
    yield f"# TYPE {CALENDAR_START} gauge"
    labels = '{calendar="month",timezone="Europe/Berlin"}'
    for moment in moments:
        start = START if moment >= START else START - timedelta(days=28)
        yield f"{CALENDAR_START}{labels} {int(start.timestamp())} {int(moment.timestamp())}"
    yield "# EOF\n"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    if find("prometheus") is None:
        pytest.skip("prometheus is not to be had, run `make servers`")
    folder = tmp_path_factory.mktemp("calendar")
    (folder / "history.txt").write_text("\n".join(history()))
    subprocess.run(
        [promtool(), "tsdb", "create-blocks-from", "openmetrics", folder / "history.txt",
         folder / "prometheus-data"],
        check=True, capture_output=True,
    )  # fmt: skip
    (folder / "prometheus.yml").write_text("{}\n")
    with prometheus(folder, folder / "prometheus.yml") as running:
        yield running


def asked(server: Server, expr: str, at: datetime) -> float:
    query = urllib.parse.urlencode({"query": expr, "time": at.timestamp()})
    with urllib.request.urlopen(f"{server.url}/api/v1/query?{query}") as answer:
        (sample,) = json.load(answer)["data"]["result"]
    return float(sample["value"][1])


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        (START - timedelta(seconds=1), START - timedelta(days=28)),
        (START, START),
        (datetime(2026, 4, 15, tzinfo=UTC), datetime(2026, 3, 31, 22, tzinfo=UTC)),
    ],
)
def test_the_start_of_the_month_is_that_of_the_zone(
    server: Server, at: datetime, expected: datetime
) -> None:
    assert asked(server, expr_of(CALENDAR_START), at) == expected.timestamp()


@pytest.mark.parametrize(
    ("at", "ratio"),
    [
        (START - timedelta(hours=1), 0.5),
        (START + timedelta(hours=1), 0.01),
        (START + timedelta(hours=20), 0.01),
    ],
)
def test_a_new_month_begins_with_a_whole_budget(server: Server, at: datetime, ratio: float) -> None:
    assert asked(server, expr_of(names.PERIOD_ERROR), at) == pytest.approx(ratio, abs=1e-12)
