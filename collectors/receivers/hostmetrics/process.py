"""What each process tells about itself. Command lines are left out: they hold secrets.

Source: OpenTelemetry semantic conventions, "Process metrics" and "Process".
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import psutil

from collectors.net.readings import Group, Reading, Scalar, Shape
from collectors.receivers.hostmetrics.config import ProcessConfig
from collectors.receivers.hostmetrics.host import wanted

_FIELDS: Final = (
    "pid",
    "ppid",
    "name",
    "exe",
    "username",
    "create_time",
    "cpu_times",
    "memory_info",
    "num_threads",
    "io_counters",
)


def read_processes(config: ProcessConfig, host: dict[str, Scalar]) -> Iterator[Group]:
    """A group for each process that `config` wants; what may not be seen is left out."""
    for process in psutil.process_iter(list(_FIELDS), ad_value=None):
        found: dict[str, object] = process.info
        name = str(found["name"] or "")
        if not wanted(name, config.include, config.exclude):
            continue
        resource: dict[str, Scalar] = {**host, "process.pid": process.pid}
        for key, field in (
            ("process.parent_pid", "ppid"),
            ("process.executable.name", "name"),
            ("process.executable.path", "exe"),
            ("process.owner", "username"),
        ):
            value = found[field]
            if isinstance(value, str | int) and value != "":
                resource[key] = value
        created = found["create_time"]
        start_ns = int(created * 1e9) if isinstance(created, float) else 0
        yield Group(resource, list(_readings(found)), start_ns)


def _readings(found: dict[str, object]) -> Iterator[Reading]:
    times, memory = found["cpu_times"], found["memory_info"]
    for state in ("user", "system"):
        seconds: object = getattr(times, state, None)
        if isinstance(seconds, float):
            yield Reading("process.cpu.time", "s", Shape.COUNTER, seconds, {"state": state})
    for name, field in (("process.memory.usage", "rss"), ("process.memory.virtual", "vms")):
        size: object = getattr(memory, field, None)
        if isinstance(size, int):
            yield Reading(name, "By", Shape.UP_DOWN, size)
    threads = found["num_threads"]
    if isinstance(threads, int):
        yield Reading("process.threads", "{thread}", Shape.UP_DOWN, threads)
    for direction in ("read", "write"):
        moved: object = getattr(found["io_counters"], f"{direction}_bytes", None)
        if isinstance(moved, int):
            yield Reading("process.disk.io", "By", Shape.COUNTER, moved, {"direction": direction})
