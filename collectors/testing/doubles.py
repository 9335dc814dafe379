"""What a component is given under test: an intake, a meter, a host, settings, in memory."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from collectors.component import Batch, Context, Meter, Refused, Rejected, Settings, Signal
from collectors.waiting import Gone, Place, Shelf


@dataclass(frozen=True, slots=True)
class Taken:
    """One request that an intake took."""

    signal: Signal
    payload: bytes
    items: int
    context: Context


@dataclass(slots=True)
class MemoryIntake:
    """Keeps what is submitted; answers with the next of `answers` while there are any.

    Attributes:
        answers: None takes the request, an exception is raised instead.
    """

    taken: list[Taken] = field(default_factory=list[Taken])
    answers: deque[Refused | Rejected | None] = field(
        default_factory=deque["Refused | Rejected | None"]
    )

    async def submit(
        self,
        signal: Signal,
        payload: bytes,
        items: int,
        context: Context,
        emitted_ns: tuple[int, int] | None = None,
    ) -> None:
        """Take the request, or raise what was prepared."""
        del emitted_ns
        answer = self.answers.popleft() if self.answers else None
        if answer is not None:
            raise answer
        self.taken.append(Taken(signal, payload, items, context))

    def items(self) -> int:
        """Items of all that was taken."""
        return sum(taken.items for taken in self.taken)


@dataclass(slots=True)
class MemoryMeter:
    """Sums up what is counted, by name and labels."""

    counts: Counter[tuple[str, tuple[tuple[str, str], ...]]] = field(
        default_factory=Counter[tuple[str, tuple[tuple[str, str], ...]]]
    )
    gauges: dict[str, float] = field(default_factory=dict[str, float])
    levels: dict[tuple[str, tuple[tuple[str, str], ...]], float] = field(
        default_factory=dict[tuple[str, tuple[tuple[str, str], ...]], float]
    )

    def add(self, name: str, value: int, **labels: str) -> None:
        """Add to a counter."""
        self.counts[name, tuple(sorted(labels.items()))] += value

    def observe(self, name: str, value: float, count: int = 1, **labels: str) -> None:
        """Count observations."""
        del value
        self.counts[name, tuple(sorted(labels.items()))] += count

    def set(self, name: str, value: float, /, **labels: str) -> None:
        """Set a gauge, or a counter whose total is state."""
        self.gauges[name] = value
        self.levels[name, tuple(sorted(labels.items()))] = value

    def level(self, name: str, **labels: str) -> float:
        """What was set last under exactly `labels`."""
        return self.levels[name, tuple(sorted(labels.items()))]

    def total(self, name: str, **labels: str) -> int:
        """The sum of a counter over all label sets that hold `labels`."""
        wanted = set(labels.items())
        return sum(
            value
            for (of, pairs), value in self.counts.items()
            if of == name and wanted <= set(pairs)
        )


@dataclass(slots=True)
class MemoryShelf:
    """Keeps what is held in memory; an inbox record is there once it was placed.

    Attributes:
        payloads: By place.
        decisions: What was noted.
        held: Next offset in the held log.
    """

    payloads: dict[Place, bytes] = field(default_factory=dict[Place, bytes])
    decisions: list[bytes] = field(default_factory=list[bytes])
    held: int = 0

    def place(self, batch: Batch) -> Place:
        """The batch's own offset, else a place in the held log."""
        if batch.origin is None:
            return self.hold(batch.payload)
        self.payloads[Place(batch.origin)] = batch.payload
        return Place(batch.origin)

    def hold(self, payload: bytes) -> Place:
        """A new place in the held log."""
        place, self.held = Place(-1 - self.held), self.held + 1
        self.payloads[place] = payload
        return place

    def read(self, place: Place) -> bytes:
        """What was put there, unless the test has taken it away."""
        payload = self.payloads.get(place)
        if payload is None:
            msg = f"nothing stands at {place}"
            raise Gone(msg)
        return payload

    def note(self, decision: bytes) -> None:
        """Keep it."""
        self.decisions.append(decision)


@dataclass(slots=True)
class MemoryHost:
    """A daemon that is ready or not, as the test says."""

    ready: bool = True

    def is_ready(self) -> bool:
        """What the test said."""
        return self.ready


def settings(
    data: Path,
    component_id: str = "under_test",
    signals: Sequence[Signal] = tuple(Signal),
    meter: Meter | None = None,
    shelf: Shelf | None = None,
) -> Settings:
    """Settings as the daemon makes them."""
    return Settings(component_id, signals, meter or MemoryMeter(), data, shelf=shelf)
