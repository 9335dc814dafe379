"""Real disks that fail under the daemon: what was acknowledged is there when they are back.

A file system on a loop device is cut off in the middle of its work (what was not synced is gone,
as after a power cut), or turns read-only under open files, as ext4 does after an error. It
takes root, and skips without.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import signal
import struct
import subprocess
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from collectors.component import Refused
from collectors.log.disk import OsFile, OsFileSystem
from collectors.service import Service, assembly
from tests.collector_parts import ScriptedExporter
from tests.collector_setup import Setup, down, imbalance, until
from tests.fault.test_service_disk import remount, small_disk
from tests.fault.test_service_kill import Client, running, wait_until_drained
from tests.recovered_daemon import fresh, plan_of, settled, started

_SHUTDOWN = 0x8004587D  # EXT4_IOC_SHUTDOWN of linux/fs.h
_WITHOUT_FLUSH = struct.pack("I", 2)


class ZeroedFile(OsFile):
    def allocate(self, size: int) -> None:
        self.write(bytes(size), 0)
        self.sync()


class Zeroed(OsFileSystem):
    """Segments of written zeros, not of reserved room.

    Where ext4 gives up in the middle of an fdatasync into reserved room, the kernel (6.18) may
    report success though the room was not turned into data: a loop of pwrite and fdatasync loses
    its last write in a third of the runs, and in none on written zeros. Not ours to mend.
    """

    def create(self, path: Path) -> OsFile:
        return ZeroedFile(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))


class Disk:
    """An ext4 file system of 64 MiB on a loop device."""

    def __init__(self, home: Path) -> None:
        self.image, self.path = home / "image", home / "disk"
        self.path.mkdir()
        with self.image.open("wb") as file:
            file.truncate(64 << 20)
        self._run("mkfs.ext4", "-q", "-F", str(self.image))
        self.mount()

    def mount(self) -> None:
        options = "loop,errors=remount-ro"
        self._run("mount", "-o", options, str(self.image), str(self.path))

    def unmount(self) -> None:
        subprocess.run(["umount", "-l", str(self.path)], check=False, capture_output=True)

    def cut_off(self) -> None:
        """From now on every call fails with EIO, and what was not synced is gone."""
        descriptor = os.open(self.path, os.O_RDONLY)
        try:
            fcntl.ioctl(descriptor, _SHUTDOWN, _WITHOUT_FLUSH)
        finally:
            os.close(descriptor)

    def turn_read_only(self) -> None:
        """What ext4 does when it finds itself damaged: open files fail with EROFS, too."""
        mounts = [line.split() for line in Path("/proc/mounts").read_text().splitlines()]
        (device,) = [Path(of).name for of, at, *_ in mounts if at == str(self.path)]
        Path(f"/sys/fs/ext4/{device}/trigger_fs_error").write_text("test")

    def _run(self, *command: str) -> None:
        subprocess.run(command, check=True, capture_output=True)


@contextmanager
def ext4(home: Path) -> Generator[Disk]:
    """Such a disk; skips where there can be none."""
    if os.geteuid():
        pytest.skip("no file system can be mounted here: it takes root")
    home.mkdir()
    try:
        disk = Disk(home)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"no file system can be mounted here: {error}")
    try:
        yield disk
    finally:
        disk.unmount()


async def send_all(setup: Setup, taken: list[str], client: int, stopping: asyncio.Event) -> None:
    number = 0
    while not stopping.is_set():
        name = f"{client}-{number}-" + "x" * 2000
        with suppress(Refused):
            await setup.send(name)
            taken.append(name)
        number += 1
        await asyncio.sleep(0)


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["cut off", "read-only"])
def test_what_was_acknowledged_before_a_disk_died_is_delivered_once_it_is_back(
    tmp_path: Path, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(assembly, "_JOIN_SECONDS", 0.5)

    async def scenario(disk: Disk) -> None:
        setup = Setup(disk.path / "data", left=ScriptedExporter(down), max_size_bytes=32 << 20)
        service = Service(plan_of(setup), files=Zeroed())
        await service.start()
        await until(service.is_ready)
        taken: list[str] = []
        stopping = asyncio.Event()
        clients = [asyncio.create_task(send_all(setup, taken, n, stopping)) for n in range(8)]
        await until(lambda: len(taken) > 200)
        await asyncio.to_thread(disk.cut_off if fault == "cut off" else disk.turn_read_only)
        await until(lambda: not service.is_ready())
        stopping.set()
        await asyncio.gather(*clients)
        with pytest.raises(Refused):
            await setup.send("nothing is taken any more")
        await service.stop(grace_seconds=0.0)

        await asyncio.to_thread(disk.unmount)
        await asyncio.to_thread(disk.mount)
        again = replace(fresh(setup, setup.directory), left=ScriptedExporter())
        async with started(plan_of(again)) as service:
            await settled(service)
            assert imbalance(service) == 0
            assert set(taken) <= set(again.left.names)
            assert len(again.left.names) == len(set(again.left.names))
            await again.send("and on it goes")
            await settled(service)
            assert again.left.names[-1] == "and on it goes"

    with ext4(tmp_path / "real") as disk:
        asyncio.run(scenario(disk))


@pytest.mark.slow
def test_a_daemon_whose_disk_is_read_only_after_a_kill_says_so_and_delivers_once_it_is_not(
    tmp_path: Path,
) -> None:
    with small_disk(tmp_path / "small") as disk, running(tmp_path) as (daemon, backend):
        text = daemon.config.read_text().replace(str(daemon.data), str(disk / "data"))
        daemon.config.write_text(text)
        daemon.start()
        stop = threading.Event()
        client = Client(daemon.otlp, 0, stop)
        client.start()
        try:
            time.sleep(0.5)
            daemon.kill(signal.SIGKILL)
            remount(disk, "ro")
            with pytest.raises(AssertionError, match="ead-only file system"):
                daemon.start()
            assert daemon.process is not None
            assert daemon.process.wait(10) == 1
            assert daemon.log.read_text().count("ead-only file system") == 1
            remount(disk, "rw")
            daemon.start()
        finally:
            stop.set()
            client.join()
        metrics = wait_until_drained(daemon)
        assert daemon.kill(signal.SIGTERM) == 0

        assert client.acknowledged <= backend.names.keys()
        assert metrics['fleetslo_conservation_imbalance{signal="traces"}'] == 0
