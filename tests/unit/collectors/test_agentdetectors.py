"""What the collector finds out about agents is what happened to them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from collectors.component import Batch, Signal
from collectors.config.load import Text, load
from collectors.config.registry import Registry
from collectors.config.tree import Surroundings
from collectors.connectors.agentdetectors.config import MADE
from collectors.cumulative import Cumulative
from collectors.graph import pack, unpack
from collectors.instrument.dialects import Speaker
from slo.catalog import Instrument, metrics
from tests.agent_spans import Recording
from tests.agent_watch import TICK, Fleet, process, watcher

A, B, C = (process("worker", name) for name in "abc")
COUNT, CHECKS, RESTARTS = "mas.agent.count", "mas.agent.health_checks", "mas.agent.restarts"
CONFLICTS, REVERSALS, LOOPS = (
    "mas.agent.action.conflicts",
    "mas.action.reversals",
    "mas.agent.loops",
)
STALE, ROLLBACKS, LEADERS = (
    "mas.policy.stale_agent.count",
    "mas.deployment.rollbacks",
    "mas.leader.count",
)
MISSING = {"mas__agent__state": "missing"}


def act(
    target: str, value: str = "", kind: str = "scale", **more: str | int
) -> dict[str, str | int]:
    said: dict[str, str | int] = {"mas.action.type": kind, "mas.action.target": target}
    if value:
        said["mas.action.value"] = value
    return said | {key.replace("__", "."): of for key, of in more.items()}


def tool(name: str, arguments: str, **more: str) -> dict[str, str]:
    return {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": name,
        "gen_ai.tool.call.arguments": arguments,
        **{key.replace("__", "."): of for key, of in more.items()},
    }


# ---------------------------------------------------------------- heartbeats


def test_a_silent_agent_is_missing_after_three_misses_and_not_before() -> None:
    fleet = Fleet()
    fleet.live(60, A, B)
    fleet.live(30, B)
    before = fleet.value(COUNT, **MISSING)
    fleet.live(15, B)

    assert before == 0
    assert fleet.value(COUNT, **MISSING) == 1
    assert fleet.value(COUNT, mas__agent__state="healthy") == 1
    assert fleet.value(CHECKS, mas__check__result="missed") == 3


def test_a_missing_agent_is_back_after_two_beats() -> None:
    fleet = Fleet()
    fleet.live(30, A)
    fleet.pass_time(60)
    fleet.live(15, A)
    once = fleet.value(COUNT, **MISSING)
    fleet.live(15, A)

    assert once == 1
    assert fleet.value(COUNT, **MISSING) == 0


def test_one_lost_heartbeat_of_everybody_is_nothing() -> None:
    fleet = Fleet()
    fleet.live(60, A, B, C)
    fleet.pass_time(TICK)
    fleet.live(60, A, B, C)

    assert max(fleet.over_time(COUNT, **MISSING)) == 0
    assert fleet.value(CHECKS, mas__check__result="pass") == 3 * len(fleet.history)


def test_an_agent_that_says_goodbye_is_never_missing_and_leaves_the_roster() -> None:
    fleet = Fleet()
    fleet.live(60, A, B)
    fleet.beat(A, state="draining")
    fleet.span(A, {"last": "words"})
    fleet.pass_time(TICK)
    draining = fleet.value(COUNT, mas__agent__state="draining")
    fleet.live(120, B)

    assert draining == 1
    assert max(fleet.over_time(COUNT, **MISSING)) == 0
    assert fleet.value(COUNT) == 1
    assert fleet.value(CHECKS, mas__check__result="missed") == 0


@pytest.mark.parametrize("overlap", [0, 30])
def test_a_rolling_deploy_is_restarts_and_nobody_is_missing(overlap: int) -> None:
    old = [process("worker", f"old{n}", service__version="1.0") for n in range(4)]
    new = [process("worker", f"new{n}", service__version="1.1") for n in range(4)]
    fleet = Fleet()
    fleet.live(120, *old)
    for at in range(4):
        if overlap:
            fleet.live(overlap, *new[: at + 1], *old[at:])
        fleet.live(60, *new[: at + 1], *old[at + 1 :])
    fleet.live(120, *new)

    assert max(fleet.over_time(COUNT, **MISSING)) == 0
    assert fleet.value(RESTARTS) == 4
    assert fleet.value(COUNT) == 4
    assert fleet.value("mas.deployments") == 1
    assert fleet.value(ROLLBACKS) == 0


def test_a_crash_among_agents_that_started_together_is_no_deploy() -> None:
    fleet = Fleet()
    fleet.live(60, A, B, C)
    fleet.live(90, B, C)

    assert fleet.value(COUNT, **MISSING) == 1
    assert fleet.value(RESTARTS) == 0


def test_a_newcomer_takes_the_place_of_one_agent_and_not_of_two() -> None:
    fleet = Fleet()
    fleet.live(120, A, B, C)
    fleet.live(90, C, process("worker", "new"))

    assert fleet.value(RESTARTS) == 1
    assert fleet.value(COUNT, **MISSING) == 1


def test_an_agent_of_another_class_replaces_nobody() -> None:
    fleet = Fleet()
    fleet.live(120, A, B)
    fleet.live(90, B, process("planner", "new"))

    assert fleet.value(RESTARTS) == 0
    assert fleet.value(COUNT, **MISSING) == 1


def test_an_agent_that_only_works_may_be_idle() -> None:
    fleet = Fleet()
    fleet.span(A, {"gen_ai.operation.name": "chat"})
    for _ in range(21):
        fleet.pass_time(TICK)
    before = fleet.value(COUNT, **MISSING)
    fleet.pass_time(2 * TICK)

    assert before == 0
    assert fleet.value(COUNT, **MISSING) == 1


def test_any_telemetry_is_a_sign_of_life() -> None:
    fleet = Fleet({"heartbeat": {"idle": "0s"}})
    request = ExportMetricsServiceRequest()
    request.resource_metrics.add(resource=A)
    fleet.span(A, {"gen_ai.operation.name": "chat"})
    fleet.pass_time(TICK)
    for _ in range(3):
        fleet.send(Signal.METRICS, request.SerializeToString(), 0)
        fleet.pass_time(TICK)
        fleet.record(A, {"some": "record"})
        fleet.pass_time(TICK)

    assert fleet.value(CHECKS, mas__check__result="pass") == len(fleet.history)


def test_a_clock_that_is_wrong_changes_nothing() -> None:
    fleet = Fleet()
    for _ in range(10):
        fleet.beat(A, skew=90.0)
        fleet.beat(B, skew=-3600.0)
        fleet.pass_time(TICK)

    assert max(fleet.over_time(COUNT, **MISSING)) == 0


def test_an_agent_that_stays_away_is_taken_off_the_roster() -> None:
    fleet = Fleet({"heartbeat": {"expiry": "2m"}})
    fleet.live(30, A, B)
    fleet.live(180, B)

    assert max(fleet.over_time(COUNT, **MISSING)) == 1
    assert fleet.value(COUNT) == 1


def test_agents_of_one_process_beat_by_their_ids() -> None:
    fleet = Fleet()
    for number in range(8):
        for agent in ("x", "y") if number < 4 else ("x",):
            fleet.record(A, {"mas.agent.heartbeat": True, "gen_ai.agent.id": agent})
        fleet.pass_time(TICK)

    assert fleet.value(COUNT, **MISSING) == 1


def test_a_sick_agent_is_degraded_and_fails_its_check() -> None:
    fleet = Fleet()
    fleet.beat(A, state="degraded")
    fleet.pass_time(TICK)
    fleet.pass_time(1)

    assert fleet.value(COUNT, mas__agent__state="degraded") == 1
    fleet.live(15, A)
    assert fleet.value(CHECKS, mas__check__result="fail") == 1


def test_the_roster_is_bounded_and_says_so() -> None:
    fleet = Fleet({"heartbeat": {"max_agents": 3}})
    fleet.beat(*(process("worker", str(number)) for number in range(5)))
    fleet.pass_time(TICK)

    assert fleet.value(COUNT) == 3
    assert fleet.meter.level("fleetslo_agent_facts_left_out_total", reason="agents") >= 2


def test_who_never_spoke_as_an_agent_is_not_missed() -> None:
    fleet = Fleet({"heartbeat": {"idle": "0s"}})
    fleet.record(process("web", "1"), {"some": "record"})
    fleet.span(process("db", "1"), {"db.system": "postgresql"})
    fleet.record(process("deployer", "1"), {"mas.rollback.trigger": "manual"})
    fleet.beat(A)
    fleet.live(60, A)

    assert fleet.value(COUNT) == 1


def test_a_snapshot_of_another_version_keeps_counters_and_begins_with_agents_anew() -> None:
    fleet = Fleet()
    busy(fleet)
    settle(fleet)
    before = fleet.value(CONFLICTS)
    parts = unpack(fleet.of.snapshot())
    words = json.loads(parts["words"])
    words["shape"] = ["another"]
    fleet.of = watcher()
    fleet.of.restore(pack({**parts, "words": json.dumps(words).encode()}))
    fleet.pass_time(TICK)

    assert before > 0
    assert fleet.value(CONFLICTS) == before
    assert fleet.value(COUNT) == 0


# ---------------------------------------------------------------- actions


def settle(fleet: Fleet) -> None:
    fleet.pass_time(3 * TICK)


def test_two_agents_that_do_the_same_are_a_duplicate_and_one_that_repeats_is_not() -> None:
    fleet = Fleet()
    fleet.record(A, act("db", "4"))
    fleet.pass_time(5)
    fleet.record(B, act("db", "4"))
    fleet.pass_time(5)
    fleet.record(A, act("cache", "1"))
    fleet.pass_time(5)
    fleet.record(A, act("cache", "1"))
    settle(fleet)

    assert fleet.value(CONFLICTS) == 1
    assert fleet.value(CONFLICTS, mas__conflict__type="duplicate", mas__action__type="scale") == 1


def test_two_agents_that_set_a_target_to_two_values_contradict() -> None:
    fleet = Fleet()
    fleet.span(A, act("db", "4"))
    fleet.pass_time(5)
    fleet.span(B, act("db", "6"))
    settle(fleet)

    assert fleet.value(CONFLICTS, mas__conflict__type="contradictory") == 1


def test_one_epoch_with_two_leaders_is_found() -> None:
    fleet = Fleet()
    fleet.record(A, act("x", "1", mas__lease__epoch=7))
    fleet.pass_time(5)
    fleet.record(B, act("y", "1", mas__lease__epoch=7))
    settle(fleet)

    assert fleet.value(CONFLICTS) == 1
    assert fleet.value(CONFLICTS, mas__conflict__type="double_leader") == 1


@pytest.mark.parametrize("outcome", ["rejected", "cancelled", "deferred"])
def test_what_was_not_done_does_not_clash(outcome: str) -> None:
    fleet = Fleet()
    for who in (A, B):
        fleet.span(who, act("db", "4", mas__action__outcome=outcome))
        fleet.pass_time(5)
    settle(fleet)

    assert fleet.value(CONFLICTS) == 0


def test_the_same_action_in_a_span_and_in_its_record_is_one() -> None:
    fleet = Fleet()
    for value in ("1", "2", "1"):
        said = act("db", value, mas__action__key=f"k{fleet.seconds}")
        fleet.span(A, said)
        fleet.record(A, said)
        fleet.pass_time(30)
    settle(fleet)

    assert fleet.value(REVERSALS, mas__action__type="scale") == 1
    assert fleet.value(CONFLICTS) == 0


def test_back_and_forth_is_reversals_and_up_and_up_is_none() -> None:
    fleet = Fleet()
    for step in range(8):
        fleet.record(A, act("db", "46"[step % 2]), act("web", str(step)))
        fleet.pass_time(60)
    settle(fleet)

    assert fleet.value(REVERSALS) == 6


def test_back_after_a_quarter_of_an_hour_is_no_reversal() -> None:
    fleet = Fleet()
    for value in ("4", "6"):
        fleet.record(A, act("db", value))
        fleet.pass_time(5)
    fleet.pass_time(15 * 60)
    fleet.record(A, act("db", "4"))
    settle(fleet)

    assert fleet.value(REVERSALS) == 0


def test_calls_of_tools_are_actions_where_the_configuration_says_so() -> None:
    tools = [{"tool": "scale_*", "type": "scale", "target": "service", "value": "replicas"}]
    fleet = Fleet({"actions": {"tools": tools}})
    for replicas in (4, 6, 4):
        fleet.span(A, tool("scale_up", f'{{"service": "db", "replicas": {replicas}}}'))
        fleet.pass_time(20)
    fleet.span(B, tool("scale_up", '{"service": "db", "replicas": 4}'), tool("scale_up", "no json"))
    settle(fleet)

    assert fleet.value(REVERSALS, mas__action__type="scale") == 1
    assert fleet.value(CONFLICTS, mas__conflict__type="duplicate") == 1


def test_actions_are_seen_at_zero_before_they_clash() -> None:
    fleet = Fleet()
    fleet.record(A, act("db", "4"))
    fleet.record(B, act("db", "4"))
    settle(fleet)

    assert fleet.over_time(CONFLICTS)[:2] == [0, 1]


# ---------------------------------------------------------------- loops


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


# ---------------------------------------------------------------- revisions, versions, leaders


def use(fleet: Fleet, who: Resource, revision: str) -> None:
    fleet.span(who, {"mas.policy.name": "guard", "mas.policy.version": revision})


def test_an_agent_that_goes_on_with_an_old_revision_is_stale() -> None:
    fleet = Fleet()
    for number in range(10):
        use(fleet, A, "v9" if number < 4 else "v10")
        use(fleet, B, "v9")
        fleet.pass_time(TICK)

    seen = fleet.over_time(STALE, mas__policy__name="guard")
    assert seen[:6] == [0] * 6
    assert seen[-1] == 1


def test_an_idle_agent_is_not_stale_for_what_it_used_before() -> None:
    fleet = Fleet()
    for who in (A, B):
        use(fleet, who, "1")
    fleet.pass_time(TICK)
    for _ in range(10):
        use(fleet, A, "2")
        fleet.beat(B)
        fleet.pass_time(TICK)

    assert max(fleet.over_time(STALE)) == 0


def test_a_stale_agent_that_catches_up_is_well_again() -> None:
    fleet = Fleet()
    for number in range(14):
        use(fleet, A, "2")
        use(fleet, B, "1" if number < 8 else "2")
        fleet.pass_time(TICK)

    assert max(fleet.over_time(STALE)) == 1
    assert fleet.value(STALE) == 0


def test_revisions_without_an_order_are_told_and_not_judged() -> None:
    fleet = Fleet()
    for _ in range(6):
        use(fleet, A, "fe12ab90")
        use(fleet, B, "0a12ab90")
        fleet.pass_time(TICK)

    assert fleet.value(STALE) == 0
    assert fleet.meter.level("fleetslo_agent_facts_left_out_total", reason="unordered") == 12


def run_version(fleet: Fleet, version: str, seconds: float = 60) -> None:
    fleet.live(seconds, process("worker", "a", service__version=version))


def test_a_version_that_goes_back_is_a_rollback_that_nobody_told() -> None:
    fleet = Fleet()
    for version in ("1.0", "1.1", "1.0"):
        run_version(fleet, version)

    assert fleet.value("mas.deployments", mas__service__tier="standard") == 1
    assert fleet.value(ROLLBACKS) == 1
    assert fleet.value(ROLLBACKS, mas__rollback__trigger="inferred") == 1


def test_a_rollback_that_was_told_is_counted_as_told() -> None:
    fleet = Fleet()
    run_version(fleet, "1.0")
    run_version(fleet, "1.1")
    fleet.record(process("deployer", "d"), {"mas.rollback.trigger": "auto"})
    run_version(fleet, "1.0")

    assert fleet.value(ROLLBACKS) == 1
    assert fleet.value(ROLLBACKS, mas__rollback__trigger="auto") == 1


def test_two_leaders_are_counted_and_one_that_stops_is_not() -> None:
    fleet = Fleet()
    claim = {"mas.election.group": "orchestrators", "mas.leader": True}
    for number in range(8):
        for who in (A, B) if number < 4 else (A,):
            fleet.record(who, claim)
        fleet.pass_time(TICK)

    seen = fleet.over_time(LEADERS, mas__election__group="orchestrators")
    assert seen[1] == 2
    assert seen[-1] == 1


# ---------------------------------------------------------------- the component


def busy(fleet: Fleet) -> None:
    """A bit of everything."""
    for step in range(12):
        fleet.beat(A, *(() if step in (3, 4, 5) else (B,)))
        fleet.record(A, act("db", "46"[step % 2]))
        fleet.span(B, act("db", "4"), tool("search", "{}"), trace=f"t{step // 4}")
        use(fleet, A, str(step // 3))
        use(fleet, B, "0")
        fleet.pass_time(TICK / 2)


def test_a_restart_anywhere_changes_nothing() -> None:
    straight = Fleet()
    busy(straight)
    settle(straight)

    class Restless(Fleet):
        def send(self, signal: Signal, payload: bytes, items: int) -> None:
            self.restart()
            super().send(signal, payload, items)
            self.restart()

    restless = Restless()
    busy(restless)
    restless.restart()
    settle(restless)

    assert restless.history == straight.history


def test_names_units_and_attributes_are_the_catalogues() -> None:
    fleet = Fleet()
    busy(fleet)
    out: list[Batch] = []
    fleet.of.tick(fleet.steady_ns + 60_000_000_000, out.append)

    (of_resource,) = ExportMetricsServiceRequest.FromString(out[0].payload).resource_metrics
    found = of_resource.scope_metrics[0].metrics
    assert {metric.name for metric in found} == set(MADE) - {LEADERS}
    for metric in found:
        entry = metrics().metric(metric.name)
        assert (metric.unit, metric.description) == (entry.unit, entry.meaning)
        assert metric.sum.is_monotonic == (entry.instrument is Instrument.COUNTER)
        known = {attribute.key: attribute for attribute in entry.attributes}
        for point in metric.sum.data_points:
            for pair in point.attributes:
                values = known[pair.key].values
                assert not values or pair.value.string_value in values


def test_counters_begin_again_and_agents_stay_known() -> None:
    fleet = Fleet()
    busy(fleet)
    settle(fleet)
    assert isinstance(fleet.of, Cumulative)
    fleet.of.begin_again()
    fleet.live(15, A)

    assert fleet.value(CONFLICTS) == 0
    assert fleet.value(COUNT) == 2


def test_hostile_values_are_bounded_and_raise_nothing() -> None:
    fleet = Fleet({"actions": {"max_actions": 50}, "loops": {"max_steps": 50}})
    for number in range(200):
        name = process("n" * 300 if number % 2 else f"service{number}", str(number % 7))
        fleet.record(
            name,
            act("t" * 5000 + str(number), "v", kind=f"kind{number}", mas__lease__epoch="9" * 40),
            {
                "mas.agent.state": "nonsense",
                "mas.policy.name": "p" * 999,
                "mas.policy.version": "1",
            },
        )
        fleet.span(name, tool("x", "[" * 5000, gen_ai__agent__name=f"agent{number}"))
    settle(fleet)
    kinds = {
        dict(labels)["mas.action.type"]
        for name, labels in fleet.history[-1]
        if name == REVERSALS and labels
    }

    assert len(kinds) <= 21
    assert fleet.meter.level("fleetslo_agent_facts_left_out_total", reason="actions") > 0
    assert fleet.meter.level("fleetslo_agent_facts_left_out_total", reason="runs") > 0


PIPELINE = """\
receivers: {{otlp: {{protocols: {{grpc: {{}}}}}}}}
connectors: {{agentdetectors: {block}}}
exporters: {{debug: {{}}}}
service:
  pipelines:
    logs: {{receivers: [otlp], exporters: [agentdetectors]}}
    metrics: {{receivers: [agentdetectors], exporters: [debug]}}
"""


@pytest.mark.parametrize(
    ("block", "said"),
    [
        ("{exclude_metrics: [mas.agent.loop]}", "did you mean mas.agent.loops?"),
        ("{heartbeat: {misses: 0}}", "must be at least 1, got 0"),
        ("{heartbeat: {expiry: 10s}}", "must not be shorter than heartbeat.misses intervals"),
        ("{loops: {repetitions: 1}}", "must be at least 2, got 1"),
        ("{actions: {tools: [{tool: x, type: y}]}}", "target"),
        ("{heartbeats: {}}", "heartbeat"),
    ],
)
def test_a_mistake_is_told_at_its_place(block: str, said: str) -> None:
    text = PIPELINE.format(block=block)
    around = Surroundings({}, lambda path: Path(path).name)

    _, problems = load([Text("c.yaml", text)], around, Registry.installed())

    assert any(said in f"{of.text} {of.help}" for of in problems), problems
    assert {of.place.line for of in problems if of.place} == {2}
