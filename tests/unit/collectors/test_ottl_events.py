"""Conditions on the events of spans: their own paths, and those of their span."""

from __future__ import annotations

import pytest

from collectors.component import Signal
from collectors.ottl import CONTEXTS, Condition, ConditionError
from collectors.wire.scan import scan
from tests.sampling_plans import START_NS, Step, request, trace_id

STEPS = [
    Step(name="none"),
    Step(name="first", attributes={"k": "v"}, events=[{"name": "log"}]),
    Step(
        name="second",
        resource={"service.name": "shop"},
        status="ERROR",
        events=[
            {"name": "log", "attributes": {"level": 3}},
            {"name": "exception", "attributes": {"type": "IOError"}},
        ],
    ),
]
PAYLOAD = request([(trace_id(1), of) for of in STEPS])


def spans_of(text: str) -> list[int]:
    """The span of each event that the condition holds for."""
    condition = Condition(text, CONTEXTS["spanevent"])
    rows = condition.context.rows(scan(Signal.TRACES, PAYLOAD))
    found: list[int] = rows.entry[condition(rows)].tolist()
    return found


@pytest.mark.parametrize(
    ("text", "spans"),
    [
        ('name == "log"', [1, 2]),
        ('spanevent.name == "exception"', [2]),
        ('attributes["type"] == "IOError"', [2]),
        ('attributes["level"] > 2', [2]),
        ('attributes["type"] == nil', [1, 2]),
        ('span.name == "second"', [2, 2]),
        ('span.attributes["k"] == "v"', [1]),
        ("span.status.code == STATUS_CODE_ERROR", [2, 2]),
        ('resource.attributes["service.name"] == "shop" and name == "log"', [2]),
        (f"span.start_time_unix_nano == {START_NS}", [1, 2, 2]),
        ("time_unix_nano > 0", []),
        ('span.kind.string == "Unspecified" and not IsMatch(name, "^ex")', [1, 2]),
    ],
)
def test_a_condition_is_asked_of_each_event(text: str, spans: list[int]) -> None:
    assert spans_of(text) == spans


@pytest.mark.parametrize("text", ["IsRootSpan()", "kind == 1", "span.attributes == 1"])
def test_what_events_do_not_have_is_refused(text: str) -> None:
    with pytest.raises(ConditionError):
        Condition(text, CONTEXTS["spanevent"])


def test_a_request_without_events_has_no_rows() -> None:
    context = CONTEXTS["spanevent"]
    condition = Condition('name == "x"', context)
    rows = context.rows(scan(Signal.TRACES, request([(trace_id(1), Step())])))

    assert condition(rows).shape == (0,)
