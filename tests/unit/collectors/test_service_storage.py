"""The data directory on small disks, and what is said where it cannot be one."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from collectors.component import StartError
from collectors.log import LogHooks, OsFileSystem
from collectors.service.plan import GIBI, MEBI, StorageSettings
from collectors.service.storage import Storage, open_storage


def opened(directory: Path) -> Storage:
    settings = StorageSettings(directory=directory, max_size_bytes=10 * GIBI)
    return open_storage(settings, OsFileSystem(), lambda _: LogHooks(), lambda: "boot")


def disk_with(free_bytes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    found = SimpleNamespace(f_bavail=free_bytes // 4096, f_frsize=4096)
    monkeypatch.setattr(os, "statvfs", lambda _: found)


def test_a_small_disk_is_used_although_the_budget_is_large(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    disk_with(61 * MEBI, monkeypatch)
    with caplog.at_level(logging.WARNING):
        storage = opened(tmp_path / "data")
    storage.close()

    assert storage.spare_bytes() > 50 * MEBI
    assert not caplog.records


def test_a_disk_without_room_is_told_at_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    disk_with(8192, monkeypatch)
    with caplog.at_level(logging.WARNING):
        opened(tmp_path / "data").close()

    (line,) = (record.getMessage() for record in caplog.records)
    assert "8192 bytes are free" in line
    assert "131072 must stay so" in line


@pytest.mark.parametrize("below", ["", "data", "data/fleet"])
def test_a_file_where_the_data_directory_should_be_is_named(tmp_path: Path, below: str) -> None:
    file = tmp_path / "file"
    file.touch()

    with pytest.raises(StartError) as caught:
        opened(file / below)

    assert str(caught.value) == f"data directory {file / below}: {file}: not a directory"


def test_a_file_where_a_log_should_be_is_named(tmp_path: Path) -> None:
    (tmp_path / "inbox").touch()

    with pytest.raises(StartError, match=r"/inbox: not a directory$"):
        opened(tmp_path)
