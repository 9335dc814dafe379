"""Tiles of 5 minutes: what the counters gained, or the mean where there are no counters."""

from __future__ import annotations

import pytest

from slo.exact import Duration
from slo.model import Intervals, RecordRule, Settings, Slo
from slo.promql import adds_rates, parse
from slo.rules import compile_project
from tests.rule_projects import make_project, make_slo

ID = '{slo_id="fleet-action-success"}'
GAINED = (
    "12 * sum(rate(actions_total[1h])) - 11 * (sum(rate(actions_total[55m] offset 5m)) "
    f"or 0 * sum without (slo_id) (slo:sli_total:rate5m{ID}))"
)


def tiles(slo: Slo, settings: Settings | None = None) -> dict[str, str]:
    return {
        rule.record: rule.expr
        for file in compile_project(make_project(slo, settings=settings)).rule_files
        for group in file.groups
        for rule in group.rules
        if isinstance(rule, RecordRule) and rule.record.endswith("avg5m")
    }


def test_a_tile_is_what_the_counters_gained_since_the_tile_before() -> None:
    found = tiles(make_slo())

    assert found["slo:sli_total:avg5m"] == f"({GAINED}) > -Inf"
    assert found["slo:sli_errors:avg5m"].endswith(
        f"or 0 * sum without (slo_id) (slo:sli_total:rate5m{ID})) > -Inf"
    )


def test_a_share_without_counters_is_averaged_over_the_evaluations_of_its_tile() -> None:
    share = make_slo(errors="avg(avg_over_time(bad_ratio[$window]))", total="vector(1)")
    slow = Settings(intervals=Intervals(fast=Duration.parse("1m")))

    mean = f"avg_over_time(slo:sli_errors:rate5m{ID}[4m45s])"
    assert tiles(share)["slo:sli_errors:avg5m"] == f"{mean} > -Inf"
    assert tiles(share, slow)["slo:sli_total:avg5m"].endswith("[4m30s]) > -Inf")


@pytest.mark.parametrize(
    "expr",
    [
        "sum(rate(a[$window]))",
        "sum(rate(a[$window])) - (sum(rate(b[$window])) or 0 * sum(rate(a[$window])))",
        "60 * sum(rate(a[$window]) / 2)",
        '-sum(label_replace(rate(a[$window]), "x", "$1", "y", "(.*)"))',
    ],
)
def test_sums_and_differences_of_rates_can_be_parted(expr: str) -> None:
    assert adds_rates(parse(expr))


@pytest.mark.parametrize(
    "expr",
    [
        "avg(rate(a[$window]))",
        "sum(rate(a[$window])) > 0",
        "sum(rate(a[$window])) / sum(rate(b[$window]))",
        "sum(rate(a[$window])) * sum(rate(b[$window]))",
        "sum(rate(a[$window] offset 1h))",
        "sum(rate(a[10m]))",
        "sum(avg_over_time(a[$window]))",
        "clamp_min(sum(rate(a[$window])), 1)",
        "a",
        "1",
    ],
)
def test_what_is_more_than_a_sum_of_rates_is_not_parted(expr: str) -> None:
    assert not adds_rates(parse(expr))
