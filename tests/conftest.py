"""What tests of several folders ask for, and how they are shared out among workers."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from slo.servers import find
from tests.recorder import Recorder, recorder
from tests.releases import Release, alertmanagers

LONGEST = (
    "e2e/test_demo_path.py",
    "e2e/test_gameday_virtual.py",
    "e2e/test_demo_gameday.py",
    "fault/test_service_many_kills.py",
    "unit/slo/test_emit_tests.py",
    "e2e/test_alertmanager_routes.py",
    "e2e/test_readme_examples.py",
    "e2e/test_dashboards_data.py",
    "e2e/test_sli_labels_daemon.py",
    "e2e/test_truth_of_budgets.py",
    "e2e/test_collector_startup.py",
    "e2e/test_grafana_data.py",
    "fault/test_hostile_clients.py",
    "e2e/test_examples.py",
    "e2e/test_prometheus_releases.py",
    "e2e/test_convert.py",
    "e2e/test_sli_exact.py",
    "fault/test_service_kill.py",
    "fault/test_service_recovery.py",
    "property/test_tail_sampling_ways.py",
    "e2e/test_demo_fleet.py",
)
"""Begun first, in this order: whoever begins one of them last keeps all the others waiting."""
_MOST_WORKERS = 8


def pytest_configure() -> None:
    """Draw tables as wide as they are: pytest-xdist says that every terminal has 80 columns."""
    os.environ.pop("COLUMNS", None)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Twice the processors: half of the time of the tests is spent waiting for servers."""
    return min(2 * len(os.sched_getaffinity(0)), _MOST_WORKERS)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the files that take longest first, and leave the rest as it is."""
    items.sort(key=_rank)


def _rank(item: pytest.Item) -> int:
    file = item.nodeid.partition("::")[0].removeprefix("tests/")
    return LONGEST.index(file) if file in LONGEST else len(LONGEST)


@pytest.fixture
def kept() -> Iterator[Recorder]:
    """A receiver of notifications that keeps what it was sent."""
    with recorder() as running:
        yield running


@pytest.fixture(params=alertmanagers(), ids=str)
def release(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Release:
    """Each Alertmanager that is to be had, with its amtool, as the one that is found."""
    chosen: Release = request.param
    chosen.choose(monkeypatch)
    for tool in ("alertmanager", "amtool"):
        if find(tool) is None:
            pytest.skip(f"{tool} is not to be had: run `make servers`")
    return chosen
