"""The resources of this process, read from the operating system when metrics are collected.

Source: OpenTelemetry semantic conventions, "Semantic Conventions for OS Process Metrics".
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

import psutil
from opentelemetry.metrics import CallbackOptions, Meter, Observation

from slo.catalog import Instrument, metrics

Read = Callable[[psutil.Process], list[Observation]]


def observe_process(meter: Meter, process: psutil.Process | None = None) -> None:
    """Measure `process`, this one by default. Once per process, not per agent in it.

    What the operating system does not tell (disk bytes of another user's process) is left
    out of that collection.
    """
    watched = process or psutil.Process()
    readers: dict[str, Read] = {
        "process.cpu.time": _cpu,
        "process.memory.usage": lambda found: [Observation(found.memory_info().rss)],
        "process.thread.count": lambda found: [Observation(found.num_threads())],
        "process.unix.file_descriptor.count": lambda found: [Observation(found.num_fds())],
        "process.disk.io": _disk,
        "process.uptime": lambda found: [Observation(max(0.0, time.time() - found.create_time()))],
    }
    for name, read in readers.items():
        _observe(meter, name, watched, read)


def _observe(meter: Meter, name: str, process: psutil.Process, read: Read) -> None:
    """Let `meter` call `read` for the metric `name`."""

    def callback(_: CallbackOptions) -> Iterable[Observation]:
        try:
            return read(process)
        except (psutil.Error, OSError, NotImplementedError):
            return []

    metric = metrics().metric(name)
    create = {
        Instrument.COUNTER: meter.create_observable_counter,
        Instrument.UP_DOWN_COUNTER: meter.create_observable_up_down_counter,
        Instrument.GAUGE: meter.create_observable_gauge,
    }[metric.instrument]
    create(name, callbacks=[callback], unit=metric.unit, description=metric.meaning)


def _cpu(process: psutil.Process) -> list[Observation]:
    """Processor seconds by mode."""
    times = process.cpu_times()
    return [
        Observation(times.user, {"cpu.mode": "user"}),
        Observation(times.system, {"cpu.mode": "system"}),
    ]


def _disk(process: psutil.Process) -> list[Observation]:
    """Bytes read and written."""
    counters = process.io_counters()
    return [
        Observation(counters.read_bytes, {"disk.io.direction": "read"}),
        Observation(counters.write_bytes, {"disk.io.direction": "write"}),
    ]
