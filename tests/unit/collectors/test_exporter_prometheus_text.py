"""The text of the scrape endpoint is read by others, and the same after a restart."""

from __future__ import annotations

import asyncio
import gzip
import math
import subprocess

import aiohttp
import pytest
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    Exemplar,
    Histogram,
    HistogramDataPoint,
    Metric,
    Summary,
    SummaryDataPoint,
)
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_open

from collectors.component import Batch, Context, Signal
from collectors.prom.samples import bound_text
from slo import servers
from tests.prometheus_view import (
    CUMULATIVE,
    SECOND,
    batch_of,
    counter,
    exponential,
    gauge,
    point,
    view,
)


def rich() -> list[Metric]:
    exemplar = Exemplar(
        trace_id=bytes(range(16)), span_id=bytes(range(8)), as_double=1.5, time_unix_nano=3 * SECOND
    )
    counted = point(4)
    counted.exemplars.append(exemplar)
    bounds = HistogramDataPoint(
        explicit_bounds=[1, 2.5, 1e6],
        bucket_counts=[1, 2, 0, 1],
        count=4,
        sum=9,
        exemplars=[exemplar],
        time_unix_nano=SECOND,
    )
    return [
        counter("c", counted, unit="s"),
        gauge("g", point(-1.5, k="v")),
        Metric(
            name="h",
            description='help with "quotes"\nand lines',
            unit="s",
            histogram=Histogram(data_points=[bounds], aggregation_temporality=CUMULATIVE),
        ),
        exponential(3, -5, [1] * 20),
    ]


def test_open_metrics_is_accepted_by_its_reference_parser_with_exemplars() -> None:
    made = view(resource_constant_labels={"included": ["*"]}, send_timestamps=True)
    made.apply(batch_of(*rich(), attributes={"service.name": "s", "host.name": "h"}))

    families = {family.name: family for family in parse_open(made.text(open_metrics=True))}

    bucket = next(s for s in families["h_seconds"].samples if s.labels.get("le") == "2.5")
    assert bucket.exemplar.labels["trace_id"] == bytes(range(16)).hex()
    assert families["c_seconds"].samples[0].exemplar.value == 1.5
    assert families["target"].type == "info"


@pytest.mark.servers
@pytest.mark.parametrize("open_metrics", [False])
def test_promtool_finds_nothing_to_say_about_the_text(open_metrics: bool) -> None:
    promtool = servers.find("promtool")
    if promtool is None:
        pytest.skip("promtool is not to be had; run `make servers`")
    made = view()
    described = [metric for metric in rich() if metric.name != "g"]
    for metric in described:
        metric.description = "words"
    made.apply(batch_of(*described))

    result = subprocess.run(
        [str(promtool), "check", "metrics"],
        input=made.text(open_metrics=open_metrics),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )

    assert (result.returncode, result.stdout + result.stderr) == (0, "")


def test_a_restored_view_is_the_same_to_the_byte() -> None:
    first, second = view(without_scope_info=False), view(without_scope_info=False)
    first.apply(batch_of(*rich(), attributes={"service.name": "s", "host.name": "h"}))
    quantiles = [SummaryDataPoint.ValueAtQuantile(quantile=0.5, value=math.nan)]
    first.apply(
        batch_of(
            Metric(
                name="q",
                summary=Summary(data_points=[SummaryDataPoint(count=1, quantile_values=quantiles)]),
            )
        )
    )

    second.restore(first.snapshot())

    assert second.text(open_metrics=True) == first.text(open_metrics=True)
    assert second.snapshot() == first.snapshot()


def test_a_damaged_request_leaves_the_view_as_it_was() -> None:
    made = view()
    made.apply(batch_of(*rich()))
    before = made.snapshot()

    with pytest.raises(Exception, match="parsing"):
        made.apply(Batch(Signal.METRICS, b"\x0a\xff\x01", 1, Context(), 99 * SECOND, 0))

    assert made.snapshot() == before


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0.0, "0"),
        (0.005, "0.005"),
        (1.0, "1"),
        (2.5, "2.5"),
        (100_000.0, "100000"),
        (1e6, "1e+06"),
        (1_234_567.0, "1.234567e+06"),
        (0.0001, "0.0001"),
        (0.00001, "1e-05"),
        (-2.0, "-2"),
        (math.inf, "+Inf"),
    ],
)
def test_bounds_are_spelled_as_go_spells_them(value: float, expected: str) -> None:
    # From Go 1.22, strconv.FormatFloat(value, 'g', -1, 64).
    assert bound_text(value, open_metrics=False) == expected


def test_a_scrape_waits_for_the_replay_and_speaks_what_is_asked() -> None:
    async def main() -> None:
        made = view(enable_open_metrics=True)
        made.apply(batch_of(*rich()))
        await made.start()
        url = f"http://127.0.0.1:{made.port}/metrics"
        try:
            async with aiohttp.ClientSession(auto_decompress=False) as session:
                async with session.get(url) as response:
                    assert response.status == 503
                made.ready()
                async with session.get(url, headers={"Accept-Encoding": "identity"}) as response:
                    assert response.headers["Content-Type"].startswith("text/plain; version=0.0.4")
                    assert await response.text() == made.text()
                accept = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"
                headers = {"Accept": accept, "Accept-Encoding": "gzip"}
                async with session.get(url, headers=headers) as response:
                    assert response.headers["Content-Type"].startswith(
                        "application/openmetrics-text"
                    )
                    body = gzip.decompress(await response.read()).decode()
                    assert body == made.text(open_metrics=True)
                async with session.get(url.removesuffix("/metrics")) as response:
                    assert response.status == 404
                async with session.post(url) as response:
                    assert response.status == 405
        finally:
            await made.stop()

    asyncio.run(asyncio.wait_for(main(), 30))
