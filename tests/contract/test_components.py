"""Every installed component keeps the promises of `collectors.component`."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from collectors.config.registry import Kind
from collectors.testing import (
    Door,
)
from tests.component_checks import REGISTRY, Check, extension, processor
from tests.component_exporters import (
    debug,
    file_exporter,
    otlp_grpc,
    otlp_http,
    prometheus,
    remote_write,
)
from tests.component_receivers import hostmetrics, otlp, prometheus_scrape, send_grpc, send_http

EDITS = [
    {"key": "team", "action": "upsert", "value": "a"},
    {"key": "service.version", "action": "delete"},
    {"key": "copy", "action": "insert", "from_attribute": "service.name"},
]
HALF = {"sampling_percentage": 50}
TWO = {"spans_per_second": 2}
SLOS = {
    "sample-steps": {"spans": {"service": "sample", "bad": {"above": "1s"}}},
    "sample-first": {"spans": {"service": "sample", "span_name": "step 0"}},
    "sample-by": {
        "spans": {"service": "sample"},
        "by": {"item": {"attribute": "item.id", "values": ["1"]}},
        "limit": 3,
    },
}
CASES: dict[tuple[Kind, str], list[Check]] = {
    (Kind.RECEIVERS, "hostmetrics"): [
        hostmetrics("cpu", "memory", "load", "disk", "filesystem", "network", "paging"),
        hostmetrics("processes", "process"),
    ],
    (Kind.RECEIVERS, "prometheus"): [prometheus_scrape],
    (Kind.RECEIVERS, "otlp"): [otlp("http", Door(send_http)), otlp("grpc", Door(send_grpc))],
    (Kind.PROCESSORS, "agent_normalizer"): [
        processor(Kind.PROCESSORS, "agent_normalizer", {}),
    ],
    (Kind.PROCESSORS, "attributes"): [
        processor(Kind.PROCESSORS, "attributes", {"actions": EDITS}),
        processor(
            Kind.PROCESSORS, "attributes", {"actions": [{"key": "item.id", "action": "hash"}]}
        ),
    ],
    (Kind.PROCESSORS, "batch"): [processor(Kind.PROCESSORS, "batch", {})],
    (Kind.PROCESSORS, "memory_limiter"): [
        processor(Kind.PROCESSORS, "memory_limiter", {"limit_mib": 4096})
    ],
    (Kind.PROCESSORS, "redaction"): [
        processor(Kind.PROCESSORS, "redaction", {"allowed_keys": ["item.id"]})
    ],
    (Kind.PROCESSORS, "aggregate"): [
        processor(Kind.PROCESSORS, "aggregate", raw, conserves=False)
        for raw in (
            {"drop": ["series"]},
            {"keep": [], "interval": "1500ms", "max_stale": "1s", "gauge_lookback": "1s"},
            {"drop_resource": ["service.instance.id"], "max_streams": 2},
        )
    ],
    (Kind.PROCESSORS, "cardinality"): [
        processor(Kind.PROCESSORS, "cardinality", raw, conserves=False)
        for raw in (
            {"max_series": 1},
            {"max_values": 1, "action": "drop_attribute", "interval": "1500ms"},
            {"max_series": 1, "max_streams": 2, "max_stale": "1s", "gauge_lookback": "1s"},
        )
    ],
    (Kind.PROCESSORS, "logdedup"): [
        processor(Kind.PROCESSORS, "logdedup", raw, conserves=False)
        for raw in (
            {},
            {"interval": "1500ms", "exclude_fields": ["attributes.item.id", "body.a"]},
            {"include_fields": ["attributes.series"], "max_records": 1},
        )
    ],
    (Kind.PROCESSORS, "cumulativetodelta"): [
        processor(Kind.PROCESSORS, "cumulativetodelta", raw, conserves=False)
        for raw in (
            {},
            {"initial_value": "keep", "max_staleness": "1ms", "max_streams": 2},
            {"include": {"metrics": ["things"], "match_type": "regexp"}},
        )
    ],
    (Kind.PROCESSORS, "deltatocumulative"): [
        processor(Kind.PROCESSORS, "deltatocumulative", raw, conserves=False)
        for raw in ({}, {"max_stale": "1ms", "max_streams": 2})
    ],
    (Kind.PROCESSORS, "interval"): [
        processor(Kind.PROCESSORS, "interval", raw, conserves=False)
        for raw in ({}, {"interval": "1500ms", "max_stale": "1s"}, {"max_streams": 2})
    ],
    (Kind.PROCESSORS, "filter"): [
        processor(Kind.PROCESSORS, "filter", raw, conserves=False)
        for raw in (
            {"traces": {"span": ['name == "step 1"']}},
            {"metrics": {"metric": ["type == METRIC_DATA_TYPE_GAUGE"]}},
            {"metrics": {"datapoint": ['attributes["series"] == "1"']}},
            {"logs": {"log_record": ['IsMatch(body, "2$")']}},
        )
    ],
    (Kind.PROCESSORS, "probabilistic_sampler"): [
        processor(Kind.PROCESSORS, "probabilistic_sampler", raw, conserves=False)
        for raw in (
            {"sampling_percentage": 50},
            {"sampling_percentage": 50, "mode": "equalizing", "fail_closed": False},
            {"sampling_percentage": 50, "hash_seed": 7},
        )
    ],
    (Kind.PROCESSORS, "resource"): [processor(Kind.PROCESSORS, "resource", {"attributes": EDITS})],
    (Kind.PROCESSORS, "sli"): [processor(Kind.PROCESSORS, "sli", {"slos": SLOS})],
    (Kind.PROCESSORS, "tail_sampling"): [
        processor(
            Kind.PROCESSORS,
            "tail_sampling",
            {"policies": [{"name": "all", "type": "always_sample"}]},
        ),
        processor(
            Kind.PROCESSORS,
            "tail_sampling",
            {
                "sampling_strategy": "span-ingest",
                "policies": [
                    {"name": "long", "type": "latency", "latency": {"threshold_ms": 1}},
                    {"name": "half", "type": "probabilistic", "probabilistic": HALF},
                ],
            },
            conserves=False,
        ),
        processor(
            Kind.PROCESSORS,
            "tail_sampling",
            {
                "decision_wait": "2s",
                "decision_wait_after_root_received": "1s",
                "num_traces": 5,
                "decision_cache": {"sampled_cache_size": 10, "non_sampled_cache_size": 10},
                "policies": [
                    {"name": "half", "type": "probabilistic", "probabilistic": HALF},
                    {"name": "rate", "type": "rate_limiting", "rate_limiting": TWO},
                ],
                "shadow": {
                    "policies": [
                        {"name": "long", "type": "latency", "latency": {"threshold_ms": 1}},
                        {"name": "rate", "type": "rate_limiting", "rate_limiting": TWO},
                    ]
                },
            },
            conserves=False,
        ),
    ],
    (Kind.CONNECTORS, "agentdetectors"): [
        processor(
            Kind.CONNECTORS,
            "agentdetectors",
            {"heartbeat": {"interval": "1s", "idle": "0s", "expiry": "3s"}},
            conserves=False,
        ),
    ],
    (Kind.CONNECTORS, "agentmetrics"): [
        processor(
            Kind.CONNECTORS,
            "agentmetrics",
            {
                "metrics_flush_interval": "1s",
                "wait": "1s",
                "remember": "1s",
            },
            conserves=False,
        ),
    ],
    (Kind.CONNECTORS, "forward"): [processor(Kind.CONNECTORS, "forward", {})],
    (Kind.CONNECTORS, "sli"): [
        processor(
            Kind.CONNECTORS, "sli", {"slos": SLOS, "metrics_flush_interval": "1s"}, conserves=False
        )
    ],
    (Kind.CONNECTORS, "spanmetrics"): [
        processor(
            Kind.CONNECTORS, "spanmetrics", {"metrics_flush_interval": "1s"}, conserves=False
        ),
        processor(
            Kind.CONNECTORS,
            "spanmetrics",
            {
                "metrics_flush_interval": "1s",
                "aggregation_temporality": "AGGREGATION_TEMPORALITY_DELTA",
                "dimensions": [{"name": "item.id"}, {"name": "service.version", "default": "0"}],
                "exemplars": {"enabled": True},
                "aggregation_cardinality_limit": 2,
            },
            conserves=False,
        ),
        processor(
            Kind.CONNECTORS,
            "spanmetrics",
            {
                "metrics_flush_interval": "1s",
                "histogram": {"unit": "s", "exponential": {"max_size": 20}},
                "exemplars": {"enabled": True},
            },
            conserves=False,
        ),
    ],
    (Kind.EXPORTERS, "otlp_grpc"): [otlp_grpc],
    (Kind.EXPORTERS, "otlp_http"): [
        otlp_http({}),
        otlp_http({"encoding": "json", "compression": "zstd"}),
        otlp_http({"compression": "none"}),
    ],
    (Kind.EXPORTERS, "file"): [file_exporter],
    (Kind.EXPORTERS, "debug"): [debug("basic"), debug("normal"), debug("detailed")],
    (Kind.EXPORTERS, "prometheus"): [
        prometheus({}),
        prometheus({"metric_expiration": "2s"}),
        prometheus({"max_series": 2, "without_scope_info": False}),
    ],
    (Kind.EXPORTERS, "prometheus_remote_write"): [remote_write],
    (Kind.EXTENSIONS, "basicauth"): [
        extension("basicauth", {"htpasswd": {"inline": "ann:secret"}}),
        extension("basicauth", {"client_auth": {"username": "ann", "password": "secret"}}),
    ],
    (Kind.EXTENSIONS, "bearertokenauth"): [extension("bearertokenauth", {"token": "secret"})],
    (Kind.EXTENSIONS, "file_storage"): [extension("file_storage", {})],
    (Kind.EXTENSIONS, "health_check"): [extension("health_check", {"endpoint": "127.0.0.1:0"})],
}


def test_every_installed_component_is_covered() -> None:
    installed = {(kind, name) for kind in Kind for name in REGISTRY.names(kind)}

    assert installed == set(CASES)


@pytest.mark.parametrize(
    ("key", "number"),
    [(key, number) for key, checks in CASES.items() for number in range(len(checks))],
    ids=lambda value: f"{value[0]}-{value[1]}" if isinstance(value, tuple) else str(value),
)
def test_a_component_keeps_its_promises(key: tuple[Kind, str], number: int, tmp_path: Path) -> None:
    asyncio.run(asyncio.wait_for(CASES[key][number](tmp_path), 60))
