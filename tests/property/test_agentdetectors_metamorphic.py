"""However telemetry of agents is cut, merged, mixed or parted by restarts: the same is found."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from random import Random

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from collectors.component import Batch, Context, Signal
from tests.agent_watch import SECOND, TICK, WALL_NS, Said, Seen, pairs, process, seen, watcher

AGENTS = [process("worker", str(number), service__version="1.2") for number in range(6)]
SEEDS = [1, 2, 3, 4]
DURATION = "mas.policy.propagation.duration"
BETWEEN = {"actions": {"conflict_window": "57s"}, "revisions": {"grace": "37s"}}
"""Windows that end a second away from any event, so that lateness is no other history."""


@dataclass(frozen=True)
class Event:
    """One log record, or one span, and when it arrives."""

    signal: Signal
    agent: int
    at: float
    number: int
    said: Said
    trace: str = ""
    late: float = 0.0


def history(random: Random) -> list[Event]:
    """Three minutes in a fleet in which enough goes wrong; two seconds part what depends."""
    found: list[Event] = []

    def happen(signal: Signal, agent: int, at: float, trace: str = "", **said: str | int) -> None:
        words = {key.replace("__", "."): value for key, value in said.items()}
        found.append(Event(signal, agent, at, len(found) + 1, words, trace))

    silent = random.randrange(6)
    for step in range(12):
        at = 1.0 + TICK * step
        for agent in range(6):
            if agent != silent or step < 4:
                happen(Signal.LOGS, agent, at, mas__agent__state="healthy")
            use = {"mas__policy__name": "guard", "mas__policy__version": str(step // 4)}
            happen(Signal.TRACES, agent, at, f"t{agent}", **(use if agent % 2 else {"x": 1}))
        for number in range(8):
            agent, target = random.randrange(6), f"target{random.randrange(4)}"
            what = {
                "mas__action__type": random.choice(["scale", "restart"]),
                "mas__action__target": target,
                "mas__action__value": random.choice("abc"),
                "mas__lease__epoch": random.choice([0, 0, 0, step + 1]),
            }
            happen(
                random.choice([Signal.LOGS, Signal.TRACES]),
                agent,
                at + number // 2 * 2,
                "u",
                **what,
            )
        for _ in range(random.randrange(3)):
            called = {"gen_ai__operation__name": "execute_tool", "gen_ai__tool__name": "search"}
            arguments = {"gen_ai__tool__call__arguments": random.choice(["{}", "[]"])}
            agent = random.randrange(6)
            happen(Signal.TRACES, agent, at, f"run{step // 4}", **called, **arguments)
    return found


def request(events: Sequence[Event]) -> Batch:
    """One request of events of one signal that arrive at one time."""
    logs, traces = ExportLogsServiceRequest(), ExportTraceServiceRequest()
    for of in events:
        end_ns = WALL_NS + round(of.at * SECOND) + of.number
        if of.signal is Signal.LOGS:
            scope = logs.resource_logs.add(resource=AGENTS[of.agent]).scope_logs.add()
            scope.log_records.add(time_unix_nano=end_ns, attributes=pairs(of.said))
        else:
            spans = traces.resource_spans.add(resource=AGENTS[of.agent]).scope_spans.add().spans
            spans.add(
                trace_id=of.trace.encode().rjust(16, b"-"),
                span_id=of.number.to_bytes(8, "big"),
                name="x",
                end_time_unix_nano=end_ns,
                attributes=pairs(of.said),
            )
    signal, at = events[0].signal, events[0].at + events[0].late
    payload = (logs if signal is Signal.LOGS else traces).SerializeToString()
    steady_ns = round(at * SECOND)
    return Batch(signal, payload, len(events), Context(), steady_ns, WALL_NS + steady_ns)


def merged(events: list[Event]) -> list[Batch]:
    """All of one time and signal in one request."""
    groups: dict[tuple[float, Signal], list[Event]] = {}
    for of in sorted(events, key=lambda event: event.at):
        groups.setdefault((of.at, of.signal), []).append(of)
    return [request(of) for of in groups.values()]


def found(batches: Iterable[Batch], *, restarts: bool = False) -> list[Seen]:
    """What is seen at each tick."""
    of, out = watcher(BETWEEN), []
    for batch in batches:
        while (due := of.next_deadline()) is not None and due <= batch.steady_ns:
            made: list[Batch] = []
            of.tick(due, made.append)
            out.append(seen(made))
        of.step(batch, lambda _: None)
        if restarts:
            state, of = of.snapshot(), watcher(BETWEEN)
            of.restore(state)
    for _ in range(4):
        made = []
        of.tick(of.next_deadline() or 0, made.append)
        out.append(seen(made))
    return out


def cut(events: list[Event], _: Random) -> list[Batch]:
    return [request([of]) for of in sorted(events, key=lambda event: event.at)]


def mixed(events: list[Event], random: Random) -> list[Batch]:
    """In any order, as far as they arrive at one time."""
    events = random.sample(events, len(events))
    return cut(events, random)


def mixed_and_merged(events: list[Event], random: Random) -> list[Batch]:
    return merged(random.sample(events, len(events)))


def late(events: list[Event], random: Random) -> list[Batch]:
    """Each on its own, some of them almost a second late: they overtake each other."""
    moved = [
        replace(of, late=0.0 if of.at == 1.0 else random.choice([0.0, 0.3, 0.6, 0.9]))
        for of in events
    ]
    return [request([of]) for of in sorted(moved, key=lambda event: event.at + event.late)]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("other", [cut, mixed, mixed_and_merged])
def test_cutting_merging_and_mixing_changes_nothing(
    seed: int, other: Callable[[list[Event], Random], list[Batch]]
) -> None:
    events = history(Random(seed))
    straight = found(merged(events))

    assert found(other(events, Random(seed))) == straight
    names = {name for name, _ in straight[-1]}
    for name in ("mas.agent.action.conflicts", "mas.action.reversals", "mas.agent.count"):
        assert name in names
        assert any(value for (of, _), value in straight[-1].items() if of == name)


@pytest.mark.parametrize("seed", SEEDS)
def test_overtaking_changes_nothing_but_times_by_as_much_as_it_is_late(seed: int) -> None:
    events = history(Random(seed))
    straight, overtaken = found(merged(events)), found(late(events, Random(seed)))

    for told, other in zip(straight, overtaken, strict=True):
        assert without_times(other) == without_times(told)
        assert other.keys() == told.keys()
        for key in told.keys() - without_times(told).keys():
            adopted = told[DURATION, key[1]]
            assert abs(other[key] - told[key]) <= adopted
    assert any(straight[-1][of] for of in straight[-1] if of[0] == DURATION)


def without_times(told: Seen) -> Seen:
    """A duration is the time between two arrivals."""
    return {key: value for key, value in told.items() if key[0] != f"{DURATION}.sum"}


@pytest.mark.parametrize("seed", SEEDS)
def test_a_restart_after_every_request_changes_nothing(seed: int) -> None:
    events = history(Random(seed))

    assert found(merged(events), restarts=True) == found(merged(events))


def test_what_is_sent_twice_is_found_once() -> None:
    events = history(Random(5))
    twice = [of for batch in merged(events) for of in (batch, batch)]

    assert found(twice) == found(merged(events))
