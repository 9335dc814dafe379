"""The check of processors whose items wait on disk: `Waiting`, used as the daemon would."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from collectors.component import Batch, Meter, Processor, Signal
from collectors.graph import COUNTED, ITEMS
from collectors.testing.doubles import MemoryMeter, MemoryShelf
from collectors.testing.samples import batch
from collectors.waiting import Pins, Place, Shelf, Waiting

_BATCHES = 6
_MAX_TICKS = 1000
_EVERYTHING = 1 << 60

Make = Callable[[Shelf, Meter], Processor]
Put = tuple[bytes, int]
"""What was put out: payload and items."""


def check_waiting(make: Make, signals: Sequence[Signal]) -> None:
    """Only what is pinned is needed, and where it stands changes nothing that is put out.

    Args:
        make: Builds a fresh one that uses this shelf and this meter.
        signals: What it takes.
    """
    straight = _Play(make, signals).to_the_end()
    for what, disturb in (("trimmed", _trim), ("moved", _move)):
        disturbed = _Play(make, signals, disturb).to_the_end()
        assert disturbed == straight, f"what is put out changes if the shelf is {what}"
    _check_early(make, signals)
    _check_gone(make, signals)


def _check_early(make: Make, signals: Sequence[Signal]) -> None:
    play = _Play(make, signals)
    play.steps()
    assert play.processor.held_items() > 0, "the samples are to wait"
    assert play.waiting.waiting_bytes() > 0, "what waits has bytes"
    assert play.waiting.pins() != Pins(), "what waits is pinned"
    play.waiting.decide_early(0, play.now_ns, play.out.append)
    assert play.waiting.waiting_bytes() == 0, "decided early, nothing waits"
    assert play.waiting.pins() == Pins(), "what does not wait is not pinned"
    play.check_books()


def _check_gone(make: Make, signals: Sequence[Signal]) -> None:
    play = _Play(make, signals)
    play.steps()
    play.shelf.payloads.clear()
    play.waiting.relocate(_EVERYTHING, _EVERYTHING)
    play.to_the_end(steps=False)
    assert play.processor.held_items() == 0, "what is gone does not wait for ever"
    play.check_books()


@dataclass(slots=True)
class _Play:
    """A processor with its shelf, and what it has put out."""

    make: Make
    signals: Sequence[Signal]
    disturb: Callable[[_Play], None] = lambda _: None
    shelf: MemoryShelf = field(default_factory=MemoryShelf)
    meter: MemoryMeter = field(default_factory=MemoryMeter)
    out: list[Batch] = field(default_factory=list[Batch])
    entered: int = 0
    now_ns: int = 0
    processor: Processor = field(init=False)

    def __post_init__(self) -> None:
        self.processor = self.make(self.shelf, self.meter)

    @property
    def waiting(self) -> Waiting:
        assert isinstance(self.processor, Waiting), "it is to keep the protocol `Waiting`"
        return self.processor

    def steps(self) -> None:
        """Give it every other batch as it stands in the inbox, the others as edited ones."""
        offset = 0
        for seed in range(_BATCHES):
            for signal in self.signals:
                item = replace(batch(signal, seed=seed), origin=None if seed % 2 else offset)
                if item.origin is not None:
                    self.shelf.payloads[Place(item.origin)] = item.payload
                offset, self.entered, self.now_ns = (
                    offset + 1,
                    self.entered + item.items,
                    item.steady_ns,
                )
                self.processor.step(item, self.out.append)
                self.disturb(self)

    def to_the_end(self, *, steps: bool = True) -> list[Put]:
        """Go on until nothing waits any more."""
        if steps:
            self.steps()
        for _ in range(_MAX_TICKS):
            deadline = self.processor.next_deadline()
            if deadline is None:
                break
            self.processor.tick(deadline, self.out.append)
            self.disturb(self)
        return [(item.payload, item.items) for item in self.out]

    def check_books(self) -> None:
        """Every item went out, or was counted away."""
        gone = sum(
            self.meter.total(ITEMS, outcome=outcome) for outcome in COUNTED - {"made"}
        ) - self.meter.total(ITEMS, outcome="made")
        came_out = sum(item.items for item in self.out)
        unexplained = self.entered - came_out - gone - self.processor.held_items()
        assert unexplained == 0, f"{unexplained} items are unaccounted for"


def _trim(play: _Play) -> None:
    pins, payloads = play.waiting.pins(), play.shelf.payloads
    for place in list(payloads):
        pin, offset = (pins.inbox, place) if place >= 0 else (pins.held, -1 - place)
        if pin is None or offset < pin:
            del payloads[place]


def _move(play: _Play) -> None:
    play.waiting.relocate(_EVERYTHING, _EVERYTHING)
    assert play.waiting.pins().inbox is None, "what was moved stands in the held log"
    _trim(play)
