"""Recording rules: numerator and denominator first, everything else from them."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import promql_parser as pp
import pytest

from slo.exact import Duration
from slo.model import Calendar, Intervals, RecordRule, Rolling, Settings, Slo
from slo.policy import PolicyName, PolicyOptions
from slo.rules import compile_project, windows_of
from tests.rule_projects import make_project, make_slo, promtool, write_tree

ID = '{slo_id="fleet-action-success"}'
BY = '{slo_id="fleet-action-success"}'


def recorded(slo: Slo, settings: Settings | None = None) -> dict[str, RecordRule]:
    compiled = compile_project(make_project(slo, settings=settings))
    return {
        rule.record: rule
        for file in compiled.rule_files
        for group in file.groups
        for rule in group.rules
        if isinstance(rule, RecordRule)
    }


def test_errors_are_zero_where_no_error_was_ever_counted() -> None:
    rules = recorded(make_slo())

    total = "sum(rate(actions_total[5m]))"
    errors = 'sum(rate(actions_total{outcome=~"failure|timeout"}[5m]))'
    assert rules["slo:sli_total:rate5m"].expr == f"{total} > -Inf"
    assert rules["slo:sli_errors:rate5m"].expr == f"({errors} or 0 * {total}) > -Inf"


def test_a_sum_of_terms_is_not_torn_apart_by_what_is_put_around_it() -> None:
    slo = make_slo(
        errors="sum(rate(a[$window])) - sum(rate(b[$window]))", total="sum(rate(a[$window]))"
    )

    expr = recorded(slo)["slo:sli_error:ratio_rate1h"].expr

    assert expr.startswith("((sum(rate(a[1h])) - sum(rate(b[1h]))) or 0 * ")


@pytest.mark.parametrize(("fast", "tile"), [("30s", "4m45s"), ("1m", "4m30s"), ("10s", "4m55s")])
def test_a_tile_of_five_minutes_counts_every_evaluation_once(fast: str, tile: str) -> None:
    settings = Settings(intervals=Intervals(fast=Duration.parse(fast)))

    gauge = make_slo(errors="sum(up == bool 0)", total="count(up)")
    rules = recorded(gauge, settings)

    mean = f"avg_over_time(slo:sli_total:rate5m{ID}[{tile}])"
    assert rules["slo:sli_total:avg5m"].expr == f"{mean} > -Inf"


def test_a_tile_of_counters_is_what_they_gained_since_the_tile_before() -> None:
    rules = recorded(make_slo())

    assert rules["slo:sli_total:avg5m"].expr == (
        "(12 * sum(rate(actions_total[1h]))"
        " - 11 * (sum(rate(actions_total[55m] offset 5m))"
        f" or 0 * sum without (slo_id) (slo:sli_total:rate5m{ID}))) > -Inf"
    )


def test_short_windows_read_raw_series_and_long_ones_never_do() -> None:
    for record, rule in recorded(make_slo()).items():
        raw = "actions_total" in rule.expr
        assert raw == (
            record.startswith(("slo:sli_total:", "slo:sli_errors:"))
            or record == "slo:sli_error:ratio_rate1h"
        )


def test_hours_are_sums_of_rates_and_days_are_sums_of_tiles() -> None:
    rules = recorded(make_slo())

    assert rules["slo:sli_error:ratio_rate6h"].expr == (
        f"sum_over_time(slo:sli_errors:rate5m{ID}[6h])"
        f" / (sum_over_time(slo:sli_total:rate5m{ID}[6h]) > 0)"
    )
    assert rules["slo:period_error:ratio"].expr == (
        f"sum_over_time(slo:sli_errors:avg5m{ID}[29d23h57m30s:5m])"
        f" / (sum_over_time(slo:sli_total:avg5m{ID}[29d23h57m30s:5m]) > 0)"
    )


def test_no_ratio_divides_by_zero_traffic() -> None:
    rules = recorded(make_slo()).items()
    ratios = [rule.expr for name, rule in rules if "ratio_rate" in name or "period" in name]

    assert ratios
    assert all(expr.endswith("> 0)") for expr in ratios)


def test_the_budget_is_exact_to_the_last_digit() -> None:
    rules = recorded(make_slo(objective="99.9"))

    assert rules["slo:objective:ratio"].expr == "vector(0.999)"
    assert (
        rules["slo:error_budget_remaining:ratio"].expr == f"1 - slo:period_error:ratio{ID} / 0.001"
    )
    assert rules["slo:burn_rate:ratio"].expr == f"slo:sli_error:ratio_rate1h{ID} / 0.001"


def test_only_windows_that_somebody_reads_are_recorded() -> None:
    sre = make_slo()
    literal = make_slo(policy=PolicyName.FLEET_SUSTAINED)
    windowed = make_slo(policy=PolicyName.FLEET_SUSTAINED, options=PolicyOptions(form="windowed"))

    shown = ["5m", "1h", "6h", "1d", "3d"]
    assert [window.promql() for window in windows_of(literal)] == shown
    assert [window.promql() for window in windows_of(sre)] == shown
    assert {window.promql() for window in windows_of(windowed)} - set(shown) == {"15m"}


@pytest.mark.parametrize("policy", list(PolicyName))
@pytest.mark.parametrize("window", ["7d", "28d", "30d", "90d", Calendar("month", "UTC")])
def test_an_slo_has_at_most_twenty_rules_and_sixteen_recorded_series(
    policy: PolicyName, window: str | Calendar
) -> None:
    slo = make_slo(objective="99.9", policy=policy, window=window)
    compiled = compile_project(make_project(slo))

    ours = [g for file in compiled.rule_files for g in file.groups if g.name.startswith("fleet-")]

    assert sum(len(group.rules) for group in ours) <= 20
    assert len(recorded(slo)) - ("slo:calendar_start:timestamp" in recorded(slo)) <= 16


def test_a_window_that_is_its_own_period_is_summed_once() -> None:
    rules = recorded(make_slo(window="3d"))

    assert rules["slo:period_error:ratio"].expr == f"slo:sli_error:ratio_rate3d{ID}"


def test_a_short_window_behind_a_long_one_stands_in_its_alert() -> None:
    compiled = compile_project(make_project(make_slo()))
    tiers = {rule.labels.get("slo_tier"): rule.expr for rule in compiled.alert_rules()}

    assert "sum_over_time(slo:sli_errors:rate5m" in tiers["slow"]
    assert "[30m]) / (sum_over_time(" in tiers["slow"]
    assert "[2h]) / (sum_over_time(" in tiers["trend"]


def test_every_series_carries_the_identity_and_nothing_that_may_change() -> None:
    rules = recorded(make_slo(labels={"tier": "critical"}))

    for name, rule in rules.items():
        if name != "slo_info":
            assert rule.labels == {"slo_id": "fleet-action-success"}, name


def test_one_series_describes_the_slo() -> None:
    rule = recorded(make_slo(labels={"tier": "critical"}))["slo_info"]

    assert rule.expr == "vector(1)"
    assert rule.labels["tier"] == "critical"
    assert (rule.labels["objective"], rule.labels["window"]) == ("99", "30d")
    assert (rule.labels["team"], rule.labels["policy"]) == ("agents-core", "sre-multiwindow")


def test_a_label_of_the_user_never_hides_one_of_ours() -> None:
    rule = recorded(make_slo(labels={"team": "somebody", "slo_id": "x"}))["slo_info"]

    assert (rule.labels["team"], rule.labels["slo_id"]) == ("agents-core", "fleet-action-success")


@pytest.mark.parametrize("policy", list(PolicyName))
@pytest.mark.parametrize("by", [(), ("agent",), ("agent", "pool")])
@pytest.mark.parametrize("window", ["7d", "30d", Calendar("month", "Europe/Berlin")])
def test_every_expression_parses(
    policy: PolicyName, by: tuple[str, ...], window: str | Calendar
) -> None:
    slo = make_slo(policy=policy, by=by, window=window, idle="ticket")

    compiled = compile_project(make_project(slo))

    expressions = [
        rule.expr for file in compiled.rule_files for group in file.groups for rule in group.rules
    ]
    assert len(expressions) > 13
    for expr in expressions:
        pp.parse(expr)


def samples(expr: str, raw: int, scrapes: int, slo: Slo) -> Iterator[int]:
    """Samples that one evaluation reads: of `raw` series every 30 s, of recorded ones too."""
    assert isinstance(slo.window, Rolling)
    for series, window, tiled in re.findall(r"([\w:]+)(?:\{[^}]*\})?\[(\w+?)(:5m)?\]", expr):
        seconds = int(Duration.parse(window).total_seconds)
        count = 1 if series.startswith("slo:") else raw
        yield count * seconds // (300 if tiled else scrapes)


def test_an_slo_costs_a_twelfth_of_what_raw_windows_would() -> None:
    slo = make_slo()

    read = sum(sum(samples(rule.expr, 10, 30, slo)) for rule in recorded(slo).values())

    assert read < 30_000


@pytest.mark.servers
def test_one_sample_that_is_no_number_does_not_spoil_the_budget(tmp_path: Path) -> None:
    promtool()
    write_tree(compile_project(make_project(make_slo())), tmp_path)
    moments = {"15m30s": 0, "40m": 1}
    tests = {
        "rule_files": ["prometheus/rules/fleet.yaml"],
        "evaluation_interval": "30s",
        "tests": [
            {
                "interval": "30s",
                "input_series": [
                    {
                        "series": 'actions_total{outcome="success"}',
                        "values": "0+300x30 NaN 9600+300x60",
                    },
                    {"series": 'actions_total{outcome="failure"}', "values": "0+0x100"},
                ],
                "promql_expr_test": [
                    {
                        "expr": "count(slo:sli_total:rate5m == slo:sli_total:rate5m)",
                        "eval_time": moment,
                        "exp_samples": [{"labels": "{}", "value": 1}] * count,
                    }
                    for moment, count in moments.items()
                ]
                + [
                    {
                        "expr": f"sum({series}{ID})",
                        "eval_time": "40m",
                        "exp_samples": [{"labels": "{}", "value": value}],
                    }
                    for series, value in (
                        ("slo:sli_error:ratio_rate6h", 0),
                        ("slo:error_budget_remaining:ratio", 1),
                    )
                ],
            }
        ],
    }
    (tmp_path / "t.json").write_text(json.dumps(tests))

    command = [str(promtool()), "test", "rules", str(tmp_path / "t.json")]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)

    assert ended.returncode == 0, ended.stdout + ended.stderr
