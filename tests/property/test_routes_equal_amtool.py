"""For any tree and any alert: our simulator names the receivers that amtool names."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alerts.routing.build import routing
from alerts.routing.emit import render
from alerts.routing.simulate import receivers
from alerts.routing.tree import Matcher, Receiver, Route, Routing, none_of, one_of
from slo.servers import find
from tests.alert_projects import fleet

pytestmark = pytest.mark.servers

NAMES = ("team", "severity", "service", "slo_tier")
VALUES = ("page", "ticket", "a.b", "a-b", 'say "x"', "")
RECEIVERS = ("one", "two", "three")


@pytest.fixture(scope="module")
def amtool() -> Path:
    found = find("amtool")
    if found is None:
        pytest.skip("amtool is not to be had: run `make servers`")
    return found


def told_by(amtool: Path, built: Routing, labels: dict[str, str]) -> tuple[str, ...]:
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "alertmanager.yml"
        config.write_text(render(built), "utf-8")
        pairs = [
            f'{name}="{value.replace(chr(34), chr(92) + chr(34))}"'
            for name, value in labels.items()
        ]
        answer = subprocess.run(
            [amtool, "config", "routes", "test", f"--config.file={config}", *pairs],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
    assert answer.returncode == 0, answer.stderr + render(built)
    return tuple(answer.stdout.strip().split(","))


PLAIN = st.builds(
    Matcher, st.sampled_from(NAMES), st.sampled_from(("=", "!=")), st.sampled_from(VALUES)
)
CHOICE = st.builds(
    lambda make, name, values: make(name, values),
    st.sampled_from((one_of, none_of)),
    st.sampled_from(NAMES),
    st.lists(st.sampled_from(VALUES), min_size=2, max_size=3, unique=True),
)
MATCHERS = st.lists(st.one_of(PLAIN, CHOICE), max_size=2).map(tuple)


def route(children: st.SearchStrategy[tuple[Route, ...]]) -> st.SearchStrategy[Route]:
    return st.builds(
        Route,
        st.sampled_from((*RECEIVERS, None)),
        MATCHERS,
        continues=st.booleans(),
        routes=children,
    )


LEAVES = st.lists(route(st.just(())), max_size=3).map(tuple)
BRANCHES = st.lists(route(LEAVES), max_size=3).map(tuple)
TREES = st.builds(
    lambda routes: Routing(
        Route("one", routes=routes), (), (), tuple(Receiver(name) for name in RECEIVERS), ()
    ),
    BRANCHES,
)
ALERTS = st.dictionaries(st.sampled_from(NAMES), st.sampled_from(VALUES[:-1]), min_size=1)


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(built=TREES, labels=ALERTS)
def test_any_tree_routes_any_alert_as_amtool_says(
    amtool: Path, built: Routing, labels: dict[str, str]
) -> None:
    assert receivers(built, labels) == told_by(amtool, built, labels)


FLEET = routing(fleet())
OURS = st.fixed_dictionaries(
    {
        "alertname": st.sampled_from(("Watchdog", "ComplianceViolationDetected", "Other")),
        "severity": st.sampled_from(("page", "ticket", "none", "info")),
        "team": st.sampled_from(
            ("platform", "core-engineering", "legal-and-compliance", "audit", "nobody")
        ),
    }
)


@settings(max_examples=40, deadline=None)
@given(labels=OURS)
def test_the_generated_tree_routes_any_alert_as_amtool_says(
    amtool: Path, labels: dict[str, str]
) -> None:
    assert receivers(FLEET, labels) == told_by(amtool, FLEET, labels)
