"""What a host tells about itself, under the names of OpenTelemetry's conventions.

Source: OpenTelemetry semantic conventions, "System metrics"; the Collector's hostmetrics.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Final, Protocol

import psutil

from collectors.net.readings import Reading, Scalar, Shape
from collectors.receivers.hostmetrics.config import (
    DiskConfig,
    FilesystemConfig,
    LoadConfig,
    NetworkConfig,
    ScrapersConfig,
)

_MILLISECONDS: Final = 1000
_STATUSES: Final = {
    psutil.STATUS_DISK_SLEEP: "blocked",
    psutil.STATUS_DEAD: "zombies",
    psutil.STATUS_IDLE: "idle",
    psutil.STATUS_LOCKED: "locked",
    psutil.STATUS_RUNNING: "running",
    psutil.STATUS_SLEEPING: "sleeping",
    psutil.STATUS_STOPPED: "stopped",
    psutil.STATUS_TRACING_STOP: "stopped",
    psutil.STATUS_ZOMBIE: "zombies",
}


class _Choice(Protocol):
    def fits(self, value: str, /) -> bool: ...


def wanted(value: str, include: _Choice | None, exclude: _Choice | None) -> bool:
    """Whether `value` is chosen by `include` and not by `exclude`."""
    return (include is None or include.fits(value)) and not (
        exclude is not None and exclude.fits(value)
    )


def read(config: ScrapersConfig) -> Iterator[Reading]:
    """Everything of the host that `config` asks for; processes apart."""
    if config.cpu is not None:
        yield from cpu()
    if config.memory is not None:
        yield from memory()
    if config.load is not None:
        yield from load(config.load)
    if config.disk is not None:
        yield from disk(config.disk)
    if config.filesystem is not None:
        yield from filesystem(config.filesystem)
    if config.network is not None:
        yield from network(config.network)
    if config.paging is not None:
        yield from paging()
    if config.processes is not None:
        yield from processes()


def cpu() -> Iterator[Reading]:
    """Seconds of each processor in each state."""
    for index, times in enumerate(psutil.cpu_times(percpu=True)):
        seconds: Mapping[str, float] = times._asdict()
        states = {
            # What guests take is part of user and nice, and must not count twice.
            "user": seconds["user"] - seconds.get("guest", 0.0),
            "nice": seconds.get("nice", 0.0) - seconds.get("guest_nice", 0.0),
            "system": seconds["system"],
            "idle": seconds["idle"],
            "wait": seconds.get("iowait", 0.0),
            "interrupt": seconds.get("irq", 0.0),
            "softirq": seconds.get("softirq", 0.0),
            "steal": seconds.get("steal", 0.0),
        }
        for state, value in states.items():
            attributes: dict[str, Scalar] = {"cpu": f"cpu{index}", "state": state}
            yield Reading("system.cpu.time", "s", Shape.COUNTER, max(value, 0.0), attributes)


def memory() -> Iterator[Reading]:
    """Bytes in each state, and what there is in all."""
    found: Mapping[str, int] = psutil.virtual_memory()._asdict()
    states = {
        "used": found["used"],
        "free": found["free"],
        "buffered": found.get("buffers", 0),
        "cached": found.get("cached", 0),
        "slab_reclaimable": found.get("slab", 0),
    }
    for state, value in states.items():
        yield Reading("system.memory.usage", "By", Shape.UP_DOWN, value, {"state": state})
    yield Reading("system.memory.limit", "By", Shape.UP_DOWN, found["total"])


def load(config: LoadConfig) -> Iterator[Reading]:
    """Threads that run or want to, on average."""
    parts = (os.cpu_count() or 1) if config.cpu_average else 1
    for minutes, value in zip((1, 5, 15), psutil.getloadavg(), strict=True):
        name = f"system.cpu.load_average.{minutes}m"
        yield Reading(name, "{thread}", Shape.GAUGE, value / parts)


def disk(config: DiskConfig) -> Iterator[Reading]:
    """What went to and from each disk, and how long that took."""
    # Without disks psutil gives None, whatever its types say.
    found: Mapping[str, object] = psutil.disk_io_counters(perdisk=True) or {}
    for device in sorted(found):
        if not wanted(device, config.include, config.exclude):
            continue
        counters: Mapping[str, int] = found[device]._asdict()  # type: ignore[attr-defined]
        for direction in ("read", "write"):
            attributes: dict[str, Scalar] = {"device": device, "direction": direction}
            for name, unit, value in (
                ("system.disk.io", "By", counters[f"{direction}_bytes"]),
                ("system.disk.operations", "{operation}", counters[f"{direction}_count"]),
                ("system.disk.merged", "{operation}", counters.get(f"{direction}_merged_count", 0)),
                ("system.disk.operation_time", "s", counters[f"{direction}_time"] / _MILLISECONDS),
            ):
                yield Reading(name, unit, Shape.COUNTER, value, attributes)
        busy = counters.get("busy_time", 0) / _MILLISECONDS
        yield Reading("system.disk.io_time", "s", Shape.COUNTER, busy, {"device": device})


def filesystem(config: FilesystemConfig) -> Iterator[Reading]:
    """Bytes and inodes of each file system; of one that is mounted twice, the first."""
    seen: set[str] = set()
    for part in psutil.disk_partitions(all=config.include_virtual_filesystems):
        chosen = wanted(part.fstype, config.include_fs_types, config.exclude_fs_types)
        if part.mountpoint in seen or not chosen:
            continue
        seen.add(part.mountpoint)
        try:
            found = os.statvfs(part.mountpoint)
        except OSError:
            continue  # gone since, or not for us to look at
        attributes: dict[str, Scalar] = {
            "device": part.device,
            "mountpoint": part.mountpoint,
            "type": part.fstype,
            "mode": "ro" if "ro" in part.opts.split(",") else "rw",
        }
        size = found.f_frsize
        for name, unit, states in (
            (
                "system.filesystem.usage",
                "By",
                {
                    "used": (found.f_blocks - found.f_bfree) * size,
                    "free": found.f_bavail * size,
                    "reserved": (found.f_bfree - found.f_bavail) * size,
                },
            ),
            (
                "system.filesystem.inodes.usage",
                "{inode}",
                {"used": found.f_files - found.f_ffree, "free": found.f_ffree},
            ),
        ):
            for state, value in states.items():
                yield Reading(name, unit, Shape.UP_DOWN, value, {**attributes, "state": state})


def network(config: NetworkConfig) -> Iterator[Reading]:
    """What each interface has carried, and the connections there are."""
    for device, found in sorted(psutil.net_io_counters(pernic=True).items()):
        if not wanted(device, config.include, config.exclude):
            continue
        for direction, short, received in (("transmit", "sent", "out"), ("receive", "recv", "in")):
            attributes: dict[str, Scalar] = {"device": device, "direction": direction}
            counters: Mapping[str, int] = found._asdict()
            for name, unit, value in (
                ("system.network.io", "By", counters[f"bytes_{short}"]),
                ("system.network.packets", "{packet}", counters[f"packets_{short}"]),
                ("system.network.errors", "{error}", counters[f"err{received}"]),
                ("system.network.dropped", "{packet}", counters[f"drop{received}"]),
            ):
                yield Reading(name, unit, Shape.COUNTER, value, attributes)
    try:
        states = Counter(one.status for one in psutil.net_connections(kind="tcp"))
    except psutil.AccessDenied:
        return  # some systems show them to root only
    for state, count in sorted(states.items()):
        attributes = {"protocol": "tcp", "state": state}
        yield Reading(
            "system.network.connections", "{connection}", Shape.UP_DOWN, count, attributes
        )


def paging() -> Iterator[Reading]:
    """Swap space, and what went to and from it."""
    found = psutil.swap_memory()
    for state, value in (("used", found.used), ("free", found.free)):
        yield Reading("system.paging.usage", "By", Shape.UP_DOWN, value, {"state": state})
    for direction, value in (("page_in", found.sin), ("page_out", found.sout)):
        yield Reading("system.paging.io", "By", Shape.COUNTER, value, {"direction": direction})


def processes() -> Iterator[Reading]:
    """How many processes are in each state."""
    found = Counter(
        _STATUSES.get(process.info["status"], "unknown")
        for process in psutil.process_iter(["status"])
    )
    for status, count in sorted(found.items()):
        yield Reading(
            "system.processes.count", "{process}", Shape.UP_DOWN, count, {"status": status}
        )
