"""The metric catalogue keeps its own rules, and says what is wrong with a bad one."""

from __future__ import annotations

import math
import re

import pytest

from slo.catalog import Instrument, Metric, metrics, unknown
from slo.catalog.load import load

METRICS = metrics().metrics
HEAD = """
version: 1
resource: []
attributes:
  - {key: color, values: [red, blue], meaning: Its colour.}
  - {key: name, bound: 2, meaning: Its name.}
"""
METRIC = (
    "  - {name: paint, id: X, instrument: counter, unit: '{pot}', owner: ops, source: agent,"
    " meaning: Pots., attributes: %s}\n"
)


def one(attributes: str) -> Metric:
    return load(f"{HEAD}metrics:\n{METRIC % attributes}").metrics[0]


def test_no_two_metrics_share_a_series() -> None:
    names = [series for metric in METRICS for series in metric.series]

    assert len(names) == len(set(names))


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_a_unit_reads_the_same_on_every_way_to_prometheus(metric: Metric) -> None:
    assert metric.unit in {"", "s", "By"} or re.fullmatch(r"\{\w+\}", metric.unit)


AGENT_METRICS = [metric for metric in METRICS if metric.name.startswith("mas.")]


@pytest.mark.parametrize("metric", AGENT_METRICS, ids=lambda metric: metric.name)
def test_one_agent_stays_below_the_2000_label_sets_of_the_sdk(metric: Metric) -> None:
    own = {"gen_ai.agent.name", "mas.agent.role", "mas.source.agent"}

    sets = math.prod(each.bound for each in metric.attributes if each.key not in own)

    assert sets <= 2_000


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_histograms_and_no_others_have_ascending_buckets(metric: Metric) -> None:
    assert bool(metric.buckets) == (metric.instrument is Instrument.HISTOGRAM)
    assert list(metric.buckets) == sorted(set(metric.buckets))


def test_every_row_of_the_guide_and_the_runbook_has_a_metric() -> None:
    rows = {metric.catalog_id for metric in METRICS}

    # M9 is the burn rate itself: it is recorded from the others.
    assert {f"M{n}" for n in range(1, 11)} - rows == {"M9"}
    assert {f"F{n}" for n in range(1, 6)} <= rows
    assert {f"R{n}" for n in range(1, 5)} <= rows


@pytest.mark.parametrize(
    ("metric", "edge"),
    [
        ("mas.remediation.duration", 30),
        ("mas.policy.evaluation.duration", 0.05),
        ("fleetslo.ingest.lag", 5),
    ],
)
def test_each_promised_duration_is_the_edge_of_a_bucket(metric: str, edge: float) -> None:
    assert edge in metrics().metric(metric).buckets


def test_an_unknown_metric_is_a_key_error() -> None:
    with pytest.raises(KeyError, match=re.escape("mas.nothing")):
        metrics().metric("mas.nothing")


def test_zero_sets_multiply_closed_values_with_what_is_known() -> None:
    sets = list(one("[color, name]").zero_sets({"name": ("a", "b")}))

    assert sets == [
        {"color": "red", "name": "a"},
        {"color": "red", "name": "b"},
        {"color": "blue", "name": "a"},
        {"color": "blue", "name": "b"},
    ]


def test_zero_sets_are_none_while_an_open_attribute_is_unknown() -> None:
    assert list(one("[color, name]").zero_sets({})) == []
    assert list(one("[color]").zero_sets({"color": ()})) == []


def test_an_action_starts_with_no_impossible_outcome() -> None:
    known = {"gen_ai.agent.name": ("a",), "mas.agent.role": ("worker",), "mas.action.type": ("t",)}

    pairs = {
        (labels["mas.action.outcome"], labels["mas.error.attribution"])
        for labels in metrics().metric("mas.agent.actions").zero_sets(known)
    }

    assert len(pairs) == 17
    assert ("success", "agent") not in pairs
    assert ("failure", "none") not in pairs


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (HEAD + "metrics:\n" + METRIC % "[size]", "attribute size, which is not declared"),
        (HEAD + "metrics:\n" + METRIC % "[{color: [green]}]", "values ['green'], not declared"),
        (HEAD.replace(", bound: 2", "") + "metrics: []", "attribute name needs values or a bound"),
        (HEAD.replace("version: 1", "version: 2") + "metrics: []", "less than or equal to 1"),
        (HEAD + "metrics: []\nsurplus: 1", "Extra inputs"),
    ],
)
def test_a_catalogue_that_contradicts_itself_is_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        load(text)


def test_a_narrowed_attribute_has_the_values_given() -> None:
    assert one("[{color: [red]}]").labels["color"].values == ("red",)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("mas_agent_actions", "the catalogue has no series mas_agent_actions"),
        ("sum(rate(mas_agent_actions_total{agent='a'}[5m]))", "has no label agent"),
        ("mas_agent_count{mas_agent_state='gone'}", "mas_agent_state is never 'gone'"),
        ("mas_agent_count{mas_agent_state=~'healthy|gone'}", "mas_agent_state is never 'gone'"),
        ("mas_agent_count{mas_agent_state=~'go.+'}", "no value of mas_agent_state matches"),
        ("fleetslo_ingest_lag_seconds_bucket{le='7'}", "has no bucket 7"),
        ("fleetslo_ingest_lag_seconds_bucket{le=~'7(\\\\.0)?'}", "has no bucket 7"),
        ("a and on () (1 + mas_nothing offset 5m)", "the catalogue has no series mas_nothing"),
    ],
)
def test_what_the_catalogue_does_not_know_is_told(text: str, problem: str) -> None:
    problems = unknown(text)

    assert len(problems) == 1
    assert problem in problems[0]


@pytest.mark.parametrize(
    "text",
    [
        "up == 0",
        "slo:burn_rate:ratio > 1",
        "mas_agent_count{mas_agent_state!~'draining|quarantined',job='fleet/x',service_name='x'}",
        "fleetslo_ingest_lag_seconds_bucket{le=~'5(\\\\.0)?',signal='traces'}",
        "gen_ai_client_operation_duration_seconds_count{error_type!~'|content_filter'}",
    ],
)
def test_what_the_catalogue_knows_and_what_is_not_ours_passes(text: str) -> None:
    assert unknown(text) == []
