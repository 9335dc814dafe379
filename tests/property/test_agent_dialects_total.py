"""Whatever stands in the attributes that dialects ask for, nothing raises and nothing is lost."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue, KeyValueList
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from collectors.component import Batch
from collectors.dialects import dialects
from collectors.dialects.model import SCOPE, SPAN_KIND, SPAN_NAME
from collectors.processors.agent_normalizer import AgentNormalizer, AgentNormalizerConfig
from collectors.testing import settings as component_settings
from collectors.wire.scan import scan
from tests.agent_spans import batch, connector, counted, flush


def _words() -> tuple[list[str], list[str], list[str], list[str]]:
    """Every key, scope, name of a span and value that some dialect knows."""
    keys: set[str] = set()
    found: dict[str, set[str]] = {SCOPE: {"app"}, SPAN_NAME: {"x"}, "": {"", "true"}}
    for dialect in dialects().dialects:
        conditions = [*dialect.recognise, *(rule.when for rule in dialect.rules)]
        for condition in conditions:
            for key, matcher in condition.items():
                values = matcher if isinstance(matcher, tuple) else ()
                found.get(key, found[""]).update(value.replace("*", "x") for value in values)
                keys.add(key)
        for specs in (*dialect.fields.values(), *dialect.tokens.values()):
            keys.update(spec.partition("#")[0] for spec in specs)
    known = sorted(keys - {SCOPE, SPAN_NAME, SPAN_KIND})
    return known, sorted(found[SCOPE]), sorted(found[SPAN_NAME]), sorted(found[""])


def _marks() -> list[list[KeyValue]]:
    """The attributes that make a span one of a dialect, and of a kind that it knows."""
    found: list[list[KeyValue]] = []
    for dialect in dialects().dialects:
        for sign in dialect.recognise:
            for rule in dialect.rules:
                wanted = {**sign, **rule.when}
                found.append(
                    [
                        KeyValue(key=key, value=AnyValue(string_value=_example(matcher)))
                        for key, matcher in wanted.items()
                        if key not in {SCOPE, SPAN_NAME, SPAN_KIND} and matcher is not False
                    ]
                )
    return found


def _example(matcher: object) -> str:
    return matcher[0].replace("*", "x") if isinstance(matcher, tuple) else "said"


KEYS, SCOPES, NAMES, VALUES = _words()
MARKS = st.sampled_from(_marks())
PLAIN = st.one_of(
    st.sampled_from(VALUES).map(lambda text: AnyValue(string_value=text)),
    st.text(max_size=80).map(lambda text: AnyValue(string_value=text)),
    st.sampled_from(['{"input": 5}', "[[[", '{"input": {}}', "1e999", '{"input": 1e400}']).map(
        lambda text: AnyValue(string_value=text)
    ),
    st.integers(-(2**63), 2**63 - 1).map(lambda number: AnyValue(int_value=number)),
    st.floats().map(lambda number: AnyValue(double_value=number)),
    st.booleans().map(lambda flag: AnyValue(bool_value=flag)),
    st.binary(max_size=8).map(lambda data: AnyValue(bytes_value=data)),
    st.just(AnyValue()),
)
ANY = st.one_of(
    PLAIN,
    st.lists(PLAIN, max_size=3).map(lambda of: AnyValue(array_value=ArrayValue(values=of))),
    PLAIN.map(lambda of: AnyValue(kvlist_value=KeyValueList(values=[KeyValue(key="k", value=of)]))),
)
SPANS = st.builds(
    lambda name, scope, numbers, code, kind, marks, attributes: (
        scope,
        Span(
            name=name,
            trace_id=b"T" * 16,
            span_id=numbers[0].to_bytes(8, "big"),
            parent_span_id=numbers[1].to_bytes(8, "big"),
            status=Status(code=code),
            kind=kind,
            start_time_unix_nano=numbers[2],
            end_time_unix_nano=numbers[3],
            attributes=[*marks, *(KeyValue(key=key, value=value) for key, value in attributes)],
        ),
    ),
    st.sampled_from(NAMES),
    st.sampled_from(SCOPES),
    st.tuples(st.integers(0, 9), st.integers(0, 9), *[st.integers(0, 2**64 - 1)] * 2),
    st.integers(0, 2),
    st.integers(0, 5),
    MARKS,
    st.lists(st.tuples(st.sampled_from(KEYS), ANY), max_size=8),
)


def batch_of(spans: list[tuple[str, Span]]) -> Batch:
    request = ExportTraceServiceRequest()
    for scope, span in spans:
        of_scope = request.resource_spans.add().scope_spans.add(spans=[span])
        of_scope.scope.name = scope
    return batch(request)


@settings(max_examples=60, deadline=None)
@given(spans=st.lists(SPANS, max_size=8))
def test_any_spans_are_counted_and_what_comes_out_is_sound(spans: list[tuple[str, Span]]) -> None:
    of = connector({"declare": [{"gen_ai.provider.name": ["openai"]}]})
    of.step(batch_of(spans), lambda _: None)

    for request in flush(of):
        again = ExportMetricsServiceRequest.FromString(request.SerializeToString())
        for resource in again.resource_metrics:
            for metric in resource.scope_metrics[0].metrics:
                for point in metric.histogram.data_points:
                    assert sum(point.bucket_counts) == point.count
                    assert point.sum >= 0


@settings(max_examples=60, deadline=None)
@given(spans=st.lists(SPANS, max_size=8))
def test_any_spans_are_normalised_once_and_none_is_lost(spans: list[tuple[str, Span]]) -> None:
    of = AgentNormalizer(AgentNormalizerConfig(), component_settings(Path("unused")))
    out: list[Batch] = []
    of.step(batch_of(spans), out.append)
    of.step(out[0], out.append)

    scanned = scan(out[0].signal, out[0].payload)
    assert scanned.items == out[0].items == len(spans)
    assert out[1].payload == out[0].payload


@settings(max_examples=60, deadline=None)
@given(spans=st.lists(SPANS, max_size=8))
def test_any_spans_count_after_normalising_as_before(spans: list[tuple[str, Span]]) -> None:
    item = batch_of(spans)
    out: list[Batch] = []
    of = AgentNormalizer(AgentNormalizerConfig(), component_settings(Path("unused")))
    of.step(item, out.append)

    plain, edited = (
        counted([ExportTraceServiceRequest.FromString(one.payload)]) for one in (item, out[0])
    )
    assert +edited.counts == +plain.counts
    assert edited.sums == plain.sums
