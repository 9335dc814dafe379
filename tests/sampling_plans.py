"""Traces as few words, and what a sampler would know of them when they are due."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from collectors.component import Signal
from collectors.sampling.plan import Facts, Fold, Plan
from collectors.sampling.policies import CompiledPlan, PolicyConfig
from collectors.sampling.thresholds import of_trace_ids
from collectors.wire.scan import scan

START_NS = 1_700_000_000_000_000_000
MS = 1_000_000
FOLDS = {Fold.OR: np.bitwise_or, Fold.MAX: np.maximum, Fold.SUM: np.add}
STATUSES = {"UNSET": 0, "OK": 1, "ERROR": 2}


@dataclass(frozen=True)
class Step:
    """A span: attributes, those of its resource, and what else policies ask about."""

    attributes: Mapping[str, object] = field(default_factory=dict)
    resource: Mapping[str, object] = field(default_factory=dict)
    status: str = "UNSET"
    ms: tuple[float, float] = (0, 100)
    state: str = ""
    flags: int = 0
    name: str = "step"
    events: Sequence[Mapping[str, object]] = ()
    parent: bytes = b""


def trace_id(number: int) -> bytes:
    """An id of which the randomness is evenly spread over small numbers."""
    return b"\x01" * 8 + (number * 0x9E3779B97F4A7C15 % 2**64).to_bytes(8, "big")


def request(steps: Sequence[tuple[bytes, Step]]) -> bytes:
    """One request with these spans, each under a resource of its own."""
    found = ExportTraceServiceRequest()
    for index, (of, step) in enumerate(steps):
        resource = Resource(attributes=_attributes(step.resource))
        scope = found.resource_spans.add(resource=resource).scope_spans.add()
        first, last = step.ms
        span = Span(
            trace_id=of,
            span_id=(index + 1).to_bytes(8, "big"),
            parent_span_id=step.parent,
            name=step.name,
            trace_state=step.state,
            flags=step.flags,
            start_time_unix_nano=START_NS + int(first * MS),
            end_time_unix_nano=START_NS + int(last * MS),
            attributes=_attributes(step.attributes),
        )
        span.status.code = STATUSES[step.status]
        for event in step.events:
            attributes = event.get("attributes", {})
            assert isinstance(attributes, dict)
            span.events.add(name=str(event["name"]), attributes=_attributes(attributes))
        scope.spans.append(span)
    return found.SerializeToString()


def facts_of(plan: Plan, payloads: Sequence[bytes], ids: Sequence[bytes]) -> Facts:
    """What has gathered of traces `ids`, in that order, when all of `payloads` have come."""
    place = {of: index for index, of in enumerate(ids)}
    count = len(ids)
    bits = np.zeros(count, np.uint64)
    extras = np.zeros((len(plan.extras), count), np.uint64)
    spans, sizes = np.zeros(count, np.int64), np.zeros(count, np.int64)
    starts, ends = np.full(count, 2**64 - 1, np.uint64), np.zeros(count, np.uint64)
    for payload in payloads:
        scanned = scan(Signal.TRACES, payload)
        flags, measured = plan.flags(scanned), plan.measure(scanned)
        rows = [
            span
            for resource in ExportTraceServiceRequest.FromString(payload).resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]
        for row, span in enumerate(rows):
            at = place[span.trace_id]
            bits[at] |= flags[row]
            for index, extra in enumerate(plan.extras):
                fold = FOLDS[extra.fold]
                extras[index, at] = fold(extras[index, at], measured[index, row])
            spans[at] += 1
            sizes[at] += span.ByteSize()
            starts[at] = min(starts[at], np.uint64(span.start_time_unix_nano))
            ends[at] = max(ends[at], np.uint64(span.end_time_unix_nano))
    octets = np.frombuffer(b"".join(ids), np.uint8).reshape(count, 16)
    return Facts(
        octets,
        bits,
        spans,
        sizes,
        starts,
        ends,
        np.ones(count, np.bool_),
        of_trace_ids(octets),
        np.zeros(count, np.uint64),
        extras,
    )


def plain_facts(plan: Plan, count: int, *, first: int = 0, spans: int = 1) -> Facts:
    """`count` traces of `spans` spans that no leaf says yes to, with random ids."""
    ids = np.random.default_rng(first).integers(0, 256, (count, 16), np.uint8)
    start = np.full(count, START_NS, np.uint64)
    return Facts(
        ids,
        np.zeros(count, np.uint64),
        np.full(count, spans, np.int64),
        np.full(count, 100 * spans, np.int64),
        start,
        start + np.uint64(100 * MS),
        np.ones(count, np.bool_),
        of_trace_ids(ids),
        np.zeros(count, np.uint64),
        np.zeros((len(plan.extras), count), np.uint64),
    )


def plan_of(*policies: Mapping[str, object], **options: bool) -> CompiledPlan:
    """A plan of policies as they stand in YAML."""
    return CompiledPlan([PolicyConfig.model_validate(of) for of in policies], **options)


def policy(type_: str, name: str = "", **block: object) -> dict[str, object]:
    """A policy in YAML's words; one without a block has none."""
    return {"name": name or type_, "type": type_} | ({type_: block} if block else {})


def _attributes(values: Mapping[str, object]) -> list[KeyValue]:
    return [KeyValue(key=key, value=_value(value)) for key, value in values.items()]


def _value(value: object) -> AnyValue:
    match value:
        case bool():
            return AnyValue(bool_value=value)
        case int():
            return AnyValue(int_value=value)
        case float():
            return AnyValue(double_value=value)
        case _:
            return AnyValue(string_value=str(value))
