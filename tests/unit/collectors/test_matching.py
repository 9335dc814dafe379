"""`include` and `exclude` mean the items that the Collector means."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from pydantic import ValidationError

from collectors.component import Signal, StartError
from collectors.matching import MatchConfig, Selection
from collectors.processors.attributes import FACTORY
from collectors.testing import settings
from collectors.testing.samples import batch, text
from collectors.wire.scan import scan


def spans() -> bytes:
    request = ExportTraceServiceRequest()
    for service, zone in (("shop", "eu"), ("bank", "us")):
        resource = request.resource_spans.add()
        resource.resource.attributes.extend([text("service.name", service), text("zone", zone)])
        scope = resource.scope_spans.add()
        scope.scope.name, scope.scope.version = f"lib-{service}", "1.2"
        for name, kind in (("get /a", 2), ("get /b", 3)):
            span = scope.spans.add(name=name, kind=kind)
            span.attributes.append(text("k", f"{service} {name}"))
            span.attributes.append(KeyValue(key="n", value=AnyValue(int_value=kind)))
    return request.SerializeToString()


def chosen(signal: Signal, payload: bytes, **blocks: Mapping[str, object]) -> list[int]:
    made = {name: MatchConfig.model_validate(block) for name, block in blocks.items()}
    selection = Selection(made.get("include"), made.get("exclude"), signal)
    return [row for row, is_in in enumerate(selection(scan(signal, payload)).tolist()) if is_in]


@pytest.mark.parametrize(
    ("block", "rows"),
    [
        ({"services": ["shop"]}, [0, 1]),
        ({"services": ["shop", "bank"], "span_names": ["get /a"]}, [0, 2]),
        ({"span_names": ["get"]}, []),
        ({"match_type": "regexp", "span_names": ["^get"]}, [0, 1, 2, 3]),
        ({"match_type": "regexp", "services": ["^b"], "span_names": ["b$"]}, [3]),
        ({"span_kinds": ["SPAN_KIND_CLIENT"]}, [1, 3]),
        ({"attributes": [{"key": "k"}]}, [0, 1, 2, 3]),
        ({"attributes": [{"key": "gone"}]}, []),
        ({"attributes": [{"key": "k", "value": "shop get /a"}, {"key": "n", "value": 2}]}, [0]),
        ({"attributes": [{"key": "n", "value": "2"}]}, []),
        ({"match_type": "regexp", "attributes": [{"key": "k", "value": "/b"}]}, [1, 3]),
        ({"match_type": "regexp", "attributes": [{"key": "n", "value": 3}]}, [1, 3]),
        ({"resources": [{"key": "zone", "value": "us"}]}, [2, 3]),
        ({"libraries": [{"name": "lib-shop"}]}, [0, 1]),
        ({"libraries": [{"name": "lib-shop", "version": "2"}, {"name": "lib-bank"}]}, [2, 3]),
    ],
)
def test_spans_are_chosen_by_every_property_that_is_given(
    block: Mapping[str, object], rows: list[int]
) -> None:
    whole = {"match_type": "strict", **block}

    assert chosen(Signal.TRACES, spans(), include=whole) == rows
    assert chosen(Signal.TRACES, spans(), exclude=whole) == sorted({0, 1, 2, 3} - set(rows))


def test_what_is_included_may_still_be_excluded() -> None:
    shop = {"match_type": "strict", "services": ["shop"]}
    first = {"match_type": "strict", "span_names": ["get /a"]}

    assert chosen(Signal.TRACES, spans(), include=shop, exclude=first) == [1]
    assert chosen(Signal.TRACES, spans()) == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("block", "rows"),
    [
        ({"log_bodies": ["a"]}, [0]),
        ({"match_type": "regexp", "log_bodies": ["[ab]"]}, [0, 1]),
        ({"log_severity_texts": ["WARN"]}, [1]),
        ({"log_severity_number": {"min": 10}}, [1]),
        ({"log_severity_number": {"min": 10, "match_undefined": True}}, [1, 2]),
    ],
)
def test_log_records_are_chosen_by_body_and_severity(
    block: Mapping[str, object], rows: list[int]
) -> None:
    request = ExportLogsServiceRequest()
    scope = request.resource_logs.add().scope_logs.add()
    for body, number, level in (("a", 9, "INFO"), ("b", 13, "WARN"), ("c", 0, "")):
        record = scope.log_records.add(severity_number=number, severity_text=level)
        record.body.string_value = body
    whole = {"match_type": "strict", **block}

    assert chosen(Signal.LOGS, request.SerializeToString(), include=whole) == rows


def test_metrics_are_chosen_by_name() -> None:
    request = ExportMetricsServiceRequest()
    scope = request.resource_metrics.add().scope_metrics.add()
    for name in ("one", "two"):
        scope.metrics.add(name=name).gauge.data_points.add(as_int=1)
    block = {"match_type": "regexp", "metric_names": ["w"]}

    assert chosen(Signal.METRICS, request.SerializeToString(), include=block) == [1]


def test_only_what_is_chosen_is_edited() -> None:
    config = FACTORY.config.model_validate(
        {
            "actions": [{"key": "new", "action": "insert", "value": "x"}],
            "include": {"match_type": "strict", "span_names": ["step 1"]},
        }
    )
    processor = FACTORY.create(config, settings(Path("unused"), signals=(Signal.TRACES,)))
    found: list[list[str]] = []

    processor.step(
        batch(Signal.TRACES),
        lambda item: found.extend(
            [of.key for of in span.attributes]
            for span in ExportTraceServiceRequest.FromString(item.payload)
            .resource_spans[0]
            .scope_spans[0]
            .spans
        ),
    )

    assert found == [["item.id"], ["item.id", "new"], ["item.id"]]


def test_a_property_that_the_signal_does_not_have_ends_the_start() -> None:
    config = FACTORY.config.model_validate(
        {
            "actions": [{"key": "k", "action": "delete"}],
            "exclude": {"match_type": "strict", "span_names": ["a"]},
        }
    )

    with pytest.raises(StartError, match=r"under_test: exclude\.span_names is not for logs"):
        FACTORY.create(config, settings(Path("unused"), signals=(Signal.LOGS,)))


@pytest.mark.parametrize(
    ("block", "words"),
    [
        ({"match_type": "strict"}, "must name at least one property"),
        ({"match_type": "regexp", "services": ["("]}, "must be a regular expression"),
        ({"services": ["a"]}, "match_type"),
        ({"match_type": "strict", "span_kinds": ["client"]}, "must be a span kind"),
    ],
)
def test_a_block_that_cannot_be_meant_is_refused(block: Mapping[str, object], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        MatchConfig.model_validate(block)
