"""A process with a daemon in it that a request, or a tick, ends.

Arguments: a directory, which of both (`step` or `tick`), perhaps `send`.
"""

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
from tests.collector_parts import Hold, ScriptedExporter, span_names
from tests.collector_setup import TRACES, Setup, running, until


class Deadly(Stateless):
    """Ends the process as a crash in C code would."""

    def step(self, batch: Batch, out: Emit) -> None:
        if b"deadly" in batch.payload:
            os.kill(os.getpid(), signal.SIGKILL)
        out(batch)


class DeadlyTick(Hold):
    """Ends the process as soon as it is told the time while it holds something deadly."""

    def tick(self, steady_ns: int, out: Emit) -> None:
        if self.snapshot().count(b"deadly"):
            os.kill(os.getpid(), signal.SIGKILL)
        super().tick(steady_ns, out)


def deadly(_: Settings) -> Processor:
    return Deadly() if sys.argv[2] == "step" else DeadlyTick(100)


async def main(directory: Path, *, sends: bool) -> None:
    def write(batch: Batch) -> Delivery:
        with (directory / "delivered").open("a") as file:
            file.writelines(f"{name}\n" for name in span_names(batch.payload))
        return Delivery()

    setup = Setup(directory / "data", left=ScriptedExporter(write))
    plan = setup.plan()
    held = replace(plan.pipelines["traces/held"], processors=("hold",))
    pipelines = {"traces": held}
    if sys.argv[2] == "tick":
        direct = replace(held, processors=())
        pipelines = {"traces": direct, "traces/held": replace(held, exporters=("right",))}
    plan = replace(plan, processors={"hold": ProcessorPlan(create=deadly)}, pipelines=pipelines)
    async with running(setup, plan) as service:
        if sends:
            await asyncio.gather(*(setup.send(name) for name in ("before", "deadly", "after")))
            if sys.argv[2] == "tick":
                await asyncio.Event().wait()  # until the end
        await until(service.is_ready)
        await setup.send("last")
        held_items = 4 if sys.argv[2] == "tick" else 0
        await until(lambda: service.books.balance(TRACES).buffered == held_items)
        sys.stdout.write(f"{service.books.balance(TRACES).imbalance}\n")


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sends=len(sys.argv) > 3))
