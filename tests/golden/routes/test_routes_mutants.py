"""How much of the routing may be loosened without anybody noticing: nothing that means anything.

`make mutants` prints the figures.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from alerts.routing.build import routing
from alerts.routing.inhibit import alert_labels
from alerts.routing.lint import lint
from alerts.routing.table import TIMES, table
from slo.model import Compiled, Maintenance
from slo.rules import compile_project
from tests.alert_projects import fleet, place
from tests.catalog_project import catalog_project
from tests.routing_mutants import EQUIVALENT, mutants, probes

# At work for everybody, so that a page and a ticket that are muted differ from those that wait.
WEDNESDAY = datetime(2027, 1, 13, 12, 0, tzinfo=UTC)
UPGRADE = Maintenance(
    "upgrade",
    "an upgrade",
    "platform",
    "2027-01-13T11:00:00Z",
    "2027-01-13T13:00:00Z",
    {"service": "message-queue"},
    (),
    place(),
)
ENOUGH = 0.95


def maintained(compiled: Compiled) -> Compiled:
    return replace(compiled, project=replace(compiled.project, maintenance=(UPGRADE,)))


@pytest.mark.parametrize(
    ("name", "compiled"),
    [("every construct once", fleet()), ("what is shipped", compile_project(catalog_project()))],
    ids=["fleet", "shipped"],
)
def test_a_routing_that_lacks_a_single_piece_is_noticed(name: str, compiled: Compiled) -> None:
    whole = routing(maintained(compiled))
    alerts = [
        *(alert_labels(rule, {"cluster": "prod"}) for rule in compiled.alert_rules()),
        *probes(whole),
    ]
    times = {**TIMES, "upgrade": WEDNESDAY}
    ways = table(whole, alerts, times)
    every = list(mutants(whole))
    alive = [told for told, each in every if not lint(each) and table(each, alerts, times) == ways]

    share = 1 - len(alive) / len(every)
    told = f"{name}: {len(every) - len(alive)} of {len(every)} changes are noticed, {share:.1%}"
    print(told)  # noqa: T201 - what `make mutants` shows
    assert share >= ENOUGH
    assert alive == EQUIVALENT


def test_the_probes_would_not_notice_what_changes_nothing() -> None:
    whole = routing(maintained(fleet()))
    again = replace(whole, inhibitions=(*whole.inhibitions, whole.inhibitions[0]))
    alerts = probes(whole)

    assert table(again, alerts) == table(whole, alerts)
