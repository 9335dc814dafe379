"""A daemon whose files are damaged or cut off before it is started again."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from pathlib import Path

from collectors.log import OsFileSystem
from collectors.log.segment import Frame, SegmentName, frames
from collectors.service import (
    Durability,
    Service,
    ServicePlan,
)
from tests.collector_parts import ScriptedExporter
from tests.collector_setup import Setup, SumView, buffered, until


def plan_of(setup: Setup, durability: Durability = Durability.FSYNC) -> ServicePlan:
    """The setup's plan without what holds items."""
    plan = setup.plan()
    return replace(
        plan,
        pipelines={n: p for n, p in plan.pipelines.items() if n != "traces/held"},
        storage=replace(plan.storage, durability=durability),
        grace_seconds=0.5,
    )


def fresh(setup: Setup, directory: Path) -> Setup:
    """The same daemon in another process: nothing of it is left in memory."""
    return replace(
        setup,
        directory=directory,
        left=ScriptedExporter(setup.left.answer),
        right=ScriptedExporter(setup.right.answer),
        view=SumView(),
    )


def records_of(log: Path) -> list[tuple[Path, int, Frame]]:
    """Segment, start and frame of every record of a log, in order."""
    found: list[tuple[Path, int, Frame]] = []
    for path in sorted(log.glob("*.seg")):
        name = SegmentName.parse(path.name)
        assert name is not None
        with closing(OsFileSystem().open(path)) as file:
            found += [(path, f.end - f.record.size_bytes, f) for f in frames(file, name)]
    return found


def overwrite(path: Path, position: int, data: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(position)
        file.write(data)


@asynccontextmanager
async def started(plan: ServicePlan, boot: str = "boot 1") -> AsyncGenerator[Service]:
    service = Service(plan, boot=lambda: boot)
    await service.start()
    try:
        yield service
    finally:
        await service.stop()


async def settled(service: Service) -> None:
    """Everything that came in went out, and the graph is through with its replay."""
    await until(lambda: service.is_ready() and not buffered(service))
