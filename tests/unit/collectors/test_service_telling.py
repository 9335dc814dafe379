"""What the daemon tells of itself: metrics, readiness, times that cannot be."""

from __future__ import annotations

import asyncio
import re
import time
import urllib.request
from dataclasses import replace
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from collectors.component import (
    Context,
)
from collectors.service import (
    ReceiverPlan,
    Service,
)
from collectors.service.clock import SystemClock
from collectors.service.meter import SelfMeter, exposition
from collectors.service.names import METRICS
from tests.collector_parts import TestReceiver, spans
from tests.collector_setup import (
    TRACES,
    Setup,
    running,
    until,
)


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
