"""Runs that go round in circles are found, and those that do not are not."""

from __future__ import annotations

import pytest

from collectors.component import Signal
from collectors.instrument.dialects import Speaker
from tests.agent_spans import Recording
from tests.agent_watch import COUNT, LOOPS, MISSING, A, Fleet, settle, tool


def test_a_tool_called_three_times_alike_is_a_loop_once() -> None:
    fleet = Fleet()
    for number in range(6):
        fleet.span(A, tool("search", "{}"), tool("read", str(number)))
        fleet.pass_time(5)
    settle(fleet)

    assert fleet.value(LOOPS, mas__loop__kind="repetition", gen_ai__agent__name="worker") == 1
    assert fleet.value(LOOPS) == 1


@pytest.mark.parametrize(("config", "gap"), [({}, 90), ({"loops": {"ignore_tools": ["sea*"]}}, 5)])
def test_a_tool_that_is_polled_is_no_loop(config: dict[str, object], gap: float) -> None:
    fleet = Fleet(config)
    for _ in range(6):
        fleet.span(A, tool("search", "{}"))
        fleet.pass_time(gap)
    settle(fleet)

    assert fleet.value(LOOPS) == 0


def test_a_run_of_three_hours_is_no_loop() -> None:
    fleet = Fleet()
    for number in range(120):
        chat = {"gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai"}
        fleet.span(A, *[chat] * 30, tool("search", str(number)), tool("poll", "{}"))
        fleet.pass_time(90)

    assert fleet.value(LOOPS) == 0
    assert max(fleet.over_time(COUNT, **MISSING)) == 0


def test_a_run_that_does_not_end_is_found() -> None:
    fleet = Fleet({"loops": {"model_calls": 50}})
    for _ in range(60):
        fleet.span(A, {"gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai"})
        fleet.pass_time(1)
    settle(fleet)

    assert fleet.value(LOOPS, mas__loop__kind="no_termination") == 1


def test_work_that_goes_back_and_forth_three_times_is_ping_pong() -> None:
    fleet = Fleet()
    for number in range(7):
        ends = ("planner", "coder") if number % 2 == 0 else ("coder", "planner")
        said = {
            "gen_ai.operation.name": "handoff",
            "gen_ai.agent.name": ends[0],
            "gen_ai.handoff.to_agent": ends[1],
        }
        fleet.span(A, said)
        fleet.pass_time(1)
        if number == 4:
            settle(fleet)
            assert fleet.value(LOOPS) == 0
    settle(fleet)

    assert fleet.value(LOOPS, mas__loop__kind="ping_pong") == 1


def test_a_client_and_a_server_that_tell_one_call_are_no_repetition() -> None:
    fleet = Fleet()
    for scope in ("agent_framework", "app"):
        fleet.span(A, tool("search", "{}"), tool("search", "{}"), scope=scope)
    settle(fleet)

    assert fleet.value(LOOPS) == 0


@pytest.mark.parametrize("dialect", ["otel-genai", "openinference", "google-adk"])
def test_calls_without_arguments_say_nothing_of_loops(dialect: str) -> None:
    recording = Recording()
    speaker = Speaker(dialect, recording.provider)
    with speaker.invocation("planner"):
        for _ in range(5):
            with speaker.tool("search"):
                pass
    request = recording.request()
    fleet = Fleet()
    fleet.send(Signal.TRACES, request.SerializeToString(), 6)
    settle(fleet)

    assert fleet.value(LOOPS) == 0
    assert fleet.value(COUNT) == 1


@pytest.mark.parametrize(("silent", "counted"), [([], 0), (["fleetslo"], 1)])
def test_who_counts_loops_itself_is_not_counted_unless_its_metrics_do_not_come(
    silent: list[str], counted: int
) -> None:
    fleet = Fleet({"without_metrics": silent})
    for _ in range(4):
        fleet.span(A, tool("search", "{}"), scope="fleetslo.instrument")
        fleet.pass_time(5)
    settle(fleet)

    assert fleet.value(LOOPS) == counted
