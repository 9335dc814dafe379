"""How long messages waited is told by two spans, each message once."""

from __future__ import annotations

import random

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.agent_spans import (
    SECOND,
    START,
    Seen,
    batch,
    connector,
    counted,
    flush,
    merged,
    request_of,
    seen,
    span_of,
    split,
)

WAIT, WORK = "mas.queue.message.wait", "messaging.process.duration"
QUEUE = "messaging.destination.name"
SENDS = {"messaging.system": "kafka", QUEUE: "tasks", "messaging.operation.type": "send"}
TAKES = {**SENDS, "messaging.operation.type": "process"}


def sends(number: int, at: float = 0.0, took: float = 0.01, **more: str) -> Span:
    return timed(span_of(number, {**SENDS, **more}), at, took)


def takes(number: int, at: float, above: int = 0, took: float = 1.0, **more: str | int) -> Span:
    said = {key.replace("__", "."): value for key, value in more.items()}
    return timed(span_of(number, {**TAKES, **said}, above=above), at, took)


def timed(span: Span, at: float, took: float) -> Span:
    span.start_time_unix_nano = START + round(at * SECOND)
    span.end_time_unix_nano = START + round((at + took) * SECOND)
    return span


def linked(span: Span, *numbers: int) -> Span:
    for number in numbers:
        span.links.add(trace_id=b"T" * 16, span_id=number.to_bytes(8, "big"))
    return span


def waits(*spans: Span, config: dict[str, object] | None = None, scope: str = "kafka") -> Seen:
    return counted([request_of(*spans, scope=scope)], config)


def test_a_message_waits_from_the_end_of_its_sending_until_it_is_taken() -> None:
    found = waits(sends(1, 0.0, 0.5), takes(2, 4.5, above=1))

    assert found.by(WAIT, QUEUE) == {"tasks": 1}
    assert found.sum(WAIT) == 4
    assert found.count(WORK) == 1


def test_a_sender_that_waits_for_the_answer_has_sent_when_it_began() -> None:
    assert waits(sends(1, 0.0, 30.0), takes(2, 4.0, above=1)).sum(WAIT) == 4


def test_a_batch_has_a_wait_for_each_message_that_is_linked() -> None:
    found = waits(sends(1, 0.0, 0), sends(2, 1.0, 0), linked(takes(3, 5.0, above=9), 1, 2, 7))

    assert found.count(WAIT) == 2
    assert found.sum(WAIT) == 5 + 4


def test_a_message_that_is_above_and_linked_is_one() -> None:
    assert waits(sends(1), linked(takes(2, 5.0, above=1), 1)).count(WAIT) == 1


def test_the_brokers_own_clock_is_believed_before_the_senders() -> None:
    queued = {"messaging__servicebus__message__enqueued_time": START // SECOND + 3}

    found = waits(sends(1), takes(2, 5.0, above=1, **queued))

    assert found.count(WAIT) == 1
    assert found.sum(WAIT) == 2


@pytest.mark.parametrize("scale", [1, 10**3, 10**6, 10**9])
def test_times_are_understood_in_any_unit(scale: int) -> None:
    queued = {"messaging__message__enqueued_time": (START // SECOND) * scale}

    assert waits(takes(2, 5.0, **queued)).sum(WAIT) == 5


@pytest.mark.parametrize("said", ["soon", "nan", "-3", "1e400", "0"])
def test_times_that_are_none_say_nothing(said: str) -> None:
    assert waits(takes(2, 5.0, messaging__message__enqueued_time=said)).count(WAIT) == 0


def test_a_clock_that_is_behind_makes_no_negative_wait_and_an_absurd_one_none() -> None:
    behind = waits(sends(1, 10.0, 0), takes(2, 4.0, above=1))
    absurd = waits(sends(1, -9e6, 0), takes(2, 4.0, above=1))

    assert (behind.count(WAIT), behind.sum(WAIT)) == (1, 0)
    assert absurd.count(WAIT) == 0


def test_a_message_that_is_taken_again_waited_until_it_was_taken_first() -> None:
    again = takes(3, 60.0, above=1)
    again.status.code = 2

    found = waits(sends(1, 0, 0), again, takes(2, 5.0, above=1))

    assert (found.count(WAIT), found.sum(WAIT)) == (1, 5)
    assert found.count(WORK) == 2


def test_each_service_that_takes_a_message_took_it() -> None:
    spans = [
        request_of(sends(1), service="shop", scope="kafka"),
        request_of(takes(2, 5.0, above=1), service="packer", scope="kafka"),
        request_of(takes(3, 6.0, above=1), service="biller", scope="kafka"),
    ]

    assert counted(spans).count(WAIT) == 2


def test_who_measures_the_wait_itself_is_not_counted_unless_its_metrics_do_not_come() -> None:
    send = span_of(1, {QUEUE: "tasks", "messaging.system": "loopback"})
    take = span_of(2, {QUEUE: "tasks", "messaging.system": "loopback"}, above=1)
    send.kind, take.kind = Span.SPAN_KIND_PRODUCER, Span.SPAN_KIND_CONSUMER
    timed(send, 0.0, 0.0)
    timed(take, 3.0, 1.0)

    assert waits(send, take, scope="fleetslo.instrument").count(WAIT) == 0
    silent: dict[str, object] = {"without_metrics": ["fleetslo"]}
    assert waits(send, take, scope="fleetslo.instrument", config=silent).sum(WAIT) == 3


def test_receiving_and_settling_are_no_work_and_no_wait() -> None:
    receive = timed(span_of(2, {**SENDS, "messaging.operation.type": "receive"}, above=1), 2, 1)
    settle = timed(span_of(3, {**SENDS, "messaging.operation.type": "settle"}, above=1), 3, 1)

    found = waits(sends(1), receive, settle)

    assert found.count(WAIT) == found.count(WORK) == 0


def test_autogens_messages_wait_too() -> None:
    create = {"messaging.operation": "create", "messaging.destination": "planner.(s-1)-A"}
    process = {**create, "messaging.operation": "process"}
    spans = [
        timed(span_of(1, create), 0, 60),
        timed(span_of(2, process, above=1), 7, 1),
    ]

    found = waits(*spans, scope="autogen SingleThreadedAgentRuntime")

    assert found.by(WAIT, QUEUE) == {"planner": 1}
    assert found.sum(WAIT) == 7


def test_whoever_is_never_told_of_the_sending_counts_no_wait() -> None:
    found = waits(takes(2, 5.0, above=1))

    assert found.count(WAIT) == 0
    assert found.count(WORK) == 1


def traffic() -> ExportTraceServiceRequest:
    spans = [sends(number, number * 0.1, 0) for number in range(1, 40)]
    spans += [takes(100 + number, number * 0.3 + 1, above=number) for number in range(1, 40)]
    spans += [takes(200 + number, number * 0.3 + 2, above=number) for number in range(1, 9)]
    return request_of(*spans, scope="kafka")


@pytest.mark.parametrize("seed", range(3))
def test_cut_mixed_repeated_and_restarted_they_count_the_same(seed: int) -> None:
    whole = counted([traffic()])
    parts = split(traffic())
    random.Random(seed).shuffle(parts)
    of = connector()
    for start in range(0, len(parts), 7):
        of.step(batch(merged(parts[start : start + 9]), SECOND + start), lambda _: None)
        after = connector()
        after.restore(of.snapshot())
        assert after.snapshot() == of.snapshot()
        of = after

    found = seen(flush(of)[-1])

    assert whole.count(WAIT) == 39
    assert found.sum(WAIT) == whole.sum(WAIT)
    assert found.counts == whole.counts
