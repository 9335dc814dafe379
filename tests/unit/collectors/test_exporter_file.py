"""`file` writes whole lines, and nothing counts as delivered before it is on the disk."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import signal
import threading
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from collectors.component import Signal, StartError, TryLater
from collectors.exporters.file import FileConfig, FileExporter
from collectors.net.otlp_json import to_protobuf
from collectors.testing import batch


class Wall:
    def __init__(self) -> None:
        self.now = datetime(2026, 11, 20, tzinfo=UTC)

    def __call__(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now


def use(path: Path, act: Callable[[FileExporter], Awaitable[None]], **config: object) -> None:
    async def main() -> None:
        made = FileConfig.model_validate({"path": str(path), **config})
        exporter = FileExporter(made, "file", Wall())
        await exporter.start()
        try:
            await act(exporter)
        finally:
            await exporter.stop()

    asyncio.run(main())


async def one(exporter: FileExporter) -> None:
    await exporter.deliver(batch(Signal.LOGS))


def test_every_batch_is_one_line_of_otlp_json(tmp_path: Path) -> None:
    path = tmp_path / "new" / "out.json"

    async def three(exporter: FileExporter) -> None:
        await asyncio.gather(*(exporter.deliver(batch(s, seed=i)) for i, s in enumerate(Signal)))

    use(path, three)

    lines = path.read_bytes().splitlines()
    assert sorted(next(iter(json.loads(line))) for line in lines) == [
        "resourceLogs",
        "resourceMetrics",
        "resourceSpans",
    ]
    spans = next(line for line in lines if b"resourceSpans" in line)
    assert to_protobuf(Signal.TRACES, spans) == batch(Signal.TRACES).payload


def test_a_restart_goes_on_with_the_file(tmp_path: Path) -> None:
    path = tmp_path / "out.json"
    use(path, one)
    use(path, one)

    assert len(path.read_bytes().splitlines()) == 2


def test_without_append_a_restart_begins_anew(tmp_path: Path) -> None:
    path = tmp_path / "out.json"
    use(path, one)
    use(path, one, append=False)

    assert len(path.read_bytes().splitlines()) == 1


@pytest.mark.parametrize("torn", [b'{"resour', b"x" * 200_000])
def test_what_a_crash_left_of_a_line_is_cut_off(tmp_path: Path, torn: bytes) -> None:
    path = tmp_path / "out.json"
    use(path, one)
    whole = path.read_bytes()
    path.write_bytes(whole + torn)

    use(path, one)

    assert path.read_bytes() == whole + whole


def test_the_file_is_set_aside_at_its_size_and_old_ones_go(tmp_path: Path) -> None:
    path = tmp_path / "out.json"

    async def many(exporter: FileExporter) -> None:
        for seed in range(8):
            await exporter.deliver(batch(Signal.LOGS, items=4000, seed=seed))

    use(path, many, rotation={"max_megabytes": 1, "max_backups": 2})

    files = sorted(item.name for item in tmp_path.iterdir())
    assert len(files) == 3
    assert files[0].startswith("out-2026-11-20T00-00-")
    for item in tmp_path.iterdir():
        assert item.stat().st_size <= 1024 * 1024
        for line in item.read_bytes().splitlines():
            json.loads(line)


def test_a_full_disk_means_later_and_leaves_no_half_line(tmp_path: Path) -> None:
    path = tmp_path / "out.json"

    async def until_full(exporter: FileExporter) -> None:
        await exporter.deliver(batch(Signal.LOGS))
        size = path.stat().st_size
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size + 100, hard))
        try:
            with pytest.raises(TryLater, match="cannot write"):
                await exporter.deliver(batch(Signal.LOGS, items=50))
            assert path.stat().st_size == size
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
            signal.signal(signal.SIGXFSZ, before)
        await exporter.deliver(batch(Signal.LOGS, items=50))

    use(path, until_full)

    assert len([json.loads(line) for line in path.read_bytes().splitlines()]) == 2


def test_a_file_that_cannot_be_written_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "blocked").write_text("a file, not a directory")

    with pytest.raises(StartError, match=r"file cannot write .*blocked/out\.json"):
        use(tmp_path / "blocked" / "out.json", one)


def test_nothing_is_delivered_before_it_is_synced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "out.json"
    failing = [True]
    real = os.fdatasync

    def fdatasync(file: int) -> None:
        if failing:
            failing.pop()
            raise OSError(5, "Input/output error")
        real(file)

    async def twice(exporter: FileExporter) -> None:
        with pytest.raises(TryLater, match="Input/output error"):
            await exporter.deliver(batch(Signal.LOGS))
        await exporter.deliver(batch(Signal.LOGS))

    monkeypatch.setattr(os, "fdatasync", fdatasync)
    use(path, twice)

    assert len(path.read_bytes().splitlines()) == 1


def test_old_files_of_others_in_the_same_folder_stay(tmp_path: Path) -> None:
    others = ["out-0.json", "out-eu.json", "out-eu-2026-11-19T00-00-00.000.json", "out-2026.json"]
    for name in others:
        (tmp_path / name).write_text("theirs")

    async def many(exporter: FileExporter) -> None:
        for seed in range(12):
            await exporter.deliver(batch(Signal.TRACES, items=2000, seed=seed))

    use(tmp_path / "out.json", many, rotation={"max_megabytes": 1, "max_backups": 1})

    assert {path.name for path in tmp_path.iterdir()} >= {"out.json", *others}
    assert len(list(tmp_path.iterdir())) == len(others) + 2


def test_a_delivery_that_is_cancelled_has_ended_before_the_file_is_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    syncing, may_end, synced = threading.Event(), threading.Event(), list[int]()

    def slow(file: int) -> None:
        syncing.set()
        may_end.wait(10)
        synced.append(os.fstat(file).st_size)  # raises once it is closed

    async def cancelled(exporter: FileExporter) -> None:
        task = asyncio.create_task(exporter.deliver(batch(Signal.LOGS)))
        await asyncio.to_thread(syncing.wait, 10)
        task.cancel()
        stopping = asyncio.create_task(exporter.stop())
        await asyncio.sleep(0.1)
        may_end.set()
        await stopping
        with pytest.raises(asyncio.CancelledError):
            await task

    monkeypatch.setattr(os, "fdatasync", slow)
    use(tmp_path / "out.json", cancelled)

    assert synced == [(tmp_path / "out.json").stat().st_size]
