"""A process with a daemon in it that one request ends; arguments: a directory, perhaps `send`."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from dataclasses import replace
from pathlib import Path

from collectors.component import Batch, Delivery, Emit, Processor, Settings
from collectors.service import ProcessorPlan
from collectors.stateless import Stateless
from tests.collector_parts import ScriptedExporter, span_names
from tests.collector_setup import TRACES, Setup, running, until


class Deadly(Stateless):
    """Ends the process as a crash in C code would."""

    def step(self, batch: Batch, out: Emit) -> None:
        if b"deadly" in batch.payload:
            os.kill(os.getpid(), signal.SIGKILL)
        out(batch)


def deadly(_: Settings) -> Processor:
    return Deadly()


async def main(directory: Path, *, sends: bool) -> None:
    def write(batch: Batch) -> Delivery:
        with (directory / "delivered").open("a") as file:
            file.writelines(f"{name}\n" for name in span_names(batch.payload))
        return Delivery()

    setup = Setup(directory / "data", left=ScriptedExporter(write))
    plan = setup.plan()
    pipeline = replace(plan.pipelines["traces/held"], processors=("hold",))
    plan = replace(
        plan,
        processors={"hold": ProcessorPlan(create=deadly)},
        pipelines={"traces": pipeline},
    )
    async with running(setup, plan) as service:
        if sends:
            await asyncio.gather(*(setup.send(name) for name in ("before", "deadly", "after")))
        await until(service.is_ready)
        await setup.send("last")
        await until(lambda: service.books.balance(TRACES).buffered == 0)
        sys.stdout.write(f"{service.books.balance(TRACES).imbalance}\n")


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sends=len(sys.argv) > 2))
