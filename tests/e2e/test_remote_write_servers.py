"""Remote write into a real Prometheus and a real VictoriaMetrics."""

from __future__ import annotations

import asyncio
import json
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.metrics.v1.metrics_pb2 import NumberDataPoint

from collectors.component import Batch, Context, Delivery, NeverTaken, Signal
from collectors.exporters.prometheus_remote_write import RemoteWriteConfig, RemoteWriteExporter
from collectors.net.http_client import HttpClient
from collectors.testing import metrics_request, settings
from slo.servers import Server, find, free_port, prometheus

pytestmark = pytest.mark.servers

NOW = int(time.time())
STEPS = 20
SERIES = 5


@contextmanager
def real_prometheus(folder: Path) -> Generator[Server]:
    config = folder / "prometheus.yml"
    config.write_text("global: {}\n")
    with prometheus(folder, config, extra=["--web.enable-remote-write-receiver"]) as server:
        yield server


@contextmanager
def victoria_metrics(folder: Path) -> Generator[Server]:
    program = find("victoria-metrics")
    if program is None:
        pytest.skip("victoria-metrics is not to be had, run `make servers`")
    port = free_port()
    command: list[str | Path] = [
        program,
        f"-storageDataPath={folder / 'victoria'}",
        f"-httpListenAddr=127.0.0.1:{port}",
        "-loggerLevel=WARN",
    ]
    url = f"http://127.0.0.1:{port}"
    with Server.start("victoria-metrics", command, url=url, ready="/health", folder=folder) as it:
        yield it


def request(step: int) -> ExportMetricsServiceRequest:
    """A collection: five series, one of them with a value that tells the step."""
    found = metrics_request(SERIES)
    for index, point in enumerate(points(found)):
        point.time_unix_nano = (NOW - STEPS + step) * 10**9
        point.as_int = step * 10 + index
    return found


def points(found: ExportMetricsServiceRequest) -> list[NumberDataPoint]:
    return list(found.resource_metrics[0].scope_metrics[0].metrics[0].sum.data_points)


def batch(*steps: int) -> Batch:
    payload = b"".join(request(step).SerializeToString() for step in steps)
    return Batch(Signal.METRICS, payload, SERIES * len(steps), Context(), 1, 1)


async def deliver(url: str, *batches: Batch) -> list[Delivery]:
    config = RemoteWriteConfig.model_validate(
        {"endpoint": f"{url}/api/v1/write", "max_batch_size_bytes": 300}
    )
    client = HttpClient(config, settings(Path("/nowhere")), connections=5)
    exporter = RemoteWriteExporter(config, client, lambda: datetime.now(UTC))
    await exporter.start()
    try:
        return [await exporter.deliver(batch) for batch in batches]
    finally:
        await exporter.stop()


def ask(url: str, query: str) -> dict[str, list[float]]:
    """Every sample of the last minute, by the label `series`."""
    words = urllib.parse.urlencode({"query": f"{query}[2m]", "time": NOW + 1})
    with urllib.request.urlopen(f"{url}/api/v1/query?{words}", timeout=10) as answer:
        result = json.load(answer)["data"]["result"]
    return {
        one["metric"].get("series", ""): [float(value) for _, value in one["values"]]
        for one in result
    }


def until(check: Callable[[], bool]) -> None:
    """VictoriaMetrics shows a sample a moment after it was taken."""
    deadline = time.monotonic() + 15
    while not check():
        assert time.monotonic() < deadline, "not shown in time"
        time.sleep(0.1)


@pytest.mark.parametrize("server", [real_prometheus, victoria_metrics])
def test_every_sample_arrives_in_its_order(
    server: Callable[[Path], AbstractContextManager[Server]], tmp_path: Path
) -> None:
    if find("prometheus") is None:
        pytest.skip("prometheus is not to be had, run `make servers`")
    wanted = {
        str(index): [float(step * 10 + index) for step in range(STEPS)] for index in range(SERIES)
    }

    with server(tmp_path) as running:
        batches = [batch(*range(start, start + 4)) for start in range(0, STEPS, 4)]
        assert asyncio.run(deliver(running.url, *batches)) == [Delivery()] * len(batches)

        until(lambda: ask(running.url, "sample_things_total") == wanted)
        assert list(ask(running.url, "target_info")) == [""]


def test_prometheus_takes_the_newest_batch_twice_and_an_older_one_never(tmp_path: Path) -> None:
    if find("prometheus") is None:
        pytest.skip("prometheus is not to be had, run `make servers`")
    with real_prometheus(tmp_path) as running:
        asyncio.run(deliver(running.url, batch(1), batch(2), batch(2)))
        with pytest.raises(NeverTaken, match="out of order sample") as caught:
            asyncio.run(deliver(running.url, batch(1)))

        assert caught.value.divisible
        assert ask(running.url, "sample_things_total")["0"] == [10.0, 20.0]
