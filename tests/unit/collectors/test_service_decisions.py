"""The decision log is bounded, waits for nobody, and can be read by people."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import json
import re
import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from collectors.cli import cli
from collectors.log import Incomplete, Log, OsFileSystem, Store, StoreSettings
from collectors.sampling.notes import Cause, Header, encode
from collectors.sampling.plan import Decisions, Facts
from collectors.service import decisions, names
from collectors.service.decisions import DecisionLog
from collectors.testing import MemoryMeter
from tests.collector_disk import SimDisk, disk_error
from tests.collector_parts import ManualClock
from tests.collector_waiting import WaitingSetup


class Decided:
    """A decision log over a simulated disk."""

    def __init__(self, most_bytes: int = 1 << 20, max_age_seconds: float = 0.0) -> None:
        self.disk, self.clock, self.meter = SimDisk(), ManualClock(), MemoryMeter()
        settings = StoreSettings(segment_bytes=1000, sync=False)
        self.log = Log(Store(self.disk, Path("/decisions"), settings), cache_bytes=0)
        self.decisions = DecisionLog(
            self.log, self.clock, self.meter, most_bytes=most_bytes, max_age_seconds=max_age_seconds
        )

    def note(self, count: int) -> None:
        for number in range(count):
            self.decisions.note(b"%04d" % number + bytes(96))
        self.decisions.press()

    def written(self) -> None:
        """Wait until the writer has come to the end of what it was given."""
        with contextlib.suppress(Incomplete):
            self.log.sync_now()

    @property
    def left_out(self) -> int:
        return self.meter.total(names.DECISIONS_LEFT_OUT)


@contextmanager
def deciding(most_bytes: int = 1 << 20, max_age_seconds: float = 0.0) -> Generator[Decided]:
    made = Decided(most_bytes, max_age_seconds)
    yield made
    made.log.close()


def test_decisions_are_written_in_order_and_the_oldest_go_when_there_are_too_many() -> None:
    with deciding(most_bytes=5000) as made:
        made.note(200)
        made.written()
        assert made.decisions.trim() > 0

        assert 0 < made.log.size_bytes <= 5000
        assert made.log.first_offset > 0
        assert made.log.end == 200
        assert made.left_out == 0


def test_decisions_that_are_too_old_go_by_segments() -> None:
    with deciding(max_age_seconds=3600.0) as made:
        made.note(50)
        made.written()
        made.clock.forward(1800)
        made.note(50)
        made.written()
        assert made.decisions.trim() == 0
        made.clock.forward(1801)
        made.decisions.trim()

        assert 40 < made.log.first_offset <= 50


def test_a_disk_that_is_slow_holds_nobody_up_and_what_is_too_much_is_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(decisions, "MOST_WAITING_BYTES", 20_000)
    may_write = threading.Event()

    def fault(operation: str, _: str) -> None:
        if operation == "write":
            assert may_write.wait(10)

    with deciding() as made:
        made.disk.fault = fault
        made.note(100)
        made.note(100)  # returns, though nothing can be written
        assert made.left_out == 100
        may_write.set()
        made.written()

        assert made.log.end == 100
        made.note(10)
        made.written()
        assert (made.log.end, made.left_out) == (110, 100)


def test_a_disk_that_is_full_leaves_decisions_out_and_counts_them() -> None:
    def fault(operation: str, _: str) -> None:
        if operation == "create":
            raise disk_error(errno.ENOSPC)

    with deciding() as made:
        made.disk.fault = fault
        made.note(30)
        made.written()

        assert made.left_out == 30


def test_the_logs_of_what_waits_are_shown_checked_and_repaired(tmp_path: Path) -> None:
    async def scenario() -> None:
        setup = WaitingSetup(tmp_path)
        async with setup.running():
            await setup.send("a", "b")
            setup.clock.forward(5)
            await setup.send("drop")

    asyncio.run(scenario())

    def said(*arguments: str) -> str:
        result = CliRunner().invoke(cli, ["buffer", *arguments])
        assert result.exit_code == 0, result.output
        return result.output

    assert "held:" in said("ls", str(tmp_path))
    assert "held: 2 records, every one whole" in said("verify", str(tmp_path))
    names_held = [
        span["name"]
        for line in said("cat", str(tmp_path / "held")).splitlines()
        for span in json.loads(line)["resourceSpans"][0]["scopeSpans"][0]["spans"]
    ]
    assert names_held == ["a edited", "b edited", "drop edited"]
    assert "held: nothing to repair" in said("repair", str(tmp_path))


def test_a_segment_is_listed_with_what_it_holds_and_with_what_it_takes(tmp_path: Path) -> None:
    room = 1 << 20
    log = Log(Store(OsFileSystem(), tmp_path / "decisions", StoreSettings(segment_bytes=room)))
    made = DecisionLog(log, ManualClock(), MemoryMeter(), most_bytes=1 << 20, max_age_seconds=0)
    made.note(bytes(5000))
    made.press()
    log.sync_now()

    listed = CliRunner().invoke(cli, ["buffer", "ls", str(tmp_path)]).output
    log.close()

    found = re.search(r"(\d+) of (\d+) bytes", listed)
    assert found is not None, listed
    assert 5000 < int(found[1]) < 5500
    assert int(found[2]) == room


def test_decisions_of_tail_sampling_are_printed_one_a_line(tmp_path: Path) -> None:
    ids = np.arange(48, dtype=np.uint8).reshape(3, 16)
    zeros, ones = np.zeros(3, np.uint64), np.ones(3, np.int64)
    facts = Facts(ids, zeros, ones, ones, zeros, zeros, ones.astype(np.bool_), zeros, zeros)
    header = Header("tail_sampling", 7, Cause.WAITED, ("errors",), ("a status of 2",))
    decided = Decisions(
        np.array([True, False, True]),
        np.zeros(3, np.int16),
        zeros,
        np.zeros((1, 2), np.int64),
        zeros,
    )
    log = Log(Store(OsFileSystem(), tmp_path / "decisions", StoreSettings()))
    made = DecisionLog(log, ManualClock(), MemoryMeter(), most_bytes=1 << 20, max_age_seconds=0)
    for note in encode(header, facts, decided):
        made.note(note)
        made.note(note.replace(b'"v":2', b'"v":1', 1))
    made.note(b"of a plugin")
    made.press()
    log.close()

    result = CliRunner().invoke(cli, ["buffer", "cat", str(tmp_path / "decisions")])

    assert result.stderr == (
        "offset 1 cannot be shown: a note of version 1, and this collector reads version 2\n"
    )
    *lines, other = result.stdout.splitlines()
    assert other == "of a plugin"
    assert [json.loads(line)["decision"] for line in lines] == ["kept", "dropped", "kept"]
    assert {json.loads(line)["policy"] for line in lines} == {"errors"}
