"""The host as it is: what the kernel says, under the names of the conventions."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from pydantic import ValidationError

from collectors.net.readings import Reading, Shape
from collectors.receivers.hostmetrics import HostMetricsConfig, HostMetricsReceiver
from collectors.receivers.hostmetrics.config import NamesConfig
from collectors.receivers.hostmetrics.host import read
from collectors.testing import MemoryIntake, settings


def config(**scrapers: object) -> HostMetricsConfig:
    return HostMetricsConfig.model_validate(
        {"collection_interval": "50ms", "initial_delay": "0s", "scrapers": scrapers}
    )


def readings(**scrapers: object) -> dict[str, list[Reading]]:
    found: dict[str, list[Reading]] = {}
    for reading in read(config(**scrapers).scrapers):
        found.setdefault(reading.name, []).append(reading)
    return found


def collected(**scrapers: object) -> ExportMetricsServiceRequest:
    async def main() -> ExportMetricsServiceRequest:
        intake = MemoryIntake()
        receiver = HostMetricsReceiver(config(**scrapers), settings(Path("/nowhere")), intake)
        await receiver.start()
        async with asyncio.timeout(20):
            while not intake.taken:  # noqa: ASYNC110 - whoever reads tells nobody
                await asyncio.sleep(0.01)
        await receiver.stop()
        return ExportMetricsServiceRequest.FromString(intake.taken[0].payload)

    return asyncio.run(main())


EVERYTHING = ("cpu", "memory", "load", "disk", "filesystem", "network", "paging", "processes")


def every() -> Iterator[Reading]:
    return read(config(**{name: {} for name in EVERYTHING}).scrapers)


def test_every_series_is_there_once_and_counters_never_fall() -> None:
    before = {key(one): one for one in every()}
    after = list(every())

    assert len({key(one) for one in after}) == len(after)
    for one in after:
        assert one.name.startswith("system.")
        if one.shape is Shape.COUNTER and key(one) in before:
            assert one.value >= before[key(one)].value >= 0


def key(reading: Reading) -> tuple[object, ...]:
    return (reading.name, *sorted(reading.attributes.items()))


def test_processor_time_adds_up_to_what_the_kernel_says() -> None:
    found = readings(cpu={})["system.cpu.time"]
    kernel = psutil.cpu_times()
    whole = sum(kernel) - getattr(kernel, "guest", 0.0) - getattr(kernel, "guest_nice", 0.0)

    assert sum(one.value for one in found) == pytest.approx(whole, rel=0.01)
    assert {one.attributes["cpu"] for one in found} == {
        f"cpu{index}" for index in range(psutil.cpu_count() or 1)
    }


def test_memory_and_file_systems_are_those_of_the_kernel() -> None:
    found = readings(memory={}, filesystem={"include_virtual_filesystems": True})
    limit = found["system.memory.limit"][0]
    root = [
        one
        for one in found["system.filesystem.usage"]
        if one.attributes["mountpoint"] == "/" and one.attributes["state"] == "used"
    ]

    assert limit.value == psutil.virtual_memory().total
    assert sum(one.value for one in found["system.memory.usage"]) <= limit.value * 1.1
    assert root[0].value == pytest.approx(psutil.disk_usage("/").used, rel=0.05)


def test_what_is_excluded_is_not_read() -> None:
    every = {one.attributes["device"] for one in readings(network={})["system.network.io"]}
    without = readings(network={"exclude": {"interfaces": ["^lo"], "match_type": "regexp"}})
    only = readings(network={"include": {"interfaces": ["lo"]}})

    assert "lo" in every
    assert {one.attributes["device"] for one in without.get("system.network.io", [])} == every - {
        "lo"
    }
    assert {one.attributes["device"] for one in only["system.network.io"]} == {"lo"}


def test_a_process_is_a_resource_of_its_own_and_its_command_line_is_not_told() -> None:
    code = "import sys; print('up', flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", code, "--password=hush"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        name = psutil.Process(process.pid).name()
        message = collected(process={"include": {"names": [name]}})
        process.communicate()

    by_pid = {}
    for resource in message.resource_metrics:
        attributes = {item.key: item.value for item in resource.resource.attributes}
        assert attributes["process.executable.name"].string_value == name
        by_pid[attributes["process.pid"].int_value] = resource
    mine = by_pid[process.pid]
    found = {metric.name: metric for metric in mine.scope_metrics[0].metrics}
    assert found["process.memory.usage"].sum.data_points[0].as_int > 1_000_000
    cpu = found["process.cpu.time"].sum
    assert cpu.is_monotonic
    assert cpu.data_points[0].start_time_unix_nano > 0
    assert b"hush" not in message.SerializeToString()
    parents = {item.key: item.value.int_value for item in mine.resource.attributes}
    assert parents["process.parent_pid"] == os.getpid()


def test_readings_of_one_name_are_one_metric_with_the_unit_of_the_conventions() -> None:
    message = collected(load={}, cpu={})
    (resource,) = message.resource_metrics
    found = {metric.name: metric for metric in resource.scope_metrics[0].metrics}

    assert {"host.name", "os.type"} == {item.key for item in resource.resource.attributes}
    assert found["system.cpu.load_average.1m"].unit == "{thread}"
    assert found["system.cpu.time"].sum.data_points[0].start_time_unix_nano == int(
        psutil.boot_time() * 1e9
    )


@pytest.mark.parametrize(
    "raw",
    [{}, {"gpu": {}}, {"disk": {"include": {}}}, {"network": {"include": {"devices": ["a"]}}}],
    ids=str,
)
def test_scrapers_that_cannot_be_are_a_mistake(raw: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        config(**raw)


def test_a_pattern_that_is_none_is_told_before_anything_runs() -> None:
    with pytest.raises(ValidationError, match="must be a regular expression"):
        NamesConfig(match_type="regexp", names=("fine", "("))
