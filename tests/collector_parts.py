"""Small components and clocks from which tests put a daemon together."""

from __future__ import annotations

import json
from collections.abc import Callable

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from collectors.component import (
    Batch,
    Context,
    Delivery,
    Emit,
    Intake,
    Meter,
    Settings,
    Signal,
)
from collectors.graph import ITEMS
from collectors.stateless import Stateless


class ManualClock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.steady = 1_000_000_000
        self.wall = 1_700_000_000_000_000_000

    def steady_ns(self) -> int:
        return self.steady

    def wall_ns(self) -> int:
        return self.wall

    def resume(self, steady_ns: int) -> None:
        self.steady = max(self.steady, steady_ns)

    def forward(self, seconds: float) -> None:
        self.steady += int(seconds * 1e9)
        self.wall += int(seconds * 1e9)


class NoMeter:
    """Counts nothing."""

    def add(self, name: str, value: int, **labels: str) -> None:
        pass

    def observe(self, name: str, value: float, count: int = 1, **labels: str) -> None:
        pass

    def set(self, name: str, value: float, **labels: str) -> None:
        pass


def spans(*names: str) -> bytes:
    request = ExportTraceServiceRequest()
    scope = request.resource_spans.add().scope_spans.add()
    for name in names:
        scope.spans.add(name=name, end_time_unix_nano=1)
    return request.SerializeToString()


def span_names(payload: bytes) -> list[str]:
    request = ExportTraceServiceRequest.FromString(payload)
    return [s.name for r in request.resource_spans for c in r.scope_spans for s in c.spans]


def batch_of(payload: bytes, items: int, signal: Signal = Signal.TRACES) -> Batch:
    return Batch(signal, payload, items, Context(), 1_000_000_000, 1)


class Hold(Stateless):
    """Holds batches until there are `size` of them, or a second has passed."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._held: list[tuple[int, str, int]] = []

    def step(self, batch: Batch, out: Emit) -> None:
        if b"poison" in batch.payload:
            self._held.clear()  # a half-done change, which must not survive
            msg = "poison"
            raise RuntimeError(msg)
        self._held.append((batch.steady_ns, batch.payload.decode("latin1"), batch.items))
        if len(self._held) >= self._size:
            self._flush(batch, out)

    def tick(self, steady_ns: int, out: Emit) -> None:
        self._flush(Batch(Signal.TRACES, b"", 0, Context(), steady_ns, 0), out)

    def next_deadline(self) -> int | None:
        return self._held[0][0] + 1_000_000_000 if self._held else None

    def held_items(self) -> int:
        return sum(items for _, _, items in self._held)

    def snapshot(self) -> bytes:
        return json.dumps(self._held).encode()

    def restore(self, state: bytes) -> None:
        self._held = [(a, b, c) for a, b, c in json.loads(state)]

    def _flush(self, like: Batch, out: Emit) -> None:
        held, self._held = self._held, []
        for steady, payload, items in held:
            out(
                Batch(
                    like.signal, payload.encode("latin1"), items, like.context, steady, like.wall_ns
                )
            )


class Count(Stateless):
    """A connector: tells in a metric how many spans it has seen, ever."""

    def __init__(self, meter: Meter) -> None:
        self._meter = meter
        self._seen = 0

    def step(self, batch: Batch, out: Emit) -> None:
        self._seen += batch.items
        self._meter.add(ITEMS, batch.items, outcome="aggregated")
        self._meter.add(ITEMS, 1, outcome="made")
        payload = f"seen {self._seen}".encode()
        out(Batch(Signal.METRICS, payload, 1, batch.context, batch.steady_ns, batch.wall_ns))

    def snapshot(self) -> bytes:
        return str(self._seen).encode()

    def restore(self, state: bytes) -> None:
        self._seen = int(state)


class ScriptedExporter:
    """Answers as a function of the batch says; keeps what it answered for."""

    def __init__(self, answer: Callable[[Batch], Delivery] = lambda _: Delivery()) -> None:
        self.answer = answer
        self.attempts: list[Batch] = []
        self.taken: list[Batch] = []

    async def start(self) -> None:
        pass

    async def deliver(self, batch: Batch) -> Delivery:
        self.attempts.append(batch)
        delivery = self.answer(batch)
        self.taken.append(batch)
        return delivery

    async def stop(self) -> None:
        pass

    @property
    def names(self) -> list[str]:
        return [name for batch in self.taken for name in span_names(batch.payload)]


class TestReceiver:
    """Gives its intake to the test."""

    __test__ = False

    def __init__(self, settings: Settings, intake: Intake) -> None:
        self.settings = settings
        self.intake = intake

    async def start(self) -> None:
        pass

    async def stop(self) -> None:
        pass
