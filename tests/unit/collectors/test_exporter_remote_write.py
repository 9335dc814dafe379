"""Remote write: what is sent, in which order, and what is not sent twice."""

from __future__ import annotations

import asyncio
import math
import struct
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import cramjam
import pytest
from aiohttp import web
from google.protobuf.message import Message
from hypothesis import given
from hypothesis import settings as settings_of
from hypothesis import strategies as st
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    AggregationTemporality,
    ExponentialHistogram,
    ExponentialHistogramDataPoint,
    Gauge,
    Histogram,
    HistogramDataPoint,
    Metric,
    NumberDataPoint,
    Sum,
    Summary,
    SummaryDataPoint,
)
from pydantic import ValidationError

from collectors.component import Batch, Context, Delivery, NeverTaken, Signal, TryLater
from collectors.exporters.prometheus_remote_write import RemoteWriteConfig, RemoteWriteExporter
from collectors.net.http_client import HttpClient
from collectors.net.slices import slices
from collectors.testing import metrics_request, settings
from collectors.testing.samples import START_NS, resource, text
from collectors.wire import split

CUMULATIVE = AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE
DELTA = AggregationTemporality.AGGREGATION_TEMPORALITY_DELTA
STALE = 0x7FF0000000000002

Labels = dict[str, str]
Samples = list[tuple[int, float]]


def read(body: bytes) -> Iterator[tuple[Labels, Samples]]:
    """The series of a request, decoded by hand."""
    plain = bytes(cramjam.snappy.decompress_raw(body))
    for series in slices(plain):
        assert series.number == 1
        labels: Labels = {}
        samples: Samples = []
        for part in slices(series.value or b""):
            fields = list(slices(part.value or b""))
            if part.number == 1:
                name, value = ((field.value or b"").decode() for field in fields)
                assert not labels or name > list(labels)[-1], "labels are sorted"
                labels[name] = value
            else:
                value_bytes, time = fields[0].whole[1:], 0
                for index, byte in enumerate(fields[1].whole[1:]):
                    time |= (byte & 0x7F) << 7 * index
                samples.append((time, struct.unpack("<d", value_bytes)[0]))
        yield labels, samples


@dataclass
class Backend:
    """A remote write server; `answer` gives a status for each request."""

    answer: Callable[[int, list[tuple[Labels, Samples]]], int] = lambda _, __: 204
    requests: list[list[tuple[Labels, Samples]]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    taken: list[tuple[str, int, float]] = field(default_factory=list)
    under_way: int = 0
    most_under_way: int = 0

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        series = list(read(await request.read()))
        await asyncio.sleep(0)
        number = len(self.requests)
        self.requests.append(series)
        self.headers.append({k.lower(): v for k, v in request.headers.items()})
        status = self.answer(number, series)
        if status < 300:
            for labels, samples in series:
                self.taken += [(str(labels), time, value) for time, value in samples]
        self.under_way -= 1
        return web.Response(status=status, text="because")


@asynccontextmanager
async def exporting(backend: Backend, **raw: object) -> AsyncGenerator[RemoteWriteExporter]:
    server = web.Server(backend.handle, auto_decompress=False)
    listener = await asyncio.get_running_loop().create_server(server, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    config = RemoteWriteConfig.model_validate(
        {"endpoint": f"http://127.0.0.1:{port}/api/v1/write", **raw}
    )
    client = HttpClient(
        config, settings(Path("/nowhere")), connections=config.remote_write_queue.num_consumers
    )
    exporter = RemoteWriteExporter(config, client, lambda: datetime.now(UTC))
    await exporter.start()
    try:
        yield exporter
    finally:
        await exporter.stop()
        listener.close()
        await server.shutdown(0.1)


def batch_of(*requests: Message, tenant: str = "") -> Batch:
    payload = b"".join(request.SerializeToString() for request in requests)
    return Batch(Signal.METRICS, payload, 1, Context(tenant), 1, START_NS)


def send(
    *metrics: Metric, backend: Backend | None = None, **raw: object
) -> tuple[Backend, Delivery]:
    far = backend or Backend()
    request = ExportMetricsServiceRequest()
    request.resource_metrics.add(resource=resource()).scope_metrics.add(metrics=metrics)

    async def main() -> Delivery:
        async with exporting(far, **raw) as exporter:
            return await exporter.deliver(batch_of(request))

    return far, asyncio.run(asyncio.wait_for(main(), 30))


def sent(backend: Backend) -> dict[str, Samples]:
    """Samples by series, as text without what every series of the sample resource has."""
    found: dict[str, Samples] = {}
    for request in backend.requests:
        for labels, samples in request:
            assert labels["job"] == "sample"
            assert labels["instance"] == "sample-1"
            own = {k: v for k, v in labels.items() if k not in {"__name__", "job", "instance"}}
            inside = ",".join(f"{name}={value}" for name, value in sorted(own.items()))
            found.setdefault(f"{labels['__name__']}{{{inside}}}", []).extend(samples)
    return found


def point(value: float, seconds: int = 0, **attributes: str) -> NumberDataPoint:
    return NumberDataPoint(
        as_double=value,
        time_unix_nano=START_NS + seconds * 10**9,
        attributes=[text(key, of) for key, of in attributes.items()],
    )


def counter(*points: NumberDataPoint, temporality: int = CUMULATIVE) -> Metric:
    total = Sum(data_points=points, is_monotonic=True, aggregation_temporality=temporality)
    return Metric(name="mas.steps", unit="{step}", sum=total)


T0 = START_NS // 10**6

# ------------------------------------------------------------- what is sent


def test_numbers_go_out_under_the_names_of_prometheus_with_target_info() -> None:
    backend, delivery = send(
        counter(point(3, agent="a")),
        Metric(name="load", unit="1", gauge=Gauge(data_points=[point(0.5)])),
    )

    assert delivery == Delivery()
    assert sent(backend) == {
        "mas_steps_total{agent=a}": [(T0, 3.0)],
        "load_ratio{}": [(T0, 0.5)],
        "target_info{service_version=1.2.3}": [(T0, 1.0)],
    }
    headers = backend.headers[0]
    assert headers["content-encoding"] == "snappy"
    assert headers["content-type"] == "application/x-protobuf"
    assert headers["x-prometheus-remote-write-version"] == "0.1.0"


def test_histograms_and_summaries_go_out_as_classic_series() -> None:
    buckets = HistogramDataPoint(
        explicit_bounds=[1, 2.5], bucket_counts=[1, 2, 3], count=6, sum=9, time_unix_nano=START_NS
    )
    powers = ExponentialHistogramDataPoint(scale=0, count=3, sum=7, time_unix_nano=START_NS)
    powers.positive.bucket_counts.extend([1, 2])
    quantile = SummaryDataPoint.ValueAtQuantile(quantile=0.5, value=4)
    middle = SummaryDataPoint(count=2, sum=8, quantile_values=[quantile], time_unix_nano=START_NS)
    backend, _ = send(
        Metric(
            name="h", histogram=Histogram(data_points=[buckets], aggregation_temporality=CUMULATIVE)
        ),
        Metric(
            name="e",
            exponential_histogram=ExponentialHistogram(
                data_points=[powers], aggregation_temporality=CUMULATIVE
            ),
        ),
        Metric(name="s", summary=Summary(data_points=[middle])),
        target_info={"enabled": False},
    )

    assert {name: samples[0][1] for name, samples in sent(backend).items()} == {
        "h_bucket{le=1}": 1,
        "h_bucket{le=2.5}": 3,
        "h_bucket{le=+Inf}": 6,
        "h_sum{}": 9,
        "h_count{}": 6,
        "e_bucket{le=2}": 1,
        "e_bucket{le=4}": 3,
        "e_bucket{le=+Inf}": 3,
        "e_sum{}": 7,
        "e_count{}": 3,
        "s{quantile=0.5}": 4,
        "s_sum{}": 8,
        "s_count{}": 2,
    }


def test_labels_come_from_the_configuration_and_the_resource() -> None:
    backend, _ = send(
        counter(point(1, cluster="own")),
        namespace="n",
        external_labels={"cluster": "east"},
        resource_constant_labels={"included": ["service.version"]},
        target_info={"enabled": False},
    )

    assert sent(backend) == {"n_mas_steps_total{cluster=east,service_version=1.2.3}": [(T0, 1.0)]}


def test_a_point_that_says_it_has_no_value_ends_its_series() -> None:
    gone = point(0)
    gone.flags = 1
    backend, _ = send(counter(gone), target_info={"enabled": False})

    ((_, value),) = sent(backend)["mas_steps_total{}"]
    assert math.isnan(value)
    assert struct.unpack("<Q", struct.pack("<d", value))[0] == STALE


def test_what_remote_write_has_no_room_for_is_rejected_with_its_reason() -> None:
    timeless = NumberDataPoint(as_double=1)
    backend, delivery = send(
        counter(point(1), point(2), temporality=DELTA),
        Metric(name="g", gauge=Gauge(data_points=[timeless, point(5)])),
    )

    assert delivery == Delivery(3, "2 with delta temporality, 1 with no time")
    assert sent(backend)["g{}"] == [(T0, 5.0)]


def test_a_batch_in_which_nothing_can_be_sent_makes_no_request() -> None:
    backend, delivery = send(counter(point(1), temporality=DELTA))

    assert backend.requests == []
    assert delivery.rejected_items == 1


def test_what_is_no_request_is_never_taken() -> None:
    async def main() -> None:
        async with exporting(Backend()) as exporter:
            with pytest.raises(NeverTaken):
                await exporter.deliver(Batch(Signal.METRICS, b"\xff", 1, Context(), 1, 1))

    asyncio.run(main())


def test_the_tenant_goes_into_its_header() -> None:
    async def main() -> Backend:
        backend = Backend()
        async with exporting(backend, tenant_header="X-Scope-OrgID") as exporter:
            await exporter.deliver(batch_of(metrics_request(), tenant="blue"))
        return backend

    assert {headers["x-scope-orgid"] for headers in asyncio.run(main()).headers} == {"blue"}


# ------------------------------------------------------------- order


@settings_of(max_examples=25)
@given(st.permutations(range(6)))
def test_a_series_is_sent_in_the_order_of_its_times(order: list[int]) -> None:
    backend, _ = send(
        counter(*(point(second, second) for second in order)), target_info={"enabled": False}
    )

    assert sent(backend)["mas_steps_total{}"] == [(T0 + 1000 * s, float(s)) for s in range(6)]


def test_of_two_samples_of_one_time_the_last_one_is_sent() -> None:
    backend, _ = send(counter(point(1), point(2)), target_info={"enabled": False})

    assert sent(backend)["mas_steps_total{}"] == [(T0, 2.0)]


def test_a_series_never_has_two_requests_under_way() -> None:
    async def main() -> Backend:
        backend = Backend()
        async with exporting(
            backend, max_batch_size_bytes=1, remote_write_queue={"num_consumers": 3}
        ) as exporter:
            batches = [batch_of(metrics_request(20, seed=seed)) for seed in range(4)]
            await asyncio.gather(*(exporter.deliver(batch) for batch in batches))
        return backend

    backend = asyncio.run(main())

    assert 1 < backend.most_under_way <= 3
    assert all(len(request) == 1 for request in backend.requests)
    for samples in sent(backend).values():
        assert len(samples) == 4
        assert samples == sorted(samples)


# ------------------------------------------------------------- failures


@pytest.mark.parametrize("status", [429, 500, 502, 503, 302])
def test_codes_that_mean_later(status: int) -> None:
    with pytest.raises(TryLater, match=f"answered {status}: because"):
        send(counter(point(1)), backend=Backend(lambda _, __: status))


@pytest.mark.parametrize(("status", "divisible"), [(400, True), (413, True), (401, False)])
def test_codes_that_mean_never(status: int, divisible: bool) -> None:
    with pytest.raises(NeverTaken, match=f"answered {status}: because") as caught:
        send(counter(point(1)), backend=Backend(lambda _, __: status))

    assert caught.value.divisible is divisible


def test_what_was_taken_before_a_failure_is_not_sent_again() -> None:
    async def main() -> Backend:
        backend = Backend(lambda number, _: 503 if number == 2 else 204)
        batch = batch_of(metrics_request(8))
        async with exporting(
            backend, max_batch_size_bytes=1, remote_write_queue={"num_consumers": 1}
        ) as exporter:
            with pytest.raises(TryLater):
                await exporter.deliver(batch)
            assert await exporter.deliver(batch) == Delivery()
            assert exporter._taken == {}
        return backend

    backend = asyncio.run(main())

    assert len(backend.taken) == len(set(backend.taken)) == 9  # eight series and target_info
    assert len(backend.requests) == 10


def test_a_batch_that_is_cut_for_a_bad_series_brings_every_other_one_once() -> None:
    def judge(_: int, series: list[tuple[Labels, Samples]]) -> int:
        return 400 if any(labels.get("series") == "3" for labels, _ in series) else 204

    async def main() -> Backend:
        backend = Backend(judge)
        whole = batch_of(metrics_request(8))
        cut = split(Signal.METRICS, whole.payload)
        assert cut is not None
        async with exporting(backend, remote_write_queue={"num_consumers": 4}) as exporter:
            for payload in (whole.payload, *cut):
                with suppress(NeverTaken):
                    await exporter.deliver(replace(whole, payload=payload))
        return backend

    taken = asyncio.run(main()).taken

    series = [name for name, _, _ in taken if "target_info" not in name]
    assert len(series) == len(set(series)) >= 4


@pytest.mark.parametrize(
    "raw",
    [
        {},
        {"endpoint": "x"},
        {"endpoint": "http://x", "sending_queue": {"num_consumers": 2}},
        {"endpoint": "http://x", "external_labels": {"__name__": "x"}},
        {"endpoint": "http://x", "namespace": "a b"},
        {"endpoint": "http://x", "remote_write_queue": {"num_consumers": 0}},
    ],
)
def test_a_configuration_that_cannot_be_is_a_mistake(raw: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        RemoteWriteConfig.model_validate(raw)
