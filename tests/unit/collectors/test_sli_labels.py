"""`sli` with `by`: one pair of counters for each label value, bounded, and never falling."""

from __future__ import annotations

import json
from collections import Counter
from itertools import pairwise
from pathlib import Path
from random import Random

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Status
from pydantic import ValidationError

from collectors.component import Batch, Context, Meter, Processor, Signal
from collectors.cumulative import Cumulative
from collectors.processors.sli import CONNECTOR, FACTORY, SliConfig, SliConnectorConfig
from collectors.service.meter import SelfMeter, exposition
from collectors.testing import MemoryMeter, settings
from slo.names import SLI_EVENTS

Event = tuple[str, str, bool]
"""Agent, region and whether it is bad; an empty text for no attribute."""
BY = {"agent": {"attribute": "gen_ai.agent.name"}, "region": {}}


def spans(events: list[Event], on_resource: str = "") -> Batch:
    """A request of events, all in one resource that may have a region of its own."""
    message = ExportTraceServiceRequest()
    resource = message.resource_spans.add()
    resource.resource.attributes.add(key="service.name").value.string_value = "worker"
    if on_resource:
        resource.resource.attributes.add(key="region").value.string_value = on_resource
    scope = resource.scope_spans.add()
    for agent, region, bad in events:
        span = scope.spans.add(name="run", start_time_unix_nano=1, end_time_unix_nano=2)
        if bad:
            span.status.code = Status.STATUS_CODE_ERROR
        for key, value in (("gen_ai.agent.name", agent), ("region", region)):
            if value:
                span.attributes.add(key=key).value.string_value = value
    return Batch(Signal.TRACES, message.SerializeToString(), len(events), Context(), 1, 1)


def config(**more: object) -> dict[str, object]:
    return {"slos": {"runs": {"spans": {"service": "worker"}, "by": BY, **more}}}


def make(meter: Meter, **more: object) -> Processor:
    return FACTORY.create(
        SliConfig.model_validate(config(**more)), settings(Path("unused"), meter=meter)
    )


def shown(meter: MemoryMeter) -> dict[Event, float]:
    """What the counters say, those at zero left out."""
    found: dict[Event, float] = {}
    for (name, pairs), value in meter.levels.items():
        labels = dict(pairs)
        if name == SLI_EVENTS and value:
            found[labels["agent"], labels["region"], labels["outcome"] == "bad"] = value
    return found


def simulated(random: Random, count: int) -> list[Event]:
    return [
        (random.choice(["a", "b", "c", ""]), random.choice(["eu", "us", ""]), random.random() < 0.2)
        for _ in range(count)
    ]


def test_each_label_set_has_the_events_of_a_count_one_by_one_wherever_it_restarts() -> None:
    random, truth = Random(5), Counter[Event]()
    meter = MemoryMeter()
    counter = make(meter)
    for _ in range(60):
        events = simulated(random, random.randrange(30))
        truth.update(events)
        counter.step(spans(events), lambda _: None)
        if random.random() < 0.3:
            state, meter = counter.snapshot(), MemoryMeter()
            counter = make(meter)
            counter.restore(state)
            assert counter.snapshot() == state

    assert shown(meter) == dict(truth)


def test_what_a_span_does_not_say_its_resource_may() -> None:
    meter = MemoryMeter()

    make(meter).step(spans([("a", "", False), ("a", "us", True)], "eu"), lambda _: None)

    assert shown(meter) == {("a", "eu", False): 1, ("a", "us", True): 1}


def test_both_outcomes_of_a_label_set_are_there_from_its_first_event_on() -> None:
    meter = MemoryMeter()

    make(meter).step(spans([("a", "eu", False)]), lambda _: None)

    assert meter.level(SLI_EVENTS, slo_id="runs", outcome="bad", agent="a", region="eu") == 0


def test_declared_values_stand_at_zero_before_the_first_span() -> None:
    meter = MemoryMeter()
    by = {"agent": {"attribute": "gen_ai.agent.name", "values": ["a", 5]}, "region": {}}

    make(meter, by=by)
    assert not meter.levels, "regions are not declared"
    by["region"] = {"values": ["eu"]}
    make(meter, by=by)

    assert sorted(meter.levels.values()) == [0, 0, 0, 0]
    assert meter.level(SLI_EVENTS, slo_id="runs", outcome="good", agent="5", region="eu") == 0


def test_events_beyond_the_limit_and_values_too_long_are_counted_as_other() -> None:
    meter = MemoryMeter()
    counter = make(meter, limit=2)

    counter.step(spans([("b", "eu", False), ("a", "eu", True), ("c", "eu", True)]), print)
    counter.step(spans([("c", "eu", False), ("a", "eu", True), ("x" * 129, "eu", True)]), print)
    restarted = make(meter, limit=1)
    restarted.restore(counter.snapshot())
    restarted.step(spans([("a", "eu", True), ("d", "eu", True)]), print)

    other = ("__other__", "__other__")
    assert shown(meter) == {
        ("a", "eu", True): 3,
        ("b", "eu", False): 1,
        (*other, True): 3,
        (*other, False): 1,
    }


@pytest.mark.parametrize("cuts", [[], [1], [2], [1, 2, 3]])
def test_who_has_room_does_not_depend_on_how_requests_are_cut(cuts: list[int]) -> None:
    events = [("c", "eu", True), ("b", "eu", False), ("a", "eu", True), ("b", "eu", False)]
    meter = MemoryMeter()
    counter = make(meter, limit=2)

    for first, last in pairwise([0, *cuts, len(events)]):
        counter.step(spans(events[first:last]), lambda _: None)

    other = ("__other__", "__other__")
    assert shown(meter) == {("c", "eu", True): 1, ("b", "eu", False): 2, (*other, True): 1}


def test_other_labels_begin_at_zero_and_the_first_ones_go_on_when_they_come_back() -> None:
    first = make(MemoryMeter())
    first.step(spans([("a", "eu", True)]), lambda _: None)
    meter = MemoryMeter()
    without = make(meter, by={})
    without.restore(first.snapshot())
    assert set(meter.levels.values()) == {0}
    without.step(spans([("a", "eu", True)]), lambda _: None)
    meter = MemoryMeter()
    again = make(meter)

    again.restore(without.snapshot())

    assert shown(meter) == {("a", "eu", True): 1}
    assert json.loads(again.snapshot())["runs"] == [0, 1]


def test_where_the_past_is_not_known_what_was_told_is_told_as_zero() -> None:
    meter = MemoryMeter()
    counter = make(meter)
    counter.step(spans([("a", "eu", True)]), lambda _: None)

    assert isinstance(counter, Cumulative)
    counter.begin_again()

    assert meter.level(SLI_EVENTS, slo_id="runs", outcome="bad", agent="a", region="eu") == 0


def test_a_step_that_is_undone_leaves_no_events_behind() -> None:
    meter = MemoryMeter()
    counter = make(meter)
    counter.step(spans([("a", "eu", True)]), lambda _: None)
    before = counter.snapshot()
    counter.step(spans([("a", "eu", True), ("b", "eu", True)]), lambda _: None)

    counter.restore(before)

    assert shown(meter) == {("a", "eu", True): 1}


def test_a_label_may_be_called_as_anything_that_is_called_in_here() -> None:
    meter = SelfMeter()
    by = {"name": {"attribute": "gen_ai.agent.name"}, "value": {"attribute": "region"}}

    make(meter, by=by).step(spans([("a", 'e"u', True), ("b", "", True)]), lambda _: None)

    page = exposition(meter.registry).decode()
    assert f'{SLI_EVENTS}{{slo_id="runs",outcome="bad",name="a",value="e\\"u"}} 1' in page
    assert f'{SLI_EVENTS}{{slo_id="runs",outcome="bad",name="b"}} 1' in page


def test_the_connector_puts_the_labels_out_as_attributes() -> None:
    whole = SliConnectorConfig.model_validate(config())
    connector, out = CONNECTOR.create(whole, settings(Path("unused"))), list[Batch]()

    connector.step(spans([("a", "", True)]), lambda _: None)
    due = connector.next_deadline()
    assert due is not None
    connector.tick(due, out.append)

    request = ExportMetricsServiceRequest.FromString(out[0].payload)
    (metric,) = request.resource_metrics[0].scope_metrics[0].metrics
    assert [
        ({each.key: each.value.string_value for each in point.attributes}, point.as_int)
        for point in metric.sum.data_points
    ] == [
        ({"slo_id": "runs", "outcome": "good", "agent": "a"}, 0),
        ({"slo_id": "runs", "outcome": "bad", "agent": "a"}, 1),
    ]


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"by": {"outcome": {}}}, "every counter has the label outcome already"),
        ({"by": {"a-b": {}}}, "should match pattern"),
        ({"by": {"a": {"values": ["x", "y"]}}, "limit": 1}, "2 label sets, more than the limit"),
        ({"by": {key: {} for key in "abcde"}}, "at most 4 items"),
    ],
)
def test_labels_that_cannot_be_told_are_refused(more: dict[str, object], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        SliConfig.model_validate(config(**more))
