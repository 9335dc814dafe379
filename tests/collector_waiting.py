"""A processor whose items wait on disk, small enough to be read, and a daemon with it."""

from __future__ import annotations

import json
import os
import shutil
import threading
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from collectors.component import Batch, Context, Emit, Intake, Settings, Signal
from collectors.graph import ITEMS
from collectors.log import OsFileSystem
from collectors.log.disk import OsFile
from collectors.service import (
    ExporterPlan,
    PipelinePlan,
    ProcessorPlan,
    ReceiverPlan,
    Service,
    ServicePlan,
    StorageSettings,
    TelemetrySettings,
)
from collectors.stateless import Stateless
from collectors.waiting import Gone, Pins, Place, Shelf
from tests.collector_parts import ManualClock, ScriptedExporter, TestReceiver, span_names, spans

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


class Edit(Stateless):
    """Gives each span another name, so that its request stands in the inbox no more."""

    def step(self, batch: Batch, out: Emit) -> None:
        edited = spans(*(f"{name} edited" for name in span_names(batch.payload)))
        out(replace(batch, payload=edited))


class _StillFile(OsFile):
    def __init__(self, descriptor: int, gate: threading.Lock) -> None:
        super().__init__(descriptor)
        self._gate = gate

    def write(self, data: bytes, position: int) -> None:
        with self._gate:
            super().write(data, position)

    def allocate(self, size: int) -> None:
        with self._gate:
            super().allocate(size)

    def truncate(self, size: int) -> None:
        with self._gate:
            super().truncate(size)


class StillDisk(OsFileSystem):
    """A disk that stands still while it is copied: the copy is what a kill leaves behind."""

    def __init__(self) -> None:
        self._gate = threading.Lock()

    def copy(self, directory: Path, target: Path) -> None:
        with self._gate:
            shutil.copytree(directory, target)

    def create(self, path: Path) -> OsFile:
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        with self._gate:
            return _StillFile(os.open(path, flags, 0o600), self._gate)

    def open(self, path: Path) -> OsFile:
        return _StillFile(os.open(path, os.O_RDWR | os.O_CLOEXEC), self._gate)

    def rename(self, source: Path, target: Path) -> None:
        with self._gate:
            super().rename(source, target)

    def remove(self, path: Path) -> None:
        with self._gate:
            super().remove(path)


@dataclass
class WaitingSetup:
    """A daemon in which spans wait: as they came in one pipeline, edited in the other.

    Attributes:
        made: The processors, in order of their pipelines; the last two are those that run.
    """

    directory: Path
    seconds: float = 1.0
    out: ScriptedExporter = field(default_factory=ScriptedExporter)
    receivers: list[TestReceiver] = field(default_factory=list)
    made: list[Wait] = field(default_factory=list)
    clock: ManualClock = field(default_factory=ManualClock)
    disk: StillDisk = field(default_factory=StillDisk)
    kind: type[Wait] = Wait
    max_size_bytes: int = 8 << 20
    segment_bytes: int | None = 4096
    retain_seconds: float = 0.0

    def plan(self) -> ServicePlan:
        def receiver(settings: Settings, intake: Intake) -> TestReceiver:
            self.receivers.append(TestReceiver(settings, intake))
            return self.receivers[-1]

        def wait(settings: Settings) -> Wait:
            self.made.append(self.kind(settings, self.seconds))
            return self.made[-1]

        pipelines = {
            name: PipelinePlan(
                signal=Signal.TRACES, receivers=("in",), processors=processors, exporters=("out",)
            )
            for name, processors in (("traces", ("wait",)), ("traces/edited", ("edit", "wait")))
        }
        return ServicePlan(
            receivers={"in": ReceiverPlan(create=receiver)},
            processors={
                "wait": ProcessorPlan(create=wait, waits=True),
                "edit": ProcessorPlan(create=lambda _: Edit()),
            },
            connectors={},
            exporters={"out": ExporterPlan(create=lambda _: self.out)},
            extensions={},
            pipelines=pipelines,
            storage=StorageSettings(
                directory=self.directory,
                max_size_bytes=self.max_size_bytes,
                segment_bytes=self.segment_bytes,
                retain_seconds=self.retain_seconds,
                decisions_max_bytes=64 << 10,
            ),
            telemetry=TelemetrySettings(metrics_port=0),
            fingerprint="f",
            grace_seconds=2.0,
        )

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[Service]:
        service = Service(self.plan(), clock=self.clock, files=self.disk)
        await service.start()
        try:
            yield service
        finally:
            await service.stop()

    async def send(self, *names: str) -> None:
        intake = self.receivers[-1].intake
        await intake.submit(Signal.TRACES, spans(*names), len(names), Context(peer="10.0.0.1:9"))
