"""Relabelling: targets and samples are chosen and changed as Prometheus does it."""

from __future__ import annotations

import asyncio

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)

from collectors.receivers.prometheus.relabel import RelabelConfig, Relabeller
from tests.scraped_targets import Exporter, run, scraping, series, shown, translated, values

HISTOGRAM = """# TYPE h histogram
h_bucket{le="1"} 1
h_bucket{le="+Inf"} 2
h_sum 3
h_count 2
# TYPE a counter
a_total{x="1",secret="s"} 4
a_total{x="2",secret="s"} 5
"""


def relabelled(*steps: dict[str, object]) -> set[tuple[str, tuple[tuple[str, str], ...], float]]:
    relabel = Relabeller([RelabelConfig.model_validate(step) for step in steps])
    found = translated(HISTOGRAM, relabel=relabel)
    return {one for one in series(shown(found)) if not one[0].startswith("scrape_")}


def test_samples_are_chosen_and_changed() -> None:
    everything = relabelled()

    assert relabelled({"source_labels": ["__name__"], "regex": "h_.*", "action": "drop"}) == {
        one for one in everything if one[0] == "a_total"
    }
    assert relabelled(
        {"source_labels": ["__name__", "x"], "regex": "a_total;(.*)", "action": "keep"},
        {"regex": "secret", "action": "labeldrop"},
        {"source_labels": ["x"], "regex": "(.)", "target_label": "y", "replacement": "n$1"},
        {"source_labels": ["__name__"], "target_label": "__name__", "replacement": "b_$1"},
    ) == {
        ("b_a_total", (("x", "1"), ("y", "n1")), 4),
        ("b_a_total", (("x", "2"), ("y", "n2")), 5),
    }
    assert relabelled(
        {"source_labels": ["le"], "regex": "1", "action": "drop"},
        {"source_labels": ["__name__"], "regex": "a.*", "action": "drop"},
        {
            "source_labels": ["__name__"],
            "regex": "h_(.*)",
            "target_label": "__name__",
            "replacement": "other_${1}",
        },
    ) == {
        ("other_bucket", (("le", "inf"),), 2),
        ("other_sum", (), 3),
        ("other_count", (), 2),
    }


@pytest.mark.parametrize(
    ("step", "after"),
    [
        ({"action": "uppercase", "source_labels": ["a"], "target_label": "n"}, "XY"),
        ({"action": "lowercase", "source_labels": ["b"], "target_label": "n"}, "z"),
        ({"action": "labelmap", "regex": "(a)", "replacement": "n"}, "xy"),
        ({"source_labels": ["a", "b"], "separator": "-", "target_label": "n"}, "xy-Z"),
        (
            {
                "source_labels": ["a"],
                "regex": "(?P<f>.)y",
                "replacement": "${f}!$$",
                "target_label": "n",
            },
            "x!$",
        ),
        ({"source_labels": ["a"], "regex": "y", "target_label": "n"}, None),
        ({"source_labels": ["c"], "regex": "", "replacement": "no c", "target_label": "n"}, "no c"),
        ({"target_label": "n", "replacement": "$9"}, None),
    ],
)
def test_each_step_does_what_prometheus_does(step: dict[str, object], after: str | None) -> None:
    found = Relabeller([RelabelConfig.model_validate(step)]).apply({"a": "xy", "b": "Z"})

    assert found is not None
    assert found.get("n") == after


def test_a_hash_is_the_one_that_prometheus_makes() -> None:
    """Prometheus's own tests say so: baz modulo 1000 is 976."""
    step = {"action": "hashmod", "source_labels": ["c"], "modulus": 1000, "target_label": "d"}

    assert Relabeller([RelabelConfig.model_validate(step)]).apply({"c": "baz"}) == {
        "c": "baz",
        "d": "976",
    }


def test_what_is_equal_is_kept_or_dropped() -> None:
    def stays(action: str, a: str) -> bool:
        step = RelabelConfig.model_validate(
            {"action": action, "source_labels": ["a"], "target_label": "b"}
        )
        return Relabeller([step]).apply({"a": a, "b": "1"}) is not None

    assert [stays("keepequal", a) for a in "12"] == [True, False]
    assert [stays("dropequal", a) for a in "12"] == [False, True]


def test_a_target_is_changed_or_left_out_before_it_is_scraped() -> None:
    async def main() -> None:
        exporter = Exporter()
        steps = [
            {"source_labels": ["__address__"], "regex": "no.*", "action": "drop"},
            {"target_label": "__metrics_path__", "replacement": "/other"},
            {"target_label": "instance", "replacement": "renamed"},
        ]
        async with scraping(exporter, relabel_configs=steps) as intake:
            await values(intake)

        message = ExportMetricsServiceRequest.FromString(intake.taken[0].payload)
        resource = {
            item.key: item.value.string_value
            for item in message.resource_metrics[0].resource.attributes
        }
        assert exporter.seen[0].path == "/other"
        assert resource["service.instance.id"] == "renamed"
        async with scraping(
            exporter, relabel_configs=[{"source_labels": ["job"], "action": "drop"}]
        ) as intake:
            await asyncio.sleep(0.2)
        assert intake.taken == []

    run(main)
