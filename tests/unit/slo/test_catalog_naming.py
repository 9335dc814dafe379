"""Names are computed as OpenTelemetry's own exporter for Prometheus shows them."""

from __future__ import annotations

import re

import pytest
from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.resources import Resource
from prometheus_client import CollectorRegistry, generate_latest

from slo.catalog import (
    Instrument,
    Metric,
    metrics,
    prometheus_label,
    prometheus_name,
    prometheus_series,
)

METRICS = metrics().metrics


def exposed(name: str, unit: str, kind: Instrument, attributes: dict[str, str]) -> str:
    """What the SDK's own exporter shows for one measurement."""
    registry = CollectorRegistry()
    reader = PrometheusMetricReader(
        disable_target_info=True, scope_info_enabled=False, registry=registry
    )
    provider = MeterProvider([reader], Resource.create(), shutdown_on_exit=False)
    meter = provider.get_meter("test")
    if kind is Instrument.COUNTER:
        meter.create_counter(name, unit).add(1, attributes)
    elif kind is Instrument.UP_DOWN_COUNTER:
        meter.create_up_down_counter(name, unit).add(1, attributes)
    elif kind is Instrument.GAUGE:
        meter.create_gauge(name, unit).set(1, attributes)
    else:
        meter.create_histogram(name, unit).record(1, attributes)
    text = generate_latest(registry).decode()
    provider.shutdown()
    return text


def series_in(text: str) -> set[str]:
    found = {re.split(r"[{ ]", line)[0] for line in text.splitlines() if not line.startswith("#")}
    return {name for name in found if not name.endswith("_created")}


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_every_metric_is_called_what_the_sdk_calls_it(metric: Metric) -> None:
    attributes = {attribute.key: "x" for attribute in metric.attributes}

    text = exposed(metric.name, metric.unit, metric.instrument, attributes)

    assert series_in(text) == set(metric.series)


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_every_label_is_called_what_the_sdk_calls_it(metric: Metric) -> None:
    attributes = {attribute.key: "x" for attribute in metric.attributes}

    text = exposed(metric.name, metric.unit, metric.instrument, attributes)
    labels = set(re.findall(r'(\w+)="', text)) - {"le"}

    assert labels == set(metric.labels)


@pytest.mark.parametrize(
    ("name", "unit", "kind", "expected"),
    [
        ("system.cpu.utilization", "1", Instrument.GAUGE, "system_cpu_utilization_ratio"),
        ("system.cpu.utilization", "1", Instrument.UP_DOWN_COUNTER, "system_cpu_utilization"),
        ("requests", "1", Instrument.COUNTER, "requests_total"),
        ("requests.total", "{request}", Instrument.COUNTER, "requests_total"),
        ("disk.io", "By/s", Instrument.GAUGE, "disk_io_bytes_per_second"),
        ("rate", "{packet}/s", Instrument.GAUGE, "rate_per_second"),
        ("rate", "m/min", Instrument.GAUGE, "rate_meters_per_minute"),
        ("wait.seconds", "s", Instrument.HISTOGRAM, "wait_seconds"),
        ("llm.cost", "USD", Instrument.COUNTER, "llm_cost_USD_total"),
        ("llm.cost", "{USD}", Instrument.COUNTER, "llm_cost_total"),
        ("2fa.logins", "", Instrument.GAUGE, "_2fa_logins"),
        ("a--b..c", "", Instrument.GAUGE, "a_b_c"),
        ("slo:sli", "", Instrument.GAUGE, "slo:sli"),
    ],
)
def test_units_and_signs_become_words(
    name: str, unit: str, kind: Instrument, expected: str
) -> None:
    assert prometheus_name(name, unit, kind) == expected


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("gen_ai.agent.name", "gen_ai_agent_name"),
        ("http-status", "http_status"),
        ("a..b", "a_b"),
        ("1st", "key_1st"),
        ("_private", "key_private"),
        ("__name__", "__name__"),
    ],
)
def test_attributes_become_labels(key: str, expected: str) -> None:
    assert prometheus_label(key) == expected


def test_a_histogram_has_three_series() -> None:
    assert prometheus_series("wait", "s", Instrument.HISTOGRAM) == (
        "wait_seconds_bucket",
        "wait_seconds_count",
        "wait_seconds_sum",
    )
