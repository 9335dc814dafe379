"""`filter` drops what a condition holds for, and understands conditions as the Collector does."""

from __future__ import annotations

from pathlib import Path

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from collectors.component import Batch, Context, Signal
from collectors.config.load import Text, load
from collectors.config.registry import Registry
from collectors.config.tree import Surroundings
from collectors.ottl import CONTEXTS, Condition, ConditionError
from collectors.processors.filter import FACTORY, FilterConfig
from collectors.testing import MemoryMeter, settings
from collectors.testing.samples import batch, text


def run(config: dict[str, object], item: Batch) -> list[Batch]:
    meter = MemoryMeter()
    made = FilterConfig.model_validate(config)
    processor = FACTORY.create(made, settings(Path("unused"), meter=meter))
    out: list[Batch] = []
    processor.step(item, out.append)
    left = sum(of.items for of in out)
    assert meter.total("fleetslo_items_total", outcome="filtered") == item.items - left
    return out


def attribute(key: str, value: object) -> KeyValue:
    kinds = {str: "string_value", bool: "bool_value", int: "int_value", float: "double_value"}
    if isinstance(value, list):
        return KeyValue(key=key, value=AnyValue(array_value=ArrayValue()))
    return KeyValue(key=key, value=AnyValue(**{kinds[type(value)]: value}))


SPANS = {
    "root": Span(
        name="root",
        kind=2,
        trace_id=b"\xab" * 16,
        start_time_unix_nano=10,
        end_time_unix_nano=30,
        attributes=[attribute("k", "v"), attribute("n", 5), attribute("list", [])],
    ),
    "child": Span(
        name="child",
        kind=3,
        parent_span_id=b"p" * 8,
        status=Status(code=2, message="no"),
        trace_state="a=b",
        start_time_unix_nano=10,
        end_time_unix_nano=15,
        attributes=[attribute("n", 5.5), attribute("flag", value=True), attribute("text", "5")],
    ),
}


def traces() -> Batch:
    request = ExportTraceServiceRequest()
    for service, span in zip(("a", "b"), SPANS.values(), strict=True):
        resource = request.resource_spans.add()
        resource.resource.attributes.append(text("service.name", service))
        scope = resource.scope_spans.add(spans=[span])
        scope.scope.name = f"lib.{service}"
    return Batch(Signal.TRACES, request.SerializeToString(), 2, Context(), 1, 1)


BOTH, NONE, ROOT, CHILD = {"root", "child"}, set[str](), {"root"}, {"child"}


@pytest.mark.parametrize(
    ("condition", "dropped"),
    [
        ('name == "root"', ROOT),
        ('span.name != "root"', CHILD),
        ('"root" == name', ROOT),
        ('name < "d"', CHILD),
        ('attributes["k"] == "v"', ROOT),
        ('attributes["k"] == nil', CHILD),
        ('nil != attributes["k"]', ROOT),
        ('attributes["k"] != "v"', CHILD),
        ('attributes["n"] == 5', ROOT),
        ('attributes["n"] >= 5.5', CHILD),
        ('attributes["n"] > 5 and attributes["n"] < 6', CHILD),
        ('attributes["n"] == "5"', NONE),
        ('attributes["n"] != "5"', BOTH),
        ('attributes["text"] > 1', NONE),
        ('attributes["flag"] == true', CHILD),
        ('attributes["flag"] == 1', NONE),
        ('attributes["list"] == nil', CHILD),
        ('attributes["list"] == "x"', NONE),
        ('attributes["n"] < nil', NONE),
        ('attributes["gone"] <= nil', BOTH),
        ('attributes["n"] == attributes["n"]', BOTH),
        ('attributes["text"] == attributes["k"]', NONE),
        ('resource.attributes["service.name"] == "b"', CHILD),
        ("kind == SPAN_KIND_SERVER", ROOT),
        ('kind.string == "Client"', CHILD),
        ("status.code == STATUS_CODE_ERROR", CHILD),
        ('status.message == "no"', CHILD),
        ("end_time_unix_nano - start_time_unix_nano > 5", ROOT),
        ("5 < end_time_unix_nano - start_time_unix_nano", ROOT),
        ('attributes["n"] - 1 == 4', ROOT),
        ("end_time_unix_nano == 30.0", ROOT),
        ("end_time_unix_nano < 15.5", CHILD),
        ("end_time_unix_nano >= start_time_unix_nano", BOTH),
        ("start_time_unix_nano < 99999999999999999999", BOTH),
        ("IsRootSpan()", ROOT),
        (f'trace_id.string == "{"ab" * 16}"', ROOT),
        ('trace_state == "a=b"', CHILD),
        ('instrumentation_scope.name == "lib.b"', CHILD),
        ('IsMatch(name, "^ro+t$")', ROOT),
        ('IsMatch(attributes["n"], "^5$")', ROOT),
        ('IsMatch(attributes["flag"], "tru")', CHILD),
        ('IsMatch(attributes["gone"], ".*")', NONE),
        ('IsMatch(kind, "3")', CHILD),
        ('HasPrefix(name, "chi")', CHILD),
        ('HasSuffix(name, "ot")', ROOT),
        ('IsString(attributes["text"])', CHILD),
        ('IsInt(attributes["n"])', ROOT),
        ('IsDouble(attributes["n"])', CHILD),
        ('IsBool(attributes["flag"])', CHILD),
        ("true", BOTH),
        ("not true", NONE),
        ('not (name == "root")', CHILD),
        ('name == "root" or name == "child" and false', ROOT),
        ('(name == "root" or name == "child") and false', NONE),
        ('attributes["k\\"x"] == nil and name == "root"', ROOT),
    ],
)
def test_a_condition_means_what_it_means_to_the_collector(
    condition: str, dropped: set[str]
) -> None:
    out = run({"traces": {"span": [condition]}}, traces())

    kept = {
        span.name
        for item in out
        for resource in ExportTraceServiceRequest.FromString(item.payload).resource_spans
        for span in resource.scope_spans[0].spans
    }
    assert kept == BOTH - dropped


def test_one_of_several_conditions_is_enough() -> None:
    conditions = ['name == "root"', "status.code == 2"]

    assert run({"traces": {"span": conditions}}, traces()) == []
    assert run({"logs": {"log_record": ["true"]}}, traces()) == [traces()]


def test_log_records_are_dropped_by_body_and_severity() -> None:
    request = ExportLogsServiceRequest()
    scope = request.resource_logs.add().scope_logs.add()
    for number, body in enumerate(["debug it", "work", "debug more"]):
        record = scope.log_records.add(severity_number=number * 4 + 1, severity_text="T")
        record.body.string_value = body
    item = Batch(Signal.LOGS, request.SerializeToString(), 3, Context(), 1, 1)
    conditions = ['IsMatch(body, "^debug") and severity_number < SEVERITY_NUMBER_INFO']

    (out,) = run({"logs": {"log_record": conditions}}, item)

    found = ExportLogsServiceRequest.FromString(out.payload).resource_logs[0].scope_logs[0]
    assert [of.body.string_value for of in found.log_records] == ["work", "debug more"]


def metrics() -> Batch:
    request = ExportMetricsServiceRequest()
    resource = request.resource_metrics.add()
    resource.resource.attributes.append(text("service.name", "a"))
    scope = resource.scope_metrics.add()
    gauge = scope.metrics.add(name="level", unit="1").gauge
    histogram = scope.metrics.add(name="took", unit="s").histogram
    for host in "xyz":
        gauge.data_points.add(attributes=[text("host", host)], as_int=1)
        histogram.data_points.add(attributes=[text("host", host)], count=1)
    return Batch(Signal.METRICS, request.SerializeToString(), 6, Context(), 1, 1)


@pytest.mark.parametrize(
    ("config", "left"),
    [
        ({"metric": ['name == "level"']}, {"took": "xyz"}),
        ({"metric": ["type == METRIC_DATA_TYPE_HISTOGRAM"]}, {"level": "xyz"}),
        ({"metric": ['metric.unit == "s"', 'name == "level"']}, {}),
        ({"datapoint": ['attributes["host"] == "y"']}, {"level": "xz", "took": "xz"}),
        (
            {"datapoint": ['metric.name == "took" and datapoint.attributes["host"] != "x"']},
            {"level": "xyz", "took": "x"},
        ),
        ({"datapoint": ["metric.type == METRIC_DATA_TYPE_GAUGE"]}, {"took": "xyz"}),
        (
            {"metric": ['name == "level"'], "datapoint": ['attributes["host"] == "x"']},
            {"took": "yz"},
        ),
        ({"datapoint": ['resource.attributes["service.name"] == "a"']}, {}),
    ],
)
def test_metrics_and_data_points_are_dropped(
    config: dict[str, list[str]], left: dict[str, str]
) -> None:
    out = run({"metrics": config}, metrics())

    found: dict[str, str] = {}
    for item in out:
        request = ExportMetricsServiceRequest.FromString(item.payload)
        for metric in request.resource_metrics[0].scope_metrics[0].metrics:
            points = metric.gauge.data_points or metric.histogram.data_points
            found[metric.name] = "".join(point.attributes[0].value.string_value for point in points)
    assert found == left


@pytest.mark.parametrize(
    ("context", "condition", "words"),
    [
        ("span", "nam == 1", "path nam at column 1 is not supported, did you mean name"),
        ("span", "body == 1", "path body at column 1 is not supported, known are attributes"),
        ("log_record", "kind == 1", "path kind at column 1 is not supported"),
        ("span", "attributes == 1", 'attributes at column 1 takes a key: attributes["..."]'),
        ("span", 'name["k"] == 1', "name at column 1 takes no key"),
        ("span", "name", "a comparison is needed at column 5, got the end"),
        ("span", "name ==", "a value is needed at column 8, got the end"),
        ("span", "name == 'x'", "not understood at column 9"),
        ("span", "(true", ") is needed at column 6"),
        ("span", "true true", "the end, and or or is needed at column 6"),
        ("span", "Drop(name)", "function Drop at column 1 is not supported"),
        ("span", "IsMatch(name)", "IsMatch at column 1 takes (path, pattern)"),
        ("span", 'IsMatch(name, "(")', "IsMatch at column 1: must be a regular expression"),
        ("span", 'IsMatch("a", "b")', "IsMatch at column 1 takes a path first"),
        ("span", "HasPrefix(name, 1)", "a text in quotes is needed"),
        ("metric", "IsRootSpan()", "IsRootSpan at column 1 is for spans"),
        ("span", "(" * 100 + "true" + ")" * 100, "nested deeper than 50"),
        ("span", "", "a value is needed at column 1, got the end"),
    ],
)
def test_what_is_not_understood_is_told_with_its_column(
    context: str, condition: str, words: str
) -> None:
    with pytest.raises(ConditionError) as told:
        Condition(condition, CONTEXTS[context])

    assert words in str(told.value)


def test_a_mistake_is_told_where_it_stands_in_the_file() -> None:
    text_of_file = (
        "receivers: {otlp: {protocols: {http: }}}\n"
        "processors:\n"
        "  filter:\n"
        "    traces:\n"
        "      span:\n"
        "        - 'name == \"a\"'\n"
        "        - 'nme == \"b\"'\n"
        "exporters: {debug: }\n"
        "service: {pipelines: {traces: {receivers: [otlp], processors: [filter], "
        "exporters: [debug]}}}\n"
    )
    around = Surroundings({}, lambda path: path)

    _, (problem,) = load([Text("c.yaml", text_of_file)], around, Registry.installed())

    assert problem.place is not None
    assert (problem.place.line, problem.place.column) == (7, 11)
    assert "path nme at column 1 is not supported, did you mean name" in problem.text


def test_a_request_that_loses_nothing_is_passed_on_as_it_is() -> None:
    item = batch(Signal.TRACES)

    (out,) = run({"traces": {"span": ["false"]}}, item)

    assert out.payload is item.payload
