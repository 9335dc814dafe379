"""A whole daemon in which two pipelines let spans wait on disk."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine
from dataclasses import replace
from pathlib import Path

from collectors.component import Signal
from collectors.graph import OutboxWords
from collectors.log import Log, OsFileSystem, Record, Store, StoreSettings
from collectors.service import Service
from tests.collector_parts import ManualClock, ScriptedExporter, span_names
from tests.collector_setup import buffered, until
from tests.collector_waiting import WaitingSetup

TRACES = Signal.TRACES
PADDING = " " + "." * 300


def run(scenario: Callable[[], Coroutine[None, None, None]]) -> None:
    asyncio.run(scenario())


def shown(service: Service, name: str, **labels: str) -> float:
    """What a scrape shows."""
    service.meter.collect()
    return service.meter.value(name, **labels)


def records(directory: Path, name: str) -> list[Record]:
    """All records of a log that nobody owns."""
    log = Log(Store(OsFileSystem(), directory / name, StoreSettings()), cache_bytes=0)
    reader, found = log.reader(log.first_offset), list[Record]()
    while more := reader.read():
        found += more
    reader.close()
    log.close()
    return found


def outputs(directory: Path) -> list[tuple[str, str]]:
    """Pipeline and span of what lies in the outbox."""
    return [
        (OutboxWords.decode(record.meta).pipeline, name)
        for record in records(directory, "outbox")
        for name in span_names(record.payload)
    ]


def segments(directory: Path, name: str) -> list[int]:
    """Base offsets of the segments of a log."""
    return sorted(int(path.name.split("-")[0]) for path in (directory / name).glob("*.seg"))


def again(setup: WaitingSetup, directory: Path) -> WaitingSetup:
    """The same daemon in another process: nothing of it is left in memory."""
    return replace(
        setup,
        directory=directory,
        out=ScriptedExporter(),
        receivers=[],
        made=[],
        clock=ManualClock(),
    )


async def decided(setup: WaitingSetup, service: Service, seconds: float = 2.0) -> None:
    """Let time pass until nothing waits any more."""
    await until(service.is_ready)
    while buffered(service):
        setup.clock.forward(seconds)
        await asyncio.sleep(0.01)


def both(*spans: str) -> Counter[str]:
    """What both pipelines make of spans."""
    return Counter([*spans, *(f"{name} edited" for name in spans)])
