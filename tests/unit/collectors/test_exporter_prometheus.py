"""The scrape endpoint shows what was applied, under the names and labels of Prometheus."""

from __future__ import annotations

import math

from opentelemetry.proto.common.v1.common_pb2 import (
    AnyValue,
    ArrayValue,
    KeyValue,
)
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    NumberDataPoint,
)
from prometheus_client.parser import text_string_to_metric_families as parse_text

from collectors.testing.samples import text
from tests.prometheus_view import batch_of, counter, gauge, point, samples, view


def test_names_and_units_are_those_of_the_catalogue() -> None:
    made = view()
    made.apply(batch_of(counter("mas.agent.actions", point(3, outcome="ok"), unit="{action}")))
    made.apply(
        batch_of(gauge("memory.use", point(5), unit="By"), gauge("share", point(0.5), unit="1"))
    )

    assert samples(made) == {
        "mas_agent_actions_total{job=s,outcome=ok}": 3,
        "memory_use_bytes{job=s}": 5,
        "share_ratio{job=s}": 0.5,
    }


def test_a_resource_becomes_job_instance_target_info_and_what_is_promoted() -> None:
    made = view(
        resource_constant_labels={"included": ["service.version", "k8s.*"], "excluded": ["k8s.x"]}
    )
    attributes = {
        "service.name": "api",
        "service.namespace": "shop",
        "service.instance.id": "i-1",
        "service.version": "7",
        "k8s.pod": "p",
        "k8s.x": "y",
    }
    made.apply(batch_of(counter("a", point(1)), attributes=attributes))

    assert samples(made) == {
        "target_info{instance=i-1,job=shop/api,k8s_pod=p,k8s_x=y,service_version=7}": 1,
        "a_total{instance=i-1,job=shop/api,k8s_pod=p,service_version=7}": 1,
    }


def test_a_restarted_target_replaces_its_target_info() -> None:
    made = view()
    for version in ("1", "2"):
        made.apply(batch_of(attributes={"service.name": "api", "service.version": version}))

    assert samples(made) == {"target_info{job=api,service_version=2}": 1}


def test_a_points_own_label_wins_over_a_promoted_one_but_not_over_job() -> None:
    made = view(resource_constant_labels={"included": ["zone"]}, const_labels={"site": "x"})
    attributes = {"service.name": "api", "zone": "resource"}
    made.apply(batch_of(counter("a", point(1, zone="point", job="mine")), attributes=attributes))

    assert "a_total{job=api,site=x,zone=point}" in samples(made)


def test_scope_labels_are_there_when_asked_for() -> None:
    made = view(without_scope_info=False)
    made.apply(batch_of(counter("a", point(1))))

    assert samples(made) == {
        "a_total{job=s,otel_scope_a_b=c,otel_scope_name=lib,otel_scope_version=2}": 1
    }


def test_awkward_labels_survive_the_text_format() -> None:
    made = view()
    value = 'back\\slash "quote"\nline é'
    made.apply(batch_of(gauge("g", point(1, text=value))))
    many = KeyValue(
        key="list",
        value=AnyValue(
            array_value=ArrayValue(values=[AnyValue(int_value=1), AnyValue(bool_value=True)])
        ),
    )
    joined = NumberDataPoint(
        as_int=1,
        attributes=[
            text("a.b", "2"),
            text("a_b", "3"),
            many,
            text("__name__", "evil"),
            text("", "empty"),
        ],
    )
    made.apply(batch_of(gauge("h", joined)))

    labels = [s.labels for f in parse_text(made.text()) for s in f.samples if s.name in "gh"]
    assert labels[0]["text"] == value
    assert labels[1]["a_b"] == "2;3"
    assert labels[1]["list"] == "[1,true]"
    assert labels[1]["key___name__"] == "evil"


def test_numbers_are_exact_and_special_ones_are_spelled() -> None:
    made = view()
    values = [2**63 - 1, 0.1, math.inf, -math.inf, 1e300]
    made.apply(batch_of(gauge("g", *(point(value, i=str(i)) for i, value in enumerate(values)))))

    assert 'g{i="0",job="s"} 9223372036854775807\n' in made.text()
    assert [samples(made)[f"g{{i={i},job=s}}"] for i in range(1, 5)] == values[1:]
