"""Targets to scrape, and what became of what they said."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import web
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric, NumberDataPoint

from collectors.component import Batch, Context, Signal
from collectors.exporters.prometheus import PrometheusConfig
from collectors.exporters.prometheus.render import text_format
from collectors.exporters.prometheus.state import State
from collectors.receivers.prometheus import PrometheusReceiver, PrometheusReceiverConfig
from collectors.receivers.prometheus.translate import Target, Translator, families
from collectors.testing import MemoryIntake, MemoryMeter, settings

TEXT = "text/plain; version=0.0.4"
TIME_NS = 1_700_000_000 * 10**9


def target(**changes: object) -> Target:
    values: dict[str, object] = {
        "job": "j",
        "instance": "h:1",
        "scheme": "http",
        "labels": {},
        "honor_labels": False,
        "honor_timestamps": True,
        **changes,
    }
    return Target(**values)  # type: ignore[arg-type]


def translated(
    text: str, *, is_open: bool = False, **changes: object
) -> ExportMetricsServiceRequest:
    found = families(text, is_open=is_open)
    return Translator(target(**changes)).translate(found, {}, TIME_NS)[0]


def metrics(message: ExportMetricsServiceRequest) -> dict[str, Metric]:
    return {
        metric.name: metric
        for resource in message.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
    }


def shown(message: ExportMetricsServiceRequest) -> str:
    """What our scrape endpoint shows of a request."""
    state = State(PrometheusConfig())
    state.apply(Batch(Signal.METRICS, message.SerializeToString(), 1, Context(), 1, 1))
    return text_format(state, 1)


def series(text: str) -> set[tuple[str, tuple[tuple[str, str], ...], float]]:
    """The samples of a page, without what tells targets apart."""
    return {
        (
            sample.name,
            tuple(
                sorted(
                    (key, str(float(value)) if key == "le" else value)
                    for key, value in sample.labels.items()
                    if key not in {"job", "instance"}
                )
            ),
            sample.value,
        )
        for family in families(text, is_open=False)
        for sample in family.samples
        if not sample.name.endswith("_created") and sample.name != "target_info"
    }


def labels(point: NumberDataPoint) -> dict[str, str]:
    return {item.key: item.value.string_value for item in point.attributes}


@dataclass
class Exporter:
    """A target."""

    body: bytes = b"# TYPE a gauge\na 1\n"
    headers: dict[str, str] = field(default_factory=lambda: {"Content-Type": TEXT})
    status: int = 200
    seen: list[web.BaseRequest] = field(default_factory=list)

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        self.seen.append(request)
        return web.Response(status=self.status, body=self.body, headers=self.headers)


@asynccontextmanager
async def scraping(
    exporter: Exporter, meter: MemoryMeter | None = None, **job: object
) -> AsyncGenerator[MemoryIntake]:
    server = web.Server(exporter.handle)
    listener = await asyncio.get_running_loop().create_server(server, "127.0.0.1", 0)
    instance = f"127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    values = {
        "job_name": "j",
        "scrape_interval": "50ms",
        "static_configs": [{"targets": [instance]}],
        **job,
    }
    config = PrometheusReceiverConfig.model_validate({"config": {"scrape_configs": [values]}})
    intake = MemoryIntake()
    receiver = PrometheusReceiver(config, settings(Path("/x"), "prometheus", meter=meter), intake)
    try:
        await receiver.start()
        yield intake
    finally:
        await receiver.stop()
        listener.close()
        await server.shutdown(0.1)


async def values(intake: MemoryIntake) -> dict[str, float]:
    """The gauges of the first scrape."""
    async with asyncio.timeout(10):
        while not intake.taken:  # noqa: ASYNC110 - whoever scrapes tells nobody
            await asyncio.sleep(0.005)
    message = ExportMetricsServiceRequest.FromString(intake.taken[0].payload)
    return {
        name: metric.gauge.data_points[0].as_double
        for name, metric in metrics(message).items()
        if metric.HasField("gauge")
    }


def run(main: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(main(), 30))
