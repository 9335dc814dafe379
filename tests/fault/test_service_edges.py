"""Where two rare things meet: a kill and a requeue, a full budget and a disk that fails."""

from __future__ import annotations

import asyncio
import errno
import itertools
import os
import shutil
import threading
import tracemalloc
from collections import Counter
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from collectors.component import (
    Batch,
    Context,
    Delivery,
    Exporter,
    Refused,
    Rejected,
    Settings,
    Signal,
)
from collectors.graph import DeadWords
from collectors.log import (
    Entry,
    Kind,
    Log,
    LogFailed,
    LogHooks,
    OsFileSystem,
    Store,
    StoreSettings,
)
from collectors.log.disk import OsFile
from collectors.service import (
    ExporterPlan,
    ProcessorPlan,
    Reload,
    Service,
    ServicePlan,
    StorageSettings,
    run,
)
from collectors.service.storage import open_storage
from tests.collector_disk import SimDisk, disk_error
from tests.collector_parts import Hold, ScriptedExporter
from tests.collector_setup import Setup, dead_letters, imbalance, until
from tests.fault.test_dead_letters import bury, command, never
from tests.recovered_daemon import fresh, plan_of, settled, started


def test_letters_that_are_put_back_after_a_kill_bring_nothing_back_but_themselves(
    tmp_path: Path,
) -> None:
    live, killed = tmp_path / "live", tmp_path / "killed"
    setup = Setup(live, left=ScriptedExporter(never))
    asyncio.run(bury(setup, "letter"))

    async def until_killed() -> None:
        again = fresh(setup, live)
        again.left.answer = ScriptedExporter().answer
        async with started(plan_of(again)) as service:
            await until(service.is_ready)
            for name in ("a", "b", "c"):
                await again.send(name)
            await until(lambda: sorted(again.left.names) == ["a", "b", "c"])
            await settled(service)
            await asyncio.sleep(0.1)  # the cursors are noted a moment later
            shutil.copytree(live, killed)

    async def after() -> None:
        again = replace(fresh(setup, killed), left=ScriptedExporter())
        async with started(plan_of(again)) as service:
            await until(lambda: bool(again.left.names))  # what was put back is not in the books yet
            await settled(service)
            assert Counter(again.left.names) == {"letter": 1, "letter2": 1}
            assert again.right.names == []
            assert imbalance(service) == 0

    asyncio.run(until_killed())
    assert "1 dead letters with 2 items" in command("requeue", str(killed)).output
    asyncio.run(after())


class Stubborn(OsFileSystem):
    """A disk that, while it is told so, makes no segment of the inbox, or takes none away."""

    is_full = False
    keeps = False

    def create(self, path: Path) -> OsFile:
        if self.is_full and path.parent.name == "inbox":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return super().create(path)

    def remove(self, path: Path) -> None:
        if self.keeps and path.suffix == ".seg":
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))
        super().remove(path)


def on_small_segments(setup: Setup, plan: ServicePlan) -> ServicePlan:
    return replace(plan, storage=replace(plan.storage, segment_bytes=64 << 10))


def test_a_tick_that_finds_no_room_is_tried_again_after_a_while_and_told_so_often(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        disk, setup = Stubborn(), Setup(tmp_path)
        service = Service(on_small_segments(setup, setup.plan()), files=disk)
        await service.start()
        await until(service.is_ready)
        await setup.send("held" + "x" * 70_000)  # nothing more goes into this segment
        disk.is_full = True
        await until(lambda: "control record" in caplog.text)
        caplog.clear()
        await asyncio.sleep(1.0)
        assert caplog.text.count("a control record was not appended") <= 2
        disk.is_full = False
        await settled(service)
        await service.stop()

    asyncio.run(scenario())


def test_a_full_budget_on_a_disk_that_deletes_nothing_refuses_and_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        disk, setup = Stubborn(), Setup(tmp_path, max_size_bytes=1 << 20)
        service = Service(on_small_segments(setup, plan_of(setup)), files=disk)
        await service.start()
        disk.keeps = True
        for number in itertools.count():
            with suppress(Refused):
                await setup.send(f"{number}" + "x" * 20_000)
                await settled(service)
                continue
            if "segments that nobody needs were not deleted" in caplog.text:
                break
            await asyncio.sleep(0.05)
        with pytest.raises(Refused, match="Read-only file system"):
            await setup.send("one too many")
        disk.keeps = False
        await setup.send("again")
        await settled(service)
        assert setup.left.names.count("again") == 1
        assert imbalance(service) == 0
        assert "ended unexpectedly" not in caplog.text
        await service.stop()

    asyncio.run(scenario())


def test_what_cannot_be_written_down_is_refused_and_the_writer_goes_on(tmp_path: Path) -> None:
    before_1970 = Entry(Kind.DATA, Signal.TRACES, 1, 1, -1, b"", b"one")

    async def scenario() -> None:
        log = Log(Store(OsFileSystem(), tmp_path / "log", StoreSettings()))
        with pytest.raises(LogFailed, match=r"log: .*error"):
            async with asyncio.timeout(5):
                await log.append(before_1970)
        await log.append(replace(before_1970, wall_ns=1))
        assert [record.offset for record in log.reader(0).read()] == [0]
        log.close()

    asyncio.run(scenario())


def test_a_segment_that_could_not_be_synced_at_its_end_is_told_when_the_log_is_closed() -> None:
    def fail(operation: str, _name: str) -> None:
        if operation == "sync":
            raise disk_error(errno.EIO)

    disk = SimDisk()
    store = Store(disk, Path("/log"), StoreSettings(segment_bytes=4096, sync=False))
    entry = Entry(Kind.DATA, Signal.TRACES, 1, 1, 1, b"", bytes(3000))
    store.append([entry])  # taken, and on the disk whenever that likes
    disk.fault = fail
    with pytest.raises(LogFailed):
        store.append([entry])
    disk.fault = lambda _operation, _name: None

    assert store.close() is False


def test_a_reload_to_what_raises_as_it_is_made_leaves_the_old_configuration_running(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        setup = Setup(tmp_path)
        good = plan_of(setup)

        def broken(_: Settings) -> Exporter:
            msg = "a plugin's own words"
            raise LookupError(msg)

        bad = replace(
            good, exporters={**good.exporters, "left": ExporterPlan(create=broken)}, fingerprint="b"
        )
        asked, stop = asyncio.Event(), asyncio.Event()
        running = asyncio.create_task(run(good, stop=stop, reload=Reload(asked, lambda: bad)))
        await until(lambda: bool(setup.receivers))
        await setup.send("before")
        asked.set()
        await until(lambda: "the old configuration goes on" in caplog.text)
        await until(lambda: len(setup.receivers) == 2)
        await setup.send("after")
        await until(lambda: sorted(set(setup.left.names)) == ["after", "before"])
        stop.set()
        await running

    asyncio.run(scenario())
    assert "a plugin's own words" in caplog.text


def test_a_delivery_that_a_library_cancelled_is_tried_again(tmp_path: Path) -> None:
    answers = iter([asyncio.CancelledError()])

    def answer(_: Batch) -> Delivery:
        for error in answers:
            raise error
        return Delivery()

    async def scenario() -> None:
        setup = Setup(tmp_path, left=ScriptedExporter(answer))
        async with started(plan_of(setup)) as service:
            await setup.send("a")
            await settled(service)
            assert setup.left.names == ["a"]
            assert imbalance(service) == 0

    asyncio.run(scenario())


def test_a_scrape_asks_no_component_anything_for_that_is_the_graphs_thread_alone(
    tmp_path: Path,
) -> None:
    class Shy(Hold):
        def held_items(self) -> int:
            assert threading.current_thread() is not threading.main_thread()
            return super().held_items()

    async def scenario() -> None:
        setup = Setup(tmp_path)
        plan = setup.plan()
        shy = replace(plan, processors={"hold": ProcessorPlan(create=lambda _: Shy(2))})
        async with started(shy) as service:
            await setup.send("a")
            await setup.send("b")
            await setup.send("c")
            await settled(service)
            sampled = {
                (sample.name, sample.labels.get("pipeline")): sample.value
                for metric in service.meter.collect()
                for sample in metric.samples
            }
            assert sampled["fleetslo_sampling_ratio", "traces/held"] == 1

    asyncio.run(scenario())


def test_a_request_that_could_never_be_listed_as_dead_is_rejected_and_not_put_off(
    tmp_path: Path,
) -> None:
    async def scenario() -> None:
        setup = Setup(tmp_path, left=ScriptedExporter(never), max_size_bytes=1 << 20)
        async with started(plan_of(setup)) as service:
            with pytest.raises(Rejected, match="has no room for a longer one, raise max_size"):
                await setup.send("x" * 100_000)
            await setup.send("x" * 60_000)
            await settled(service)
            assert imbalance(service) == 0
        assert [items for _, items in dead_letters(tmp_path)] == [1]

    asyncio.run(scenario())


def test_a_directory_that_cannot_be_opened_is_free_for_the_next_who_tries(tmp_path: Path) -> None:
    def boot() -> str:
        return "boot"

    def hooks(_: str) -> LogHooks:
        msg = "unforeseen"
        raise LookupError(msg)

    settings = StorageSettings(directory=tmp_path, max_size_bytes=8 << 20)
    with pytest.raises(LookupError):
        open_storage(settings, OsFileSystem(), hooks, boot)

    open_storage(settings, OsFileSystem(), lambda _: LogHooks(), boot).close()


def test_letters_are_listed_without_being_held_in_memory(tmp_path: Path) -> None:
    words = DeadWords("why", "delivery", "left", "traces", 1, 0, Context()).encode()
    letter = Entry(Kind.DATA, Signal.TRACES, 1, 1, 1, words, bytes(4 << 20))
    log = Log(Store(OsFileSystem(), tmp_path / "dead_letters", StoreSettings()), cache_bytes=0)
    for _ in range(12):
        log.append_now([letter])
    log.close()

    tracemalloc.start()
    shown = command("ls", str(tmp_path)).output
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert "12 letters, 12 items, left, waits: why" in shown
    assert peak_bytes < 6 * len(letter.payload)


def test_words_in_the_outbox_that_nobody_can_read_end_no_daemon(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    outbox = Log(Store(OsFileSystem(), tmp_path / "outbox", StoreSettings()))
    outbox.append_now([Entry(Kind.DATA, Signal.TRACES, 1, 1, 1, b"of a later version", b"")])
    outbox.close()

    async def scenario() -> None:
        setup = Setup(tmp_path)
        async with started(plan_of(setup)) as service:
            await setup.send("a")
            await settled(service)
            assert setup.left.names == ["a"]

    asyncio.run(scenario())

    assert "left: outbox record 0 cannot be read, and is passed over" in caplog.text
    assert "ended unexpectedly" not in caplog.text
