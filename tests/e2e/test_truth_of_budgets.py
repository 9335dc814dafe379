"""The recorded budget beside the truth, on events that are known second by second."""

from __future__ import annotations

import pytest

from benchmarks.truth import Row, measured
from slo.servers import find

pytestmark = [pytest.mark.servers, pytest.mark.slow]

TOLERANCE = 0.005
# A counter that is born with its first error hides that error from everybody.
BORN_LATE = "first error"


@pytest.fixture(scope="module")
def rows() -> dict[str, Row]:
    if find("prometheus") is None or find("promtool") is None:
        pytest.skip("Prometheus and promtool are not to be had, run `make servers`")
    return {row.scenario.name: row for row in measured(7)}


def test_the_budget_is_true_to_half_a_percent_whatever_happens_to_the_counters(
    rows: dict[str, Row],
) -> None:
    wrong = {name: row.wrong("fleetslo") for name, row in rows.items() if name != BORN_LATE}

    assert len(wrong) == 9
    assert {name: share for name, share in wrong.items() if share > TOLERANCE} == {}


def test_errors_that_happen_while_nobody_can_scrape_are_counted_when_they_show(
    rows: dict[str, Row],
) -> None:
    blind = rows["blind"]

    assert blind.wrong("fleetslo") < TOLERANCE
    assert blind.wrong("sloth") > 0.5


def test_what_a_counter_hides_that_starts_with_its_first_error_is_known(
    rows: dict[str, Row],
) -> None:
    assert 0 < rows[BORN_LATE].wrong("fleetslo") < 0.02


def test_the_scenarios_are_hard_enough_to_mislead_a_mean_of_ratios(rows: dict[str, Row]) -> None:
    misled = {name for name, row in rows.items() if row.wrong("sloth") > 10 * TOLERANCE}

    assert {"uneven", "idle", "sparse", "births", "blind"} <= misled


def test_the_same_seed_tells_the_same_story() -> None:
    from slo.replay.simulate import scenarios  # noqa: PLC0415 - numpy only where it is used

    one, two = (
        [sample for story in scenarios(2, 5) for sample in story.series(1_000_000_000, 60, 5)]
        for _ in range(2)
    )

    assert one == two
    assert len(one) > 20
