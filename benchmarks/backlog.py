"""A destination is down while a backlog builds, then it comes back: resident memory all along."""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from pathlib import Path

import psutil

from benchmarks.ingest import SPANS, config, load, reachable, sink, start
from slo.servers import free_port

GIBI = 1 << 30
BACKLOG_BYTES = int(float(os.environ.get("BENCH_BACKLOG_GIB", "5")) * GIBI)


def held(folder: Path) -> int:
    """Bytes of the outbox that are not trimmed yet."""
    return sum(path.stat().st_size for path in folder.rglob("outbox/*.seg"))


async def build(otlp: int, folder: Path, process: psutil.Process) -> tuple[int, int]:
    """Requests acknowledged, and the highest resident memory meanwhile."""
    answered, highest = 0, 0
    while held(folder) < BACKLOG_BYTES:
        more, _ = await load(f"http://127.0.0.1:{otlp}/v1/traces", 8, 2.0)
        answered += more
        highest = max(highest, process.memory_info().rss)
    return answered, highest


async def drain(folder: Path, process: psutil.Process) -> tuple[float, int]:
    """Seconds until the backlog is gone, and the highest resident memory meanwhile."""
    began, highest = time.monotonic(), 0
    while held(folder) > BACKLOG_BYTES // 20:
        await asyncio.sleep(0.2)
        highest = max(highest, process.memory_info().rss)
    return time.monotonic() - began, highest


async def measure() -> None:
    otlp, out, metrics = free_port(), free_port(), free_port()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        configuration = config(folder, otlp, out, metrics)
        text = configuration.read_text().replace(
            "max_size: 4294967296", f"max_size: {3 * BACKLOG_BYTES}"
        )
        configuration.write_text(text)
        daemon = start(configuration)
        runner = None
        try:
            await reachable(f"http://127.0.0.1:{metrics}/metrics")
            process = psutil.Process(daemon.pid)
            idle = process.memory_info().rss
            answered, building = await build(otlp, folder, process)
            size = held(folder)
            runner = await sink(out)
            seconds, draining = await drain(folder, process)
        finally:
            daemon.terminate()
            daemon.wait(60)
            if runner is not None:
                await runner.cleanup()
    print(
        f"  {answered * SPANS:,} spans, {size / GIBI:.1f} GiB; resident {idle >> 20} MiB idle, "
        f"{building >> 20} MiB while it builds, {draining >> 20} MiB while it drains; "
        f"drained at {size / seconds / 2**20:,.0f} MiB/s"
    )


def main() -> None:
    print(f"backlog: {BACKLOG_BYTES / GIBI:.1f} GiB")
    asyncio.run(measure())
