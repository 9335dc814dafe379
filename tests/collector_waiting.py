"""A processor whose items wait on disk, small enough to be read."""

from __future__ import annotations

import json

from collectors.component import Batch, Context, Emit, Settings, Signal
from collectors.graph import ITEMS
from collectors.stateless import Stateless
from collectors.waiting import Gone, Pins, Place, Shelf

SECOND = 1_000_000_000
Waiting = tuple[int, int, int, int]
"""Steady time, place, items, bytes."""


class Wait(Stateless):
    """Decides on a request some seconds after it came: what says ``drop`` is dropped.

    One that says ``stay`` waits a hundred times as long. One that says ``revive`` goes out at
    once, behind everything that was dropped and can still be read.
    """

    def __init__(self, settings: Settings, seconds: float = 1.0) -> None:
        assert settings.shelf is not None
        self._shelf: Shelf = settings.shelf
        self._meter = settings.meter
        self._wait_ns = int(seconds * SECOND)
        self._waiting: list[Waiting] = []
        self._dropped: list[tuple[int, int]] = []
        self.moved = 0

    def step(self, batch: Batch, out: Emit) -> None:
        if b"poison" in batch.payload:
            self._waiting.clear()  # a half-done change, which must not survive
            msg = "poison"
            raise RuntimeError(msg)
        until = batch.steady_ns + self._wait_ns * (100 if b"stay" in batch.payload else 1)
        if b"revive" in batch.payload:
            self._revive(batch, out)
            return
        place = self._shelf.place(batch)
        self._waiting.append((until, place, batch.items, len(batch.payload)))
        self._waiting.sort(key=lambda waiting: waiting[0])

    def tick(self, steady_ns: int, out: Emit) -> None:
        while self._waiting and self._waiting[0][0] <= steady_ns:
            self._decide(self._waiting.pop(0), steady_ns, out)

    def next_deadline(self) -> int | None:
        return self._waiting[0][0] if self._waiting else None

    def held_items(self) -> int:
        return sum(items for _, _, items, _ in self._waiting)

    def snapshot(self) -> bytes:
        return json.dumps([self._waiting, self._dropped]).encode()

    def restore(self, state: bytes) -> None:
        waiting, dropped = json.loads(state)
        self._waiting = [(a, b, c, d) for a, b, c, d in waiting]
        self._dropped = [(a, b) for a, b in dropped]

    def pins(self) -> Pins:
        places = [place for _, place, _, _ in self._waiting]
        return Pins(
            min((place for place in places if place >= 0), default=None),
            min((-1 - place for place in places if place < 0), default=None),
        )

    def waiting_bytes(self) -> int:
        return sum(size for _, _, _, size in self._waiting)

    def relocate(self, inbox_before: int, held_before: int) -> None:
        for index, (until, place, items, size) in enumerate(self._waiting):
            if 0 <= place < inbox_before or place < 0 <= held_before + place:
                try:
                    moved = self._shelf.hold(self._shelf.read(Place(place)))
                except Gone:
                    continue
                self._waiting[index] = (until, moved, items, size)
                self.moved += 1

    def decide_early(self, most_bytes: int, steady_ns: int, out: Emit) -> None:
        while self._waiting and self.waiting_bytes() > most_bytes:
            self._decide(self._waiting.pop(0), steady_ns, out)

    def _decide(self, waiting: Waiting, steady_ns: int, out: Emit) -> None:
        _, place, items, _ = waiting
        try:
            payload = self._shelf.read(Place(place))
        except Gone:
            self._meter.add(ITEMS, items, outcome="lost")
            return
        self._shelf.note(b"drop" if b"drop" in payload else b"keep")
        if b"drop" in payload:
            self._meter.add(ITEMS, items, outcome="sampled_out")
            self._dropped.append((place, items))
        else:
            out(Batch(Signal.TRACES, payload, items, Context(), steady_ns, 0))

    def _revive(self, batch: Batch, out: Emit) -> None:
        dropped, self._dropped = self._dropped, []
        for place, items in dropped:
            try:
                payload = self._shelf.read(Place(place))
            except Gone:
                continue
            self._meter.add(ITEMS, items, outcome="made")
            out(Batch(Signal.TRACES, payload, items, batch.context, batch.steady_ns, 0))
        out(batch)
