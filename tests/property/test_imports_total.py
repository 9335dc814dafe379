"""What the schema of a foreign format allows becomes ours, or is refused at a place."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TypeAlias

from hypothesis import given, settings
from hypothesis import strategies as st

from slo.diagnostic import Level
from slo.importers import format_of, imported
from slo.source import load
from tests.foreign import read_foreign

Strategy: TypeAlias = st.SearchStrategy[object]
"""A document, or a part of one."""

NAMES = st.from_regex(r"[a-z][a-z0-9]{0,5}", fullmatch=True)
SHARES = st.sampled_from([0.5, 0.9, 0.99, 0.9995])
COUNTERS = st.sampled_from(['a_total{job="x"}', "b_total", "sum(c_total)"])
RATES = st.sampled_from(
    [
        "sum(rate(a_total[{{.window}}]))",
        'sum by (zone) (increase(b_total{code!~"2.."}[{{ .window }}]))',
        "sum(rate(c_total[5m]))",
        "sum(rate(d_total[$window])) + sum(rate(e_total[$window]))",
    ]
)
LABELS = st.dictionaries(st.sampled_from(["team", "tier", "a.b/c", "le"]), NAMES, max_size=2)


def optional(required: Mapping[str, Strategy], **more: Strategy) -> Strategy:
    return st.fixed_dictionaries(required, optional=more)


FLAGS = st.booleans()
ALERT = optional({}, disable=FLAGS, labels=LABELS, annotations=LABELS)
SLOTH = optional(
    {
        "version": st.just("prometheus/v1"),
        "service": NAMES,
        "slos": st.lists(
            optional(
                {
                    "name": NAMES,
                    "objective": st.sampled_from([50, 99, 99.9, 99.999]),
                    "sli": st.one_of(
                        optional(
                            {"events": optional({"error_query": RATES, "total_query": RATES})}
                        ),
                        optional({"raw": optional({"error_ratio_query": RATES})}),
                        optional({"plugin": optional({"id": NAMES}, options=LABELS)}),
                    ),
                },
                description=st.text(st.characters(codec="ascii"), max_size=10),
                labels=LABELS,
                plugins=optional({"chain": st.just([])}),
                alerting=optional(
                    {},
                    name=NAMES,
                    labels=LABELS,
                    annotations=LABELS,
                    page_alert=ALERT,
                    ticket_alert=ALERT,
                ),
            ),
            min_size=1,
            max_size=2,
        ),
    },
    labels=LABELS,
)
SELECTORS = st.sampled_from(["a_total", 'b_total{code=~"5.."}', 'c_count{job="x"}', "{job='y'}"])
METRIC = optional({"metric": SELECTORS})
BUCKET = optional({"metric": st.sampled_from(['c_bucket{job="x",le="0.5"}', 'd_bucket{le="1"}'])})
GROUPING = st.lists(st.sampled_from(["zone", "handler"]), max_size=2, unique=True)
PYRRA = optional(
    {
        "apiVersion": st.just("pyrra.dev/v1alpha1"),
        "kind": st.just("ServiceLevelObjective"),
        "metadata": optional({"name": NAMES}, namespace=NAMES, labels=LABELS, annotations=LABELS),
        "spec": optional(
            {
                "target": st.sampled_from(["50", "99.9"]),
                "window": st.sampled_from(["1d", "7d", "4w", "30d"]),
                "indicator": st.one_of(
                    optional(
                        {"ratio": optional({"errors": METRIC, "total": METRIC}, grouping=GROUPING)}
                    ),
                    optional(
                        {
                            "latency": optional(
                                {"success": BUCKET, "total": METRIC}, grouping=GROUPING
                            )
                        }
                    ),
                    optional(
                        {"latencyNative": optional({"latency": st.just("1s"), "total": METRIC})}
                    ),
                    optional({"bool_gauge": optional({"metric": SELECTORS}, grouping=GROUPING)}),
                ),
            },
            description=NAMES,
            alerting=optional({}, disabled=FLAGS, burnrates=FLAGS, absent=FLAGS, name=NAMES),
            performanceOverAccuracy=FLAGS,
        ),
    }
)
QUERY = optional(
    {
        "metricSource": optional(
            {"spec": optional({"query": st.one_of(RATES, COUNTERS)}, other=NAMES)},
            type=st.sampled_from(["Prometheus", "Datadog"]),
        )
    }
)
INDICATORS = st.one_of(
    optional({"thresholdMetric": QUERY}),
    optional({"ratioMetric": optional({"counter": FLAGS, "good": QUERY, "total": QUERY})}),
    optional({"ratioMetric": optional({"bad": QUERY, "total": QUERY}, counter=FLAGS)}),
    optional(
        {
            "ratioMetric": optional(
                {"raw": QUERY, "rawType": st.sampled_from(["success", "failure"])}
            )
        }
    ),
)
OBJECTIVES = optional(
    {"target": SHARES},
    displayName=NAMES,
    op=st.sampled_from(["lt", "lte", "gt", "gte"]),
    value=st.sampled_from([-1, 0, 0.5, 1e-3, 1e6]),
    timeSliceTarget=SHARES,
    timeSliceWindow=st.sampled_from(["30s", "1m", "5m", "2h", 5]),
    compositeWeight=st.sampled_from([0.5, 2]),
    indicator=optional({"metadata": optional({"name": NAMES}), "spec": INDICATORS}),
)
CALENDAR = optional({"startTime": st.just("2024-01-01 00:00:00"), "timeZone": st.just("UTC")})
CONDITION = optional(
    {
        "severity": NAMES,
        "condition": optional(
            {"kind": st.just("burnrate"), "threshold": st.sampled_from([2, 14.4])},
            op=st.sampled_from(["lte", "gt"]),
            lookbackWindow=st.sampled_from(["1h", "5m"]),
            alertAfter=st.sampled_from(["0m", "15m"]),
        ),
    }
)
POLICIES = optional(
    {"kind": st.just("AlertPolicy"), "metadata": optional({"name": NAMES})},
    spec=optional(
        {"conditions": st.lists(optional({"spec": CONDITION}), min_size=1, max_size=1)},
        alertWhenNoData=FLAGS,
        alertWhenBreaching=FLAGS,
        alertWhenResolved=FLAGS,
    ),
)
OPENSLO = optional(
    {
        "apiVersion": st.sampled_from(["openslo/v1", "openslo/v1alpha", "openslo.com/v2alpha"]),
        "kind": st.just("SLO"),
        "metadata": optional({"name": NAMES}, displayName=NAMES, labels=LABELS, annotations=LABELS),
        "spec": optional(
            {
                "service": NAMES,
                "budgetingMethod": st.sampled_from(
                    ["Occurrences", "Timeslices", "RatioTimeslices"]
                ),
                "objectives": st.lists(OBJECTIVES, min_size=1, max_size=2),
            },
            timeWindow=st.lists(
                optional(
                    {"duration": st.sampled_from(["28d", "1w", "1M", "1Q", "2Y", "90m"])},
                    isRolling=FLAGS,
                    calendar=CALENDAR,
                ),
                max_size=1,
            ),
            indicator=optional({"metadata": optional({"name": NAMES}), "spec": INDICATORS}),
            indicatorRef=NAMES,
            alertPolicies=st.lists(
                st.one_of(POLICIES, optional({"alertPolicyRef": NAMES})), max_size=1
            ),
        ),
    }
)


@settings(max_examples=150, deadline=None)
@given(document=st.one_of(SLOTH, PYRRA, OPENSLO))
def test_a_document_becomes_ours_or_is_refused_at_a_place(document: object) -> None:
    nodes, faults = load("0.yaml", json.dumps(document))
    assert not faults
    natives, told = imported(nodes)

    project, problems = read_foreign(json.dumps(document))

    errors = [problem for problem in problems if problem.level is Level.ERROR]
    assert all(format_of(node) for node in nodes)
    assert all(problem.place is not None for problem in told)
    assert all(error.place is not None and error.place.file == "0.yaml" for error in errors), errors
    assert (project is None) == bool(errors)
    assert natives or errors


@settings(max_examples=100, deadline=None)
@given(
    document=st.one_of(SLOTH, PYRRA, OPENSLO),
    data=st.data(),
)
def test_a_key_that_no_format_knows_is_always_named(document: object, data: st.DataObject) -> None:
    assert isinstance(document, dict)
    place = data.draw(st.sampled_from([document, document.get("spec", document)]))
    place["neverheardof"] = 1

    nodes, _ = load("0.yaml", json.dumps(document))
    _, told = imported(nodes)

    assert any("neverheardof" in problem.text for problem in told)


def junk_in(value: object, data: st.DataObject) -> object:
    """`value` with one of its parts replaced by something that does not belong there."""
    if isinstance(value, dict) and value and data.draw(st.integers(0, 4)):
        key = data.draw(st.sampled_from(sorted(value)))
        return {**value, key: junk_in(value[key], data)}
    if isinstance(value, list) and value and data.draw(st.integers(0, 4)):
        return [junk_in(value[0], data), *value[1:]]
    return data.draw(st.sampled_from([None, "", "x" * 80, "9" * 5000, -1, [], {}, [[1]], {"a": 1}]))


@settings(max_examples=150, deadline=None)
@given(document=st.one_of(SLOTH, PYRRA, OPENSLO), data=st.data())
def test_junk_anywhere_is_a_problem_and_never_a_crash(
    document: object, data: st.DataObject
) -> None:
    project, problems = read_foreign(json.dumps(junk_in(document, data)))

    assert (project is None) == any(problem.level is Level.ERROR for problem in problems)
