from __future__ import annotations

import asyncio
import errno
import re
import time
import urllib.request
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from collectors.component import (
    Batch,
    Context,
    Delivery,
    Refused,
    Rejected,
    Signal,
    StartError,
    TryLater,
)
from collectors.log import File, OsFileSystem
from collectors.net.peers import host_of
from collectors.service import (
    ReceiverPlan,
    Service,
    TelemetrySettings,
    engine,
)
from collectors.service.budget import LAST_SHARE, Budget, budget_bytes, segment_bytes
from collectors.service.clock import SystemClock
from collectors.service.duplicates import Known, digest
from collectors.service.meter import SelfMeter, exposition
from collectors.service.names import METRICS
from tests.collector_parts import ScriptedExporter, TestReceiver, spans
from tests.collector_setup import (
    METRICS_SIGNAL,
    TRACES,
    Setup,
    SumView,
    dead_letters,
    running,
    until,
)


def test_what_comes_in_goes_to_every_destination_and_the_books_balance(tmp_path: Path) -> None:
    async def scenario() -> None:
        setup = Setup(tmp_path)
        async with running(setup) as service:
            await asyncio.gather(*(setup.send(f"{n}a", f"{n}b") for n in range(10)))
            await until(lambda: len(setup.left.names) == 40 and len(setup.right.names) == 20)
            await until(lambda: setup.view.items == 30)
            await until(lambda: service.books.balance(TRACES).buffered == 0)

            assert sorted(setup.right.names) == sorted(f"{n}{x}" for n in range(10) for x in "ab")
            assert all(service.books.balance(signal).imbalance == 0 for signal in Signal)
            assert service.is_ready()
            assert setup.view.is_ready

    asyncio.run(scenario())


def test_a_request_that_comes_twice_is_counted_once_even_over_a_restart(tmp_path: Path) -> None:
    async def scenario() -> None:
        setup = Setup(tmp_path)
        async with running(setup) as service:
            await asyncio.gather(*(setup.send("a") for _ in range(5)))
            total = "fleetslo_items_total"
            assert service.meter.value(total, signal="traces", outcome="accepted") == 1
            assert service.meter.value(total, signal="traces", outcome="duplicate") == 4
        async with running(setup) as service:
            await setup.send("a")
            await setup.send("b")
            assert service.meter.value(total, signal="traces", outcome="duplicate") == 1
        assert sorted(setup.right.names) == ["a", "b"]

    asyncio.run(scenario())


def test_state_goes_on_after_a_restart_and_nothing_is_sent_twice(tmp_path: Path) -> None:
    async def scenario() -> None:
        setup = Setup(tmp_path)
        async with running(setup):
            await setup.send("a")
        assert sorted(setup.left.names) == ["a"]  # the other one is held
        again = replace(setup, view=SumView(), left=ScriptedExporter())
        async with running(again) as service:
            assert again.view.items == 2
            await again.send("b")
            await until(lambda: len(again.left.names) == 3)
            assert service.books.balance(TRACES).imbalance == 0

        assert sorted(again.left.names) == ["a", "b", "b"]
        assert again.view.items == 4

    asyncio.run(scenario())


def test_a_component_that_cannot_say_its_state_ends_nothing_and_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(engine, "SNAPSHOT_SECONDS", 0.01)

    class Speechless(SumView):
        def snapshot(self) -> bytes:
            if self.items:
                msg = "no words"
                raise ValueError(msg)
            return super().snapshot()

    async def scenario() -> None:
        setup = Setup(tmp_path, view=Speechless())
        async with running(setup):
            await setup.send("a")
            await until(lambda: "cannot say its state" in caplog.text)
            await setup.send("b")
            await until(lambda: len(setup.left.names) >= 2)
        again = replace(setup, view=SumView(), left=ScriptedExporter())
        async with running(again) as service:
            await until(lambda: again.view.items == 4)
            assert service.books.balance(TRACES).imbalance == 0

    asyncio.run(scenario())


def test_a_request_that_a_processor_chokes_on_is_listed_and_the_rest_goes_on(
    tmp_path: Path,
) -> None:
    async def scenario() -> None:
        setup = Setup(tmp_path)
        async with running(setup) as service:
            await setup.send("a")
            await setup.send("poison", "b")
            await setup.send("c")
            await until(lambda: len(setup.left.names) == 4)
            balance = service.books.balance(TRACES)
            assert balance.imbalance == 0
            failures = service.meter.value("fleetslo_processor_failures_total", component="hold")
            assert failures == 1

        assert sorted(setup.left.names) == ["a", "a", "c", "c"]
        assert sorted(setup.right.names) == ["a", "c"]
        ((reason, items),) = dead_letters(tmp_path)
        assert reason.startswith("hold failed: RuntimeError('poison')")
        assert items == 2

    asyncio.run(scenario())


def test_what_a_view_cannot_show_is_listed_and_sent_to_others(tmp_path: Path) -> None:
    async def scenario() -> None:
        setup = Setup(tmp_path)
        async with running(setup):
            await setup.send("unviewable")
            await until(lambda: setup.right.names == ["unviewable"])
        assert [reason for reason, _ in dead_letters(tmp_path)] == [
            "view failed: ValueError('cannot look at it')"
        ]

    asyncio.run(scenario())


def test_a_full_budget_refuses_spans_with_a_hint_before_it_refuses_metrics(
    tmp_path: Path,
) -> None:
    def down(_: Batch) -> Delivery:
        msg = "down"
        raise TryLater(msg)

    async def scenario() -> None:
        setup = Setup(tmp_path, left=ScriptedExporter(down), max_size_bytes=1 << 20)
        plan = replace(setup.plan(), grace_seconds=0.0)
        async with running(setup, plan):
            with pytest.raises(Refused, match="disk budget of 1048576 bytes") as caught:
                await fill(setup)
            assert 1.0 <= caught.value.retry_after_seconds <= 2.0
            intake = setup.receivers[0].intake
            await intake.submit(METRICS_SIGNAL, b"", 0, Context())

    asyncio.run(scenario())

    assert sum(path.stat().st_size for path in tmp_path.rglob("*.seg")) < 1 << 20


async def fill(setup: Setup) -> None:
    for number in range(2000):
        await setup.send(f"{number}" + "x" * 5000)


def test_a_gate_edits_or_refuses_before_anything_is_on_disk(tmp_path: Path) -> None:
    def gate(payload: bytes) -> bytes:
        if b"never" in payload:
            msg = "not this"
            raise Rejected(msg)
        return payload.replace(b"secret", b"******")

    async def scenario() -> None:
        setup = Setup(tmp_path, gate=gate)
        async with running(setup):
            await setup.send("secret")
            with pytest.raises(Rejected):
                await setup.send("never")
            await until(lambda: setup.right.names == ["******"])

    asyncio.run(scenario())

    assert not any(b"secret" in path.read_bytes() for path in tmp_path.rglob("*.seg"))


def test_a_stopping_daemon_takes_nothing_new(tmp_path: Path) -> None:
    async def scenario() -> None:
        setup = Setup(tmp_path)
        async with running(setup):
            pass
        with pytest.raises(Refused, match="stopping"):
            await setup.send("late")

    asyncio.run(scenario())


def test_a_full_disk_is_a_refusal_and_not_the_end(tmp_path: Path) -> None:
    class FullDisk(OsFileSystem):
        is_full = False

        def create(self, path: Path) -> File:
            if self.is_full and path.suffix == ".seg":
                raise OSError(errno.ENOSPC, "No space left on device")
            return super().create(path)

    async def scenario() -> None:
        setup, disk = Setup(tmp_path), FullDisk()
        service = Service(setup.plan(), files=disk)
        await service.start()
        disk.is_full = True
        large = "x" * 200_000  # needs a segment of its own
        with pytest.raises(Refused, match="disk is full"):
            await setup.send(large)
        assert not service.is_ready()
        disk.is_full = False
        await setup.send(large)
        assert service.is_ready()
        await service.stop()
        assert setup.right.names == [large]

    asyncio.run(scenario())


def test_a_changed_configuration_delivers_what_waits_under_the_new_one(tmp_path: Path) -> None:
    def down(_: Batch) -> Delivery:
        msg = "down"
        raise TryLater(msg)

    async def scenario() -> None:
        setup = Setup(tmp_path, right=ScriptedExporter(down))
        plan = replace(setup.plan(), grace_seconds=0.0)
        async with running(setup, plan):
            await setup.send("a", "b")
            await until(lambda: len(setup.right.attempts) > 0)
        pipelines = {
            name: replace(p, exporters=tuple(e for e in p.exporters if e != "right"))
            for name, p in plan.pipelines.items()
        }
        exporters = {name: e for name, e in plan.exporters.items() if name != "right"}
        changed = replace(plan, pipelines=pipelines, exporters=exporters, fingerprint="g")
        async with running(setup, changed) as service:
            await until(lambda: service.books.balance(TRACES).buffered <= 2)
            assert service.books.balance(TRACES).imbalance == 0
        ((reason, items),) = dead_letters(tmp_path)
        assert "removed from the configuration" in reason
        assert items == 2

    asyncio.run(scenario())


def test_the_page_of_metrics_has_every_counter_from_the_start(tmp_path: Path) -> None:
    async def scenario() -> None:
        setup = Setup(tmp_path)
        async with running(setup) as service:
            address = f"http://127.0.0.1:{service.metrics_port}/metrics"

            def scrape() -> str:
                with urllib.request.urlopen(address, timeout=5) as answer:
                    return str(answer.read().decode())

            text = await asyncio.to_thread(scrape)
        lines = text.splitlines()
        assert 'otelcol_receiver_accepted_spans{receiver="in",transport="grpc"} 0' in lines
        assert 'otelcol_exporter_sent_spans{exporter="left"} 0' in lines
        assert 'fleetslo_items_total{signal="logs",outcome="accepted"} 0' in lines
        assert 'fleetslo_ingest_lag_seconds_bucket{signal="traces",le="+Inf"} 0' in lines
        assert 'fleetslo_conservation_imbalance{signal="metrics"} 0' in lines
        assert 'fleetslo_sampling_ratio{pipeline="traces/held"} 1' in lines
        assert 'fleetslo_log_bytes{log="dead_letters"} 0' in lines
        families = {family.name for family in text_string_to_metric_families(text)}
        assert "fleetslo_log_fsync_seconds" in families

    asyncio.run(scenario())


def test_a_port_that_is_taken_is_one_clear_line_and_leaves_nothing_running(
    tmp_path: Path,
) -> None:
    async def scenario() -> None:
        server = await asyncio.start_server(lambda _, __: None, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        setup = Setup(tmp_path)
        plan = replace(setup.plan(), telemetry=TelemetrySettings(metrics_port=port))
        with pytest.raises(StartError, match=f"{port}"):
            await Service(plan).start()
        server.close()
        async with running(setup):
            pass  # the directory is free again

    asyncio.run(scenario())


def test_the_hash_of_a_request_knows_the_sender_but_not_its_port() -> None:
    def of(peer: str, tenant: str = "") -> str:
        return digest("r", TRACES, b"x", Context(tenant, peer))

    assert of("ipv4:10.0.0.1:5") == of("ipv4:10.0.0.1:6")
    assert of("10.0.0.1:5") != of("10.0.0.2:5")
    assert of("10.0.0.1:5", "t") != of("10.0.0.1:5")
    assert len(of("")) == 32
    assert [host_of(p) for p in ("[::1]:4", "h", "", "h:x")] == ["[::1]", "h", "", "h:x"]


def test_a_request_is_known_for_ten_minutes_and_in_bounded_memory() -> None:
    known = Known(most=2, window_seconds=600)
    known.add("a", 0)
    assert known.has("a", 600 * 10**9)
    assert not known.has("a", 600 * 10**9 + 1)
    for name in "bcd":
        known.add(name, 700 * 10**9)
    assert [known.has(name, 700 * 10**9) for name in "bcd"] == [False, True, True]


@dataclass
class Taking:
    size_bytes: int


def test_a_budget_reserves_room_for_what_a_request_becomes() -> None:
    log = Taking(0)
    freed: list[int] = []

    def reclaim() -> int:
        freed.append(log.size_bytes)
        log.size_bytes = 0
        return freed[-1]

    budget = Budget(1000, [log], copies=2, reclaim=reclaim)

    assert budget.admits(TRACES, 300)
    assert not budget.admits(TRACES, 301)
    assert budget.admits(METRICS_SIGNAL, 333)
    budget.promise(400)
    assert not budget.admits(TRACES, 50)
    budget.settle(400)
    log.size_bytes = 999
    assert budget.is_full()
    assert budget.admits(TRACES, 300)
    assert freed[-1] == 999


def test_the_default_budget_is_half_of_what_is_free_and_at_most_ten_gibibytes() -> None:
    assert budget_bytes(None, 6 << 30, 2 << 30) == 4 << 30
    assert budget_bytes(None, 1 << 40, 0) == 10 << 30
    assert budget_bytes(5, 1 << 40, 0) == 5
    assert segment_bytes(None, 10 << 30, 1 << 40) == 64 << 20
    assert segment_bytes(None, 1 << 20, 1 << 40) == 64 << 10
    assert segment_bytes(None, 10 << 30, 64 << 20) == 4 << 20
    assert segment_bytes(None, 10 << 30, 0) == 64 << 10
    assert LAST_SHARE == 0.9


def test_a_meter_prints_what_prometheus_reads_back() -> None:
    meter = SelfMeter()
    meter.add("otelcol_receiver_accepted_spans", 3, receiver='a"b\\c\n', transport="grpc")
    meter.observe("fleetslo_ingest_lag_seconds", 0.3, 5, signal="traces")
    meter.set("fleetslo_sampling_ratio", 0.125, pipeline="traces")
    meter.add("third_party_things_total", 1, kind="x")

    text = exposition(meter.registry).decode()

    assert "# TYPE otelcol_receiver_accepted_spans counter" in text
    samples = {
        (s.name, tuple(s.labels.items())): s.value
        for family in text_string_to_metric_families(text)
        for s in family.samples
    }
    assert samples["fleetslo_ingest_lag_seconds_bucket", (("signal", "traces"), ("le", "0.5"))] == 5
    assert (
        samples["fleetslo_ingest_lag_seconds_bucket", (("signal", "traces"), ("le", "0.25"))] == 0
    )
    assert samples["fleetslo_sampling_ratio", (("pipeline", "traces"),)] == 0.125
    assert samples["third_party_things_total", (("kind", "x"),)] == 1
    labels = r'receiver="a\"b\\c\n",transport="grpc"'
    assert f"otelcol_receiver_accepted_spans{{{labels}}} 3" in text.splitlines()
    with pytest.raises(ValueError, match="not in collectors"):
        meter.add("fleetslo_typo_total", 1)


def test_every_metric_that_a_component_names_is_in_the_table() -> None:
    root = Path(__file__).parents[3] / "collectors"
    named = {
        name
        for path in root.rglob("*.py")
        for name in re.findall(r'"((?:fleetslo|otelcol)_[a-z_]+[a-z])"', path.read_text())
    }

    assert named - METRICS.keys() <= {"fleetslo_differs"}  # a word of the JSON Schema


def test_a_clock_goes_on_from_where_the_logs_ended_and_never_back() -> None:
    clock = SystemClock()
    clock.resume(10**15)

    assert clock.steady_ns() >= 10**15
    clock.resume(5)
    assert clock.steady_ns() >= 10**15


def test_the_daemon_is_not_ready_before_its_receivers_listen(tmp_path: Path) -> None:
    class SlowReceiver(TestReceiver):
        may_listen = asyncio.Event()

        async def start(self) -> None:
            await self.may_listen.wait()

    async def scenario() -> None:
        setup = Setup(tmp_path)
        SlowReceiver.may_listen = asyncio.Event()
        plan = replace(setup.plan(), receivers={"in": ReceiverPlan(create=SlowReceiver)})
        service = Service(plan)
        starting = asyncio.create_task(service.start())
        await until(lambda: setup.view.is_ready)

        assert not service.is_ready()

        SlowReceiver.may_listen.set()
        await starting
        assert service.is_ready()
        await service.stop()
        assert not service.is_ready()

    asyncio.run(scenario())


def test_what_carries_a_time_from_the_future_is_counted(tmp_path: Path) -> None:
    async def scenario() -> None:
        setup = Setup(tmp_path)
        async with running(setup) as service:
            address = f"http://127.0.0.1:{service.metrics_port}/metrics"

            def ahead() -> list[str]:
                with urllib.request.urlopen(address, timeout=5) as answer:
                    lines = str(answer.read().decode()).splitlines()
                return [line for line in lines if line.startswith("fleetslo_items_ahead_total")]

            intake, now = setup.receivers[-1].intake, time.time_ns()
            for name, shift_ns in (("late", -60 * 10**9), ("even", 10**8), ("ahead", 60 * 10**9)):
                times = (now - 10**9, now + shift_ns)
                await intake.submit(TRACES, spans(name, "more"), 2, Context(), times)
            lines = await asyncio.to_thread(ahead)
        assert 'fleetslo_items_ahead_total{signal="traces"} 1' in lines
        assert 'fleetslo_items_ahead_total{signal="logs"} 0' in lines

    asyncio.run(scenario())
