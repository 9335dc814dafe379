"""Damage on disk costs what it hit and nothing else, and is counted to the item."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from google_crc32c import value as crc32c

from collectors.component import Signal
from collectors.log import (
    Entry,
    Incomplete,
    Kind,
    Locked,
    Log,
    LogFailed,
    LogFull,
    Mark,
    NewerFormat,
    OsFileSystem,
    Record,
    Store,
    StoreSettings,
)
from collectors.log.record import HEADER_BYTES
from collectors.log.segment import SEGMENT_HEADER_BYTES, SegmentName
from tests.collector_disk import FailAt, SimDisk, disk_error

SMALL = StoreSettings(segment_bytes=1024)


def entry(number: int, size: int = 40, signal: Signal = Signal.TRACES) -> Entry:
    payload = b"%04d" % number + b"p" * size
    return Entry(Kind.DATA, signal, 10, number, number + 1, b"words", payload)


def write_log(directory: Path, count: int, settings: StoreSettings = SMALL) -> None:
    store = Store(OsFileSystem(), directory, settings)
    for number in range(count):
        store.append([entry(number)])
    store.close()


def read_log(directory: Path) -> tuple[list[Record], int]:
    """All records, and the items that were found missing."""
    log = Log(Store(OsFileSystem(), directory, SMALL))
    reader = log.reader(log.first_offset)
    found: list[Record] = []
    while records := reader.read():
        found += records
    missing = log.missing_items(Signal.TRACES)
    log.close()
    return found, missing


def test_every_single_byte_of_a_log_may_be_flipped_and_the_rest_stays(tmp_path: Path) -> None:
    whole = tmp_path / "whole"
    write_log(whole, 12)
    expected = {number: b"%04d" % number + b"p" * 40 for number in range(12)}
    names = sorted(path.name for path in whole.glob("*.seg"))
    for name in names:
        for position in range((whole / name).stat().st_size):
            damaged = tmp_path / "damaged"
            shutil.copytree(whole, damaged)
            data = bytearray((damaged / name).read_bytes())
            data[position] ^= 0xFF
            (damaged / name).write_bytes(data)

            found, missing = read_log(damaged)

            assert all(expected[record.offset] == record.payload for record in found)
            lost = len(expected) - len(found)
            assert lost <= 1
            # With its header goes what a segment says of the totals before it; the last
            # record of a log has no later one that would tell what is missing.
            is_told = position >= SEGMENT_HEADER_BYTES and found[-1].offset == 11
            assert missing == lost * 10 or not is_told, (name, position)
            shutil.rmtree(damaged)


def test_a_damaged_end_of_a_closed_log_is_damage_and_its_offset_is_not_given_again(
    tmp_path: Path,
) -> None:
    write_log(tmp_path / "log", 3, StoreSettings())
    (path,) = (tmp_path / "log").glob("*.seg")
    path.write_bytes(path.read_bytes()[:-20])

    store = Store(OsFileSystem(), tmp_path / "log", StoreSettings())
    records = store.append([entry(3)])
    store.close()

    assert records[0].offset == 3
    assert records[0].total == 40


def test_a_torn_tail_that_nobody_was_promised_is_cut_off(tmp_path: Path) -> None:
    write_log(tmp_path / "log", 2, StoreSettings())
    (tmp_path / "log" / "end").unlink()
    (path,) = (tmp_path / "log").glob("*.seg")
    path.write_bytes(path.read_bytes()[:-20])

    store = Store(OsFileSystem(), tmp_path / "log", StoreSettings())

    assert store.next_offset == 1
    assert store.torn_bytes > 0
    store.close()


def test_a_deleted_segment_is_a_gap_that_is_counted(tmp_path: Path) -> None:
    write_log(tmp_path / "log", 20)
    segments = sorted((tmp_path / "log").glob("*.seg"))
    segments[1].unlink()

    found, missing = read_log(tmp_path / "log")

    assert missing == (20 - len(found)) * 10
    assert 0 < len(found) < 20


def test_a_log_of_a_later_version_is_refused_and_not_touched(tmp_path: Path) -> None:
    write_log(tmp_path / "log", 2)
    (path,) = (tmp_path / "log").glob("*.seg")
    data = bytearray(path.read_bytes())
    data[8] = 99
    data[72:76] = crc32c(bytes(data[:72])).to_bytes(4, "little")
    path.write_bytes(data)

    with pytest.raises(NewerFormat, match="99"):
        Store(OsFileSystem(), tmp_path / "log", SMALL)

    assert path.read_bytes() == data


def test_two_owners_of_one_directory_are_one_too_many(tmp_path: Path) -> None:
    first = Store(OsFileSystem(), tmp_path / "log", SMALL)

    with pytest.raises(Locked, match=f"in use by process {os.getpid()}"):
        Store(OsFileSystem(), tmp_path / "log", SMALL)

    first.close()
    Store(OsFileSystem(), tmp_path / "log", SMALL).close()


def test_bytes_of_a_client_that_look_like_a_record_are_never_read_as_one(tmp_path: Path) -> None:
    """The salt of a segment is not known to who sends the payload."""
    write_log(tmp_path / "other", 1, StoreSettings())
    (other,) = (tmp_path / "other").glob("*.seg")
    forged = other.read_bytes()[SEGMENT_HEADER_BYTES:]
    store = Store(OsFileSystem(), tmp_path / "log", StoreSettings())
    for _ in range(3):
        payload = bytes(-(HEADER_BYTES + 5) % 8) + forged
        store.append([Entry(Kind.DATA, Signal.TRACES, 10, 1, 1, b"words", payload)])
    store.close()
    (path,) = (tmp_path / "log").glob("*.seg")
    data = bytearray(path.read_bytes())
    data[SEGMENT_HEADER_BYTES + 6] ^= 1
    path.write_bytes(data)

    found, missing = read_log(tmp_path / "log")

    assert [record.offset for record in found] == [1, 2]
    assert missing == 10


def test_segments_of_one_base_are_told_apart_by_their_sequence() -> None:
    older, newer = SegmentName(3, 7, 9), SegmentName(4, 7, 1)

    assert SegmentName.parse(str(older)) == older
    assert sorted([newer, older]) == [older, newer]
    assert SegmentName.parse("snapshot") is None


@pytest.mark.parametrize(("code", "kind"), [(errno.ENOSPC, LogFull), (errno.EIO, LogFailed)])
@pytest.mark.parametrize("operation", ["write", "sync", "allocate", "create"])
def test_a_failing_disk_refuses_and_takes_again_when_it_can(
    operation: str, code: int, kind: type[LogFailed]
) -> None:
    disk = SimDisk()
    store = Store(disk, Path("/log"), SMALL)
    store.append([entry(0)])
    disk.fault = _failing(operation, code)
    with pytest.raises(kind):
        _append_to_the_end_of_a_segment(store)
    end = store.next_offset
    disk.fault = lambda _operation, _name: None

    (record,) = store.append([entry(end)])

    assert record.offset == end
    assert record.total == (end + 1) * 10


def _append_to_the_end_of_a_segment(store: Store) -> None:
    for number in range(1, 40):
        store.append([entry(number)])


def _failing(operation: str, code: int) -> Callable[[str, str], None]:
    def fault(name: str, _file: str) -> None:
        if name == operation:
            raise disk_error(code)

    return fault


def test_what_a_failed_sync_left_behind_is_never_read() -> None:
    disk = SimDisk()
    store = Store(disk, Path("/log"), SMALL)
    store.append([entry(0)])
    disk.fault = FailAt(2, disk_error(errno.EIO))
    with pytest.raises(LogFailed):
        store.append([entry(666)])
    disk.fault = lambda _operation, _name: None
    store.append([entry(1)])
    store.close()

    log = Log(Store(disk, Path("/log"), SMALL))
    reader = log.reader(0)
    payloads = [record.payload[:4] for record in reader.read() + reader.read()]
    log.close()

    assert payloads == [b"0000", b"0001"]


def test_a_group_that_is_half_appended_says_how_far() -> None:
    disk = SimDisk()
    log = Log(Store(disk, Path("/log"), SMALL))
    log.append_now([entry(0)])
    disk.fault = _failing("allocate", errno.ENOSPC)

    with pytest.raises(Incomplete) as caught:
        log.append_now([entry(number) for number in range(1, 30)])

    assert 0 < caught.value.durable < 29
    assert log.end == 1 + caught.value.durable
    assert isinstance(log.failure, LogFull)
    disk.fault = lambda _operation, _name: None
    log.append_now([entry(99)])
    assert log.failure is None
    log.close()


def test_offsets_below_a_floor_that_others_have_seen_are_not_given(tmp_path: Path) -> None:
    floor = Mark(17, (170, 0, 0), 5)
    store = Store(OsFileSystem(), tmp_path / "log", SMALL, floor=floor)

    (record,) = store.append([entry(17)])

    assert (record.offset, record.total) == (17, 180)
    store.close()


def test_trim_deletes_whole_segments_that_are_old_and_not_needed(tmp_path: Path) -> None:
    write_log(tmp_path / "log", 40)
    store = Store(OsFileSystem(), tmp_path / "log", SMALL)
    segments = store.segments()

    assert store.trim(segments[2].end, begun_before_ns=-1) == 0
    assert store.trim(segments[2].end - 1, begun_before_ns=1 << 60) > 0
    assert store.first_offset == segments[2].name.base
    assert store.size_bytes == sum(p.stat().st_size for p in (tmp_path / "log").glob("*.seg"))
    store.close()
