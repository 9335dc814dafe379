"""`probabilistic_sampler` decides like the Collector's, and keeps the rules of thresholds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from random import Random

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from pydantic import ValidationError

from collectors.component import Batch, Context, Signal
from collectors.processors.probabilistic_sampler import FACTORY, SamplerConfig
from collectors.testing import MemoryMeter, settings

WHOLE = 1 << 56
LAST = b"\x01" * 8 + b"\xff" * 8  # kept by everyone
FIRST = b"\x01" * 9 + b"\x00" * 7  # kept by those who keep all
HALF = b"\x01" * 9 + b"\x80" + b"\x00" * 6  # the first that a half keeps


def sample(spans: Sequence[Span], meter: MemoryMeter | None = None, **config: object) -> list[Span]:
    request = ExportTraceServiceRequest()
    for part in (spans[::2], spans[1::2]):
        request.resource_spans.add().scope_spans.add(spans=part)
    payload = request.SerializeToString()
    out = _step(Signal.TRACES, payload, len(spans), meter, config)
    found = [
        span
        for batch in out
        for resource in ExportTraceServiceRequest.FromString(batch.payload).resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]
    assert sum(batch.items for batch in out) == len(found)
    return found


def sample_logs(records: Sequence[LogRecord], **config: object) -> list[LogRecord]:
    request = ExportLogsServiceRequest()
    request.resource_logs.add().scope_logs.add(log_records=records)
    out = _step(Signal.LOGS, request.SerializeToString(), len(records), None, config)
    return [
        record
        for batch in out
        for record in ExportLogsServiceRequest.FromString(batch.payload)
        .resource_logs[0]
        .scope_logs[0]
        .log_records
    ]


def _step(
    signal: Signal, payload: bytes, items: int, meter: MemoryMeter | None, config: dict[str, object]
) -> list[Batch]:
    made = SamplerConfig.model_validate(config)
    counting = meter or MemoryMeter()
    sampler = FACTORY.create(made, settings(Path("unused"), meter=counting))
    out: list[Batch] = []
    sampler.step(Batch(signal, payload, items, Context(), 1, 1), out.append)
    dropped = counting.total("fleetslo_items_total", outcome="sampled_out")
    assert dropped == items - sum(batch.items for batch in out)
    return out


def state_of(trace_id: bytes, state: str = "", **config: object) -> str | None:
    """The trace state of a span that was kept; None for one that was not."""
    found = sample([Span(trace_id=trace_id, trace_state=state, name="kept as it is")], **config)
    if not found:
        return None
    assert found[0].name == "kept as it is"
    assert found[0].trace_id == trace_id
    return str(found[0].trace_state)


def random_spans(count: int, seed: int = 1) -> list[Span]:
    random = Random(seed)
    return [Span(trace_id=random.randbytes(16), name=str(index)) for index in range(count)]


@pytest.mark.parametrize(
    ("percentage", "precision", "threshold"),
    [
        (100, 4, "0"),
        (250, 4, "0"),
        (50, 4, "8"),
        (25, 4, "c"),
        (10, 4, "e666"),
        (10, 14, "e6666666666666"),
        (1, 4, "fd70a"),
        (0.1, 4, "ffbe77"),
        (100 / 3, 2, "ab"),
        (75, 1, "4"),
        (99, 4, "028f6"),
    ],
)
def test_a_percentage_becomes_the_threshold_of_the_specification(
    percentage: float, precision: int, threshold: str
) -> None:
    found = state_of(LAST, sampling_percentage=percentage, sampling_precision=precision)

    assert found == f"ot=th:{threshold}"


@pytest.mark.parametrize(
    ("trace_id", "percentage", "is_kept"),
    [
        (HALF, 50, True),
        (FIRST, 50, False),
        (FIRST, 100, True),
        (LAST, 0, False),
        (LAST, 0.01, True),
    ],
)
def test_a_trace_is_kept_from_its_threshold_on(
    trace_id: bytes, percentage: float, is_kept: bool
) -> None:
    assert bool(sample([Span(trace_id=trace_id)], sampling_percentage=percentage)) is is_kept


@pytest.mark.parametrize(
    ("mode", "percentage", "before", "after"),
    [
        ("proportional", 25, "ot=th:8", "ot=th:e"),
        ("proportional", 100, "ot=th:8", "ot=th:8"),
        ("proportional", 50, "", "ot=th:8"),
        ("equalizing", 25, "ot=th:8", "ot=th:c"),
        ("equalizing", 75, "ot=th:8", "ot=th:8"),
        ("equalizing", 75, "", "ot=th:4"),
        ("proportional", 50, "ot=rv:ffffffffffffff;th:8", "ot=rv:ffffffffffffff;th:c"),
        ("equalizing", 50, "a=b,ot=k:v;th:4,c=d", "ot=th:8;k:v,a=b,c=d"),
        ("proportional", 50, "a=b", "ot=th:8,a=b"),
    ],
)
def test_what_was_sampled_before_is_sampled_further(
    mode: str, percentage: int, before: str, after: str
) -> None:
    assert state_of(LAST, before, mode=mode, sampling_percentage=percentage) == after


@pytest.mark.parametrize("mode", ["proportional", "equalizing"])
def test_randomness_in_the_trace_state_counts_more_than_the_trace_id(mode: str) -> None:
    low, high = "ot=rv:7fffffffffffff", "ot=rv:80000000000000"

    assert state_of(LAST, low, mode=mode, sampling_percentage=50) is None
    assert state_of(FIRST, high, mode=mode, sampling_percentage=50) == f"{high};th:8"


@pytest.mark.parametrize(
    ("trace_id", "state", "open_state"),
    [
        (b"", "", "ot=th:0"),
        (bytes(16), "", "ot=th:0"),
        (b"short", "", "ot=th:0"),
        (FIRST, "ot=th:8", "ot=th:0"),
        (LAST, "ot=rv:xyz", "ot=rv:xyz"),
        (LAST, "ot=th:123456789012345", "ot=th:123456789012345"),
        (LAST, "ot=th:8,ot=th:9", "ot=th:8,ot=th:9"),
        (LAST, "ot=??", "ot=??"),
    ],
)
def test_what_contradicts_itself_is_dropped_or_kept_as_the_user_wants(
    trace_id: bytes, state: str, open_state: str
) -> None:
    assert state_of(trace_id, state, sampling_percentage=90) is None
    assert state_of(trace_id, state, sampling_percentage=90, fail_closed=False) == open_state


@pytest.mark.parametrize(
    ("priority", "is_kept"),
    [
        (AnyValue(int_value=0), False),
        (AnyValue(int_value=1), True),
        (AnyValue(int_value=-1), None),
        (AnyValue(double_value=0.0), False),
        (AnyValue(double_value=0.5), True),
        (AnyValue(string_value="0"), False),
        (AnyValue(string_value="2.5"), True),
        (AnyValue(string_value="high"), None),
        (AnyValue(string_value="nan"), None),
    ],
)
def test_a_span_may_ask_to_go_or_to_stay(priority: AnyValue, is_kept: bool | None) -> None:
    attribute = KeyValue(key="sampling.priority", value=priority)
    spans = [Span(trace_id=of, attributes=[attribute]) for of in (FIRST, LAST)]

    kept = [span.trace_id for span in sample(spans, sampling_percentage=50)]

    assert kept == {None: [LAST], True: [FIRST, LAST], False: []}[is_kept]


def fnv(data: bytes) -> int:
    value = 0x811C9DC5
    for byte in data:
        value = (value ^ byte) * 0x01000193 % 2**32
    return value


def test_mode_hash_seed_keeps_what_the_collectors_hash_keeps() -> None:
    spans = random_spans(2000)
    seed = 0x01020304

    kept = sample(spans, sampling_percentage=30, hash_seed=seed)

    scaled = int(30 * 16384 / 100)
    truth = {
        span.trace_id
        for span in spans
        if fnv(seed.to_bytes(4, "little") + span.trace_id) & 0x3FFF < scaled
    }
    assert {span.trace_id for span in kept} == truth
    states = [span.trace_state for span in kept]
    assert all(state.endswith(";th:b334") for state in states)
    again = sample(
        [Span(trace_id=b"", trace_state=state) for state in states],
        sampling_percentage=30,
        mode="equalizing",
    )
    assert len(again) == len(kept), "the randomness that was written decides as the hash did"


@pytest.mark.parametrize("state", ["ot=th:8", "ot=rv:ffffffffffffff"])
def test_mode_hash_seed_does_not_mix_with_thresholds(state: str) -> None:
    config = {"mode": "hash_seed", "sampling_percentage": 99.99}

    assert state_of(LAST, state, **config) is None
    assert state_of(LAST, state, **config, fail_closed=False) is not None


def test_the_share_that_is_kept_is_the_share_that_was_asked_for() -> None:
    spans = random_spans(20_000)
    for percentage in (0.5, 5, 33.3, 80):
        for mode in ("proportional", "equalizing", "hash_seed"):
            kept = len(sample(spans, sampling_percentage=percentage, mode=mode))

            share = percentage / 100
            mean, deviation = len(spans) * share, math.sqrt(len(spans) * share * (1 - share))
            assert abs(kept - mean) < 5 * deviation, (percentage, mode)


@pytest.mark.parametrize("mode", ["proportional", "equalizing", "hash_seed"])
def test_who_keeps_less_keeps_nothing_that_another_drops(mode: str) -> None:
    spans = random_spans(3000)
    less = {span.name for span in sample(spans, sampling_percentage=7, mode=mode)}
    more = {span.name for span in sample(spans, sampling_percentage=40, mode=mode)}

    assert less
    assert less < more


def test_two_stages_count_as_many_as_there_were() -> None:
    spans = random_spans(20_000)
    once = sample(spans, sampling_percentage=40)
    twice = sample(once, sampling_percentage=25)

    counts = [
        WHOLE / (WHOLE - int(of.trace_state.removeprefix("ot=th:").ljust(14, "0"), 16))
        for of in twice
    ]
    assert {round(count, 2) for count in counts} == {10.0}
    assert abs(sum(counts) - len(spans)) < 5 * 10 * math.sqrt(len(spans) * 0.1 * 0.9)


def test_the_rest_of_a_span_stays_byte_for_byte() -> None:
    unknown = b"\xfa\x3f\x03abc"  # a field of a later protocol
    span = Span(trace_id=LAST, trace_state="a=b", name="x" * 300, parent_span_id=b"p" * 8)
    message = Span.FromString(span.SerializeToString() + unknown)

    (kept,) = sample([message], sampling_percentage=50)

    message.trace_state = "ot=th:8,a=b"
    assert kept.SerializeToString(deterministic=True) == message.SerializeToString(
        deterministic=True
    )


# ---------------------------------------------------------------- log records


def record(trace_id: bytes = b"", **attributes: AnyValue | str) -> LogRecord:
    made = LogRecord(trace_id=trace_id, body=AnyValue(string_value="body"))
    for key, value in attributes.items():
        named = key.replace("__", ".")
        whole = AnyValue(string_value=value) if isinstance(value, str) else value
        made.attributes.add(key=named, value=whole)
    return made


def told(of: LogRecord) -> dict[str, str]:
    return {
        item.key.removeprefix("sampling."): item.value.string_value
        for item in of.attributes
        if item.key.startswith("sampling.")
    }


def test_a_log_record_goes_with_its_trace() -> None:
    kept = sample_logs([record(LAST), record(FIRST)], sampling_percentage=50)

    assert [of.trace_id for of in kept] == [LAST]
    assert told(kept[0]) == {"threshold": "8"}
    assert kept[0].body.string_value == "body"


def test_a_log_record_without_trace_id_is_decided_by_its_attribute() -> None:
    records = [record(user=str(number)) for number in range(2000)]
    config = {"sampling_percentage": 30, "attribute_source": "record", "from_attribute": "user"}

    kept = sample_logs(records, **config)

    truth = [
        str(number)
        for number in range(2000)
        if fnv(bytes(4) + str(number).encode()) & 0x3FFF < int(30 * 16384 / 100)
    ]
    assert [of.attributes[0].value.string_value for of in kept] == truth
    assert {"threshold", "randomness"} == set(told(kept[0]))
    consistent = sample_logs(records, **config, mode="proportional")
    assert abs(len(consistent) - 600) < 5 * math.sqrt(2000 * 0.3 * 0.7)


@pytest.mark.parametrize(("mode", "threshold"), [("proportional", "c"), ("equalizing", "8")])
def test_the_threshold_of_a_log_record_is_raised_in_its_place(mode: str, threshold: str) -> None:
    before = record(LAST, sampling__threshold="8", other="stays")

    (kept,) = sample_logs([before], sampling_percentage=50, mode=mode)

    assert [item.key for item in kept.attributes] == ["sampling.threshold", "other"]
    assert told(kept) == {"threshold": threshold}


@pytest.mark.parametrize(
    "wrong",
    [
        record(),
        record(FIRST, sampling__threshold="8"),
        record(LAST, sampling__threshold="xyz"),
        record(LAST, sampling__randomness="1"),
    ],
)
def test_a_log_record_that_contradicts_itself_is_dropped_or_kept_as_wanted(
    wrong: LogRecord,
) -> None:
    assert sample_logs([wrong], sampling_percentage=90) == []
    assert len(sample_logs([wrong], sampling_percentage=90, fail_closed=False)) == 1


def test_a_log_record_may_ask_for_a_percentage_of_its_own() -> None:
    asking = record(HALF, percent=AnyValue(int_value=50))
    config = {"sampling_percentage": 1, "sampling_priority": "percent"}

    (kept,) = sample_logs([record(HALF), asking], **config)

    assert told(kept) == {"threshold": "8"}
    assert sample_logs([record(FIRST, percent=AnyValue(double_value=50.0))], **config) == []
    assert len(sample_logs([record(FIRST, percent=AnyValue(int_value=100))], **config)) == 1
    assert sample_logs([record(FIRST, percent="100")], **config) == []


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"sampling_percentage": -1}, "greater than or equal to 0"),
        ({"sampling_precision": 15}, "less than or equal to 14"),
        ({"mode": "fair"}, "hash_seed"),
        ({"attribute_source": "record"}, "needs from_attribute"),
    ],
)
def test_a_configuration_that_cannot_be_meant_is_refused(
    config: dict[str, object], words: str
) -> None:
    with pytest.raises(ValidationError, match=words):
        SamplerConfig.model_validate(config)
