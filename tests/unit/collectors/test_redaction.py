"""`redaction`: nothing that is blocked is left anywhere in a request, and nothing else changes."""

from __future__ import annotations

import hashlib
import hmac
import re
import tracemalloc
from collections.abc import Mapping

import pytest
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from pydantic import ValidationError

from collectors.component import Signal
from collectors.patterns import anywhere, pattern
from collectors.processors.redaction import Redacted, RedactionConfig, Redactor
from collectors.processors.redaction.summary import OWN_KEY, OWN_KEYS
from collectors.testing.samples import request
from collectors.wire.parse import request_type

CANARY = "canary-4711"
BLOCKED = {"allow_all_keys": True, "blocked_values": ["canary-[0-9]+"]}


def redacted(signal: Signal, message: Message, config: Mapping[str, object]) -> Redacted:
    redactor = Redactor(RedactionConfig.model_validate(config))
    return redactor.redact(signal, message.SerializeToString())


def span_with(*pairs: KeyValue) -> ExportTraceServiceRequest:
    message = ExportTraceServiceRequest()
    span = message.resource_spans.add().scope_spans.add().spans.add(name="step")
    span.attributes.extend(pairs)
    return message


def attributes_after(config: Mapping[str, object], *pairs: KeyValue) -> dict[str, object]:
    payload = redacted(Signal.TRACES, span_with(*pairs), config).payload
    span = ExportTraceServiceRequest.FromString(payload).resource_spans[0].scope_spans[0].spans[0]
    return {
        pair.key: getattr(pair.value, pair.value.WhichOneof("value") or "string_value")
        for pair in span.attributes
    }


def text(key: str, value: str) -> KeyValue:
    return KeyValue(key=key, value=AnyValue(string_value=value))


def number(key: str, value: int) -> KeyValue:
    return KeyValue(key=key, value=AnyValue(int_value=value))


def fill(message: Message, depth: int = 0) -> int:
    """Put the canary into every text that a message can have; returns how many there are."""
    put = 0
    for field in message.DESCRIPTOR.fields:
        holder = getattr(message, field.name)
        repeated = hasattr(holder, "append") and not isinstance(holder, str | bytes)
        if field.type == FieldDescriptor.TYPE_STRING:
            value = f"before {CANARY} after"
            if repeated:
                holder.append(value)
            else:
                setattr(message, field.name, value)
            put += 1
        elif field.message_type is not None and depth < 9:
            inner = holder.add() if repeated else holder
            put += fill(inner, depth + 1)
    return put


@pytest.mark.parametrize("signal", list(Signal))
def test_a_canary_in_any_text_of_the_schema_is_gone(signal: Signal) -> None:
    message = request_type(signal)()
    assert fill(message) > 40
    assert CANARY.encode() in message.SerializeToString()

    result = redacted(signal, message, BLOCKED)

    assert CANARY.encode() not in result.payload
    assert b"before **** after" in result.payload
    assert result.masked > 10


@pytest.mark.parametrize("signal", list(Signal))
def test_what_holds_nothing_blocked_stays_the_same_bytes(signal: Signal) -> None:
    payload = request(signal, 5).SerializeToString()
    redactor = Redactor(RedactionConfig.model_validate(BLOCKED))

    assert redactor.redact(signal, payload).payload is payload


def test_a_canary_in_a_field_nobody_knows_is_left_out() -> None:
    message = span_with(text("a", CANARY))
    unknown = b"\xfa\x7f" + bytes([len(CANARY)]) + CANARY.encode()  # field 2047
    redactor = Redactor(RedactionConfig.model_validate(BLOCKED))

    result = redactor.redact(Signal.TRACES, message.SerializeToString() + unknown)

    assert CANARY.encode() not in result.payload


@pytest.mark.parametrize("config", [BLOCKED, {"allowed_keys": ["a"]}])
def test_bytes_that_are_in_the_request_but_not_in_the_message_are_left_out(
    config: Mapping[str, object],
) -> None:
    """Else a sender hides what it likes behind a request in which nothing else is blocked."""
    hidden = bytes([len(CANARY)]) + CANARY.encode()
    overridden = b"\x2a" + hidden + b"\x2a\x01x"  # a span's name, twice: the last counts
    span = b"\x12" + bytes([len(overridden)]) + overridden
    scope = b"\x12" + bytes([len(span)]) + span
    payload = b"\x0a" + bytes([len(scope)]) + scope + b"\xfa\x7f" + hidden  # field 2047
    redactor = Redactor(RedactionConfig.model_validate(config))

    assert redactor.redact(Signal.TRACES, payload).payload == span_named("x").SerializeToString()


def span_named(name: str) -> ExportTraceServiceRequest:
    message = ExportTraceServiceRequest()
    message.resource_spans.add().scope_spans.add().spans.add(name=name)
    return message


def test_a_quotation_left_open_swallows_no_other_pattern() -> None:
    config: dict[str, object] = {"allow_all_keys": True, "blocked_values": [r"\Qa|", r"\Qb\E"]}

    assert attributes_after(config, text("k", "a|"), text("l", "b")) == {"k": "****", "l": "****"}


def test_many_patterns_that_are_too_large_together_still_work() -> None:
    config: dict[str, object] = {
        "allow_all_keys": True,
        "blocked_values": [rf"\pL{{1,60}}{i};" for i in range(200)],
    }

    assert attributes_after(config, text("k", "a199;")) == {"k": "****"}


def test_a_summary_that_claims_the_highest_number_is_no_error() -> None:
    config: dict[str, object] = {"allow_all_keys": True, "blocked_values": ["x"], "summary": "info"}
    most = 2**63 - 1

    after = attributes_after(config, number("redaction.masked.count", most), text("a", "x"))

    assert after == {"a": "****", "redaction.masked.count": most}


def test_long_keys_are_not_remembered_however_many_come() -> None:
    pair = KeyValue(key="k" * 100_000)
    pair.value.array_value.values.extend([AnyValue(string_value="y")] * 1000)
    payload = span_with(pair, text("a", CANARY)).SerializeToString()
    redactor = Redactor(RedactionConfig.model_validate(BLOCKED))

    tracemalloc.start()
    try:
        redactor.redact(Signal.TRACES, payload)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak < 10 * len(payload)


def test_what_is_removed_leaves_the_others_in_their_order() -> None:
    pairs = [text(f"{'a' if index % 3 else 'b'}{index}", str(index)) for index in range(30)]
    kept = {pair.key: pair.value.string_value for pair in pairs if pair.key.startswith("a")}

    assert list(attributes_after({"allowed_keys": list(kept)}, *pairs).items()) == list(
        kept.items()
    )


@pytest.mark.parametrize(
    ("config", "pairs", "after"),
    [
        ({}, [text("a", "x")], {}),
        ({"allowed_keys": ["a"]}, [text("a", "x"), text("b", "y")], {"a": "x"}),
        ({"ignored_keys": ["a"], "blocked_values": ["x"]}, [text("a", "x")], {"a": "x"}),
        (
            {"ignored_key_patterns": ["^safe"]},
            [text("safe.a", "x"), text("b", "y")],
            {"safe.a": "x"},
        ),
        (
            {"allow_all_keys": True, "blocked_values": ["x+"]},
            [text("a", "axxb x")],
            {"a": "a****b ****"},
        ),
        (
            {"allow_all_keys": True, "blocked_values": ["@"], "allowed_values": ["@ours"]},
            [text("a", "me@ours"), text("b", "me@them")],
            {"a": "me@ours", "b": "me****them"},
        ),
        (
            {"allow_all_keys": True, "blocked_key_patterns": ["token$"]},
            [text("the.token", "secret"), text("token.count", "3"), number("n.token", 7)],
            {"the.token": "****", "token.count": "3", "n.token": "****"},
        ),
        ({"allow_all_keys": True, "blocked_values": ["42"]}, [number("a", 421)], {"a": 421}),
        (
            {"allow_all_keys": True, "blocked_values": ["42"], "redact_all_types": True},
            [number("a", 421), number("b", 7)],
            {"a": "****1", "b": 7},
        ),
        (
            {"allow_all_keys": True, "blocked_values": [r"\bx\b"]},
            [text("a", "x"), text("b", "axb")],
            {"a": "****", "b": "axb"},
        ),
        (
            {"allow_all_keys": True, "blocked_values": ["me@home"]},
            [text("me@home", "1")],
            {"****": "1"},
        ),
    ],
)
def test_keys_and_values_are_judged_in_their_order(
    config: Mapping[str, object], pairs: list[KeyValue], after: Mapping[str, object]
) -> None:
    assert attributes_after(config, *pairs) == after


@pytest.mark.parametrize("summary", ["", "silent"])
@pytest.mark.parametrize("keys", [{"allow_all_keys": True}, {"allowed_keys": ["a"]}])
def test_a_sender_cannot_write_a_summary_where_there_is_none(
    keys: Mapping[str, object], summary: str
) -> None:
    config = {**keys, "blocked_values": ["x"], "summary": summary}
    claimed = [text(key, "Jane Doe") for key in sorted(OWN_KEYS)]

    assert attributes_after(config, *claimed, text("a", "b")) == {"a": "b"}
    named = {**config, "allowed_keys": ["a", "redaction.masked.count"]}
    assert attributes_after(named, *claimed, text("a", "b")) == {
        "a": "b",
        "redaction.masked.count": "Jane Doe",
    }


def test_what_a_sender_claims_is_found_whichever_attribute_it_stands_in() -> None:
    found = pattern(OWN_KEY)

    assert all(found.search(key) for key in OWN_KEYS)


def test_maps_and_lists_are_looked_into() -> None:
    inner = AnyValue()
    inner.kvlist_value.values.append(text("secret", "s"))
    inner.kvlist_value.values.append(text("note", CANARY))
    outer = AnyValue()
    outer.array_value.values.append(inner)
    outer.array_value.values.append(AnyValue(bytes_value=CANARY.encode()))
    config = {**BLOCKED, "blocked_key_patterns": ["secret"]}

    payload = redacted(Signal.TRACES, span_with(KeyValue(key="a", value=outer)), config).payload

    span = ExportTraceServiceRequest.FromString(payload).resource_spans[0].scope_spans[0].spans[0]
    first, second = span.attributes[0].value.array_value.values
    assert [(p.key, p.value.string_value) for p in first.kvlist_value.values] == [
        ("secret", "****"),
        ("note", "****"),
    ]
    assert second.bytes_value == b"****"


@pytest.mark.parametrize(
    "around", [b"", b"\xff", b"M\xfcller ", "Müller ".encode(), b"\xed\xa0\x80"]
)
def test_a_text_among_other_bytes_is_masked(around: bytes) -> None:
    value = AnyValue(bytes_value=around + CANARY.encode() + around)

    after = attributes_after(BLOCKED, KeyValue(key="raw", value=value))

    assert after == {"raw": around + b"****" + around}


def test_keys_in_the_body_of_a_log_must_be_allowed_too() -> None:
    message = ExportLogsServiceRequest()
    record = message.resource_logs.add().scope_logs.add().log_records.add()
    record.body.kvlist_value.values.extend([text("kept", CANARY), text("gone", "x")])
    config = {"allowed_keys": ["kept"], "blocked_values": [CANARY], "summary": "debug"}

    payload = redacted(Signal.LOGS, message, config).payload

    record = (
        ExportLogsServiceRequest.FromString(payload).resource_logs[0].scope_logs[0].log_records[0]
    )
    assert [(p.key, p.value.string_value) for p in record.body.kvlist_value.values] == [
        ("kept", "****")
    ]
    told = {p.key: p.value.string_value or p.value.int_value for p in record.attributes}
    assert told == {
        "redaction.body.redacted.keys": "gone",
        "redaction.body.redacted.count": 1,
        "redaction.body.masked.keys": "body",
        "redaction.body.masked.count": 1,
    }


def test_the_summary_adds_up_when_a_span_comes_through_twice() -> None:
    config = {"allowed_keys": ["a", "b"], "summary": "debug", "blocked_values": ["x"]}
    redactor = Redactor(RedactionConfig.model_validate(config))
    payload = span_with(text("a", "x"), text("c", "y")).SerializeToString()
    once = redactor.redact(Signal.TRACES, payload).payload
    message = ExportTraceServiceRequest.FromString(once)
    message.resource_spans[0].scope_spans[0].spans[0].attributes.append(text("d", "z"))

    assert attributes_after(
        config, *message.resource_spans[0].scope_spans[0].spans[0].attributes
    ) == {
        "a": "****",
        "redaction.masked.keys": "a",
        "redaction.masked.count": 1,
        "redaction.redacted.keys": "c,d",
        "redaction.redacted.count": 2,
    }


@pytest.mark.parametrize(
    ("function", "digest"),
    [
        ("md5", hashlib.md5(b"x", usedforsecurity=False).hexdigest()),
        ("sha1", hashlib.sha1(b"x", usedforsecurity=False).hexdigest()),
        ("sha3", hashlib.sha3_256(b"x").hexdigest()),
        ("hmac-sha256", hmac.new(b"key", b"x", "sha256").hexdigest()),
        ("hmac-sha512", hmac.new(b"key", b"x", "sha512").hexdigest()),
    ],
)
def test_a_hash_stands_in_the_place_of_what_was_masked(function: str, digest: str) -> None:
    config: dict[str, object] = {
        "allow_all_keys": True,
        "blocked_values": ["x"],
        "hash_function": function,
        "hmac_key": "key",
    }
    assert attributes_after(config, text("a", "a x")) == {"a": f"a {digest}"}


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"allow_all_keys": True}, "redacts nothing"),
        ({"blocked_values": ["("]}, "must be a regular expression of RE2"),
        ({"blocked_values": ["(?=x)"]}, "must be a regular expression of RE2"),
        ({"blocked_values": ["x*"]}, "matches the empty text"),
        ({"hash_function": "hmac-sha256"}, "needs hmac_key"),
        ({"hash_function": "sha256"}, "hmac-sha256"),
        ({"allowed_keyes": []}, "allowed_keyes"),
    ],
)
def test_a_configuration_that_cannot_work_is_refused(
    config: Mapping[str, object], words: str
) -> None:
    with pytest.raises(ValidationError, match=re.escape(words)):
        RedactionConfig.model_validate(config)


@given(
    st.sampled_from(
        [r"\bcat\b", "^cat", "cat$", r"(?:^|,)cat", r"[]^]cat", r"[^^$]cat$", r"\Acat\z"]
    ),
    st.text("cat,^]x é", max_size=12),
    st.binary(max_size=6),
    st.binary(max_size=6),
)
def test_searching_bytes_misses_nothing_that_searching_texts_finds(
    blocked: str, value: str, before: bytes, after: bytes
) -> None:
    found = pattern(blocked).search(value) is not None
    among = anywhere(blocked)
    assert among is not None
    assert among.search(before + value.encode() + after) is not None or not found
