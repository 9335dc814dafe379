"""Fetching every so often goes on, whatever one turn comes to."""

from __future__ import annotations

import asyncio

import pytest

from collectors.component import Context, Signal
from collectors.net.counts import ReceiverCounts
from collectors.net.periodic import Fetched, Periodic
from collectors.testing import MemoryIntake, MemoryMeter


class Faulty(MemoryIntake):
    """Fails once, in a way that nobody foresees."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    async def submit(
        self,
        signal: Signal,
        payload: bytes,
        items: int,
        context: Context,
        emitted_ns: tuple[int, int] | None = None,
    ) -> None:
        self.calls += 1
        if self.calls == 1:
            msg = "unforeseen"
            raise LookupError(msg)
        await super().submit(signal, payload, items, context, emitted_ns)


def test_a_reading_that_could_not_be_handed_over_is_told_and_the_next_one_is_read(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def fetch() -> Fetched:
        return Fetched(b"x", 1)

    async def main() -> None:
        intake, counts = Faulty(), ReceiverCounts(MemoryMeter(), "host", "psutil")
        periodic = Periodic("host", fetch, intake, Context(), counts)
        periodic.start(0.01, 0.0)
        async with asyncio.timeout(10):
            while not intake.taken:  # noqa: ASYNC110 - the intake tells nobody
                await asyncio.sleep(0.005)
        await periodic.stop()

    asyncio.run(main())

    assert "host: nothing could be read, or handed over" in caplog.text
