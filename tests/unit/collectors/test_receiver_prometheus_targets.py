"""Targets that answer, that do not, that ask who is there, that are a real Prometheus."""

from __future__ import annotations

import asyncio
import gzip
import ssl
from dataclasses import dataclass
from pathlib import Path

import pytest
from aiohttp import web
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)

from collectors.component import StartError
from slo.servers import find, prometheus
from tests.certificates import Certificates
from tests.scraped_targets import TEXT, Exporter, metrics, run, scraping, values


def test_a_scrape_tells_what_was_found_and_how_it_went() -> None:
    async def main() -> None:
        exporter = Exporter(b'# TYPE a gauge\na 1\na{x="y"} 2\n')
        async with scraping(exporter, params={"q": ["1", "2"]}, metrics_path="/m") as intake:
            found = await values(intake)

        assert found["a"] == 1
        assert found["up"] == 1
        assert found["scrape_samples_scraped"] == 2
        assert found["scrape_series_added"] == 2
        assert 0 < found["scrape_duration_seconds"] < 5
        request = exporter.seen[0]
        assert request.path_qs == "/m?q=1&q=2"
        assert "openmetrics" in request.headers["Accept"]
        assert intake.taken[0].context.peer.startswith("127.0.0.1:")

    run(main)


@pytest.mark.parametrize(
    ("exporter", "job"),
    [
        (Exporter(status=500), {}),
        (Exporter(b"no { exposition"), {}),
        (Exporter(b"\xff\xfe"), {}),
        (Exporter(b"a 1\n# TYPE h histogram\nh_bucket 3\n"), {}),
        (Exporter(b"a 1\n# TYPE h histogram\nh_count 1e20\n"), {}),
        (Exporter(b'a 1\n# TYPE s summary\ns{quantile="half"} 3\n'), {}),
        (Exporter(b"# TYPE a gauge\na 1\nb 2\n"), {"sample_limit": 1}),
        (Exporter(b"# " + b"x" * 2000), {"body_size_limit": 1000}),
        (
            Exporter(
                gzip.compress(b"# " + b"x" * 50_000_000),
                {"Content-Type": TEXT, "Content-Encoding": "gzip"},
            ),
            {"body_size_limit": 1_000_000},
        ),
        (Exporter(), {"static_configs": [{"targets": ["127.0.0.1:9"]}]}),
    ],
    ids=[
        "500",
        "nonsense",
        "not text",
        "boundless",
        "beyond",
        "half",
        "samples",
        "length",
        "bomb",
        "nobody",
    ],
)
def test_a_target_that_gives_no_answer_of_use_is_down(
    exporter: Exporter, job: dict[str, object], caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        async with scraping(exporter, **job) as intake:
            found = await values(intake)

        assert found["up"] == 0
        assert found["scrape_samples_scraped"] == 0
        assert "a" not in found

    run(main)
    assert "cannot be scraped" in caplog.text


def test_a_target_that_does_not_answer_in_time_is_down() -> None:
    @dataclass
    class Slow(Exporter):
        async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
            await asyncio.sleep(60)
            return web.Response()

    async def main() -> None:
        async with scraping(Slow(), scrape_timeout="20ms") as intake:
            assert (await values(intake))["up"] == 0

    run(main)


def test_a_password_from_a_file_is_shown(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("secret\n")

    async def main() -> None:
        exporter = Exporter()
        basic = {"username": "me", "password_file": str(tmp_path / "password")}
        async with scraping(exporter, basic_auth=basic) as intake:
            await values(intake)
        async with scraping(exporter, authorization={"credentials": "token"}) as intake:
            await values(intake)

        assert exporter.seen[0].headers["Authorization"] == "Basic bWU6c2VjcmV0"
        assert exporter.seen[-1].headers["Authorization"] == "Bearer token"

    run(main)


def test_a_target_behind_tls_is_believed_by_its_authority(tmp_path: Path) -> None:
    certificates = Certificates(tmp_path)
    (tmp_path / "no").mkdir()

    async def main() -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificates.cert("server"), certificates.key("server"))
        server = web.Server(Exporter().handle)
        loop = asyncio.get_running_loop()
        listener = await loop.create_server(server, "127.0.0.1", 0, ssl=context)
        where = [{"targets": [f"localhost:{listener.sockets[0].getsockname()[1]}"]}]
        for tls, up in (({"ca_file": str(certificates.ca)}, 1), ({}, 0)):
            async with scraping(
                Exporter(),
                scheme="https",
                static_configs=where,
                tls_config=tls,
                scrape_interval="500ms",
            ) as intake:
                assert (await values(intake))["up"] == up
        listener.close()
        await server.shutdown(0.1)

    run(main)


def test_a_password_file_that_is_missing_keeps_the_daemon_from_starting() -> None:
    async def main() -> None:
        basic = {"username": "me", "password_file": "/no/where"}
        async with scraping(Exporter(), basic_auth=basic):
            pass

    with pytest.raises(StartError, match="prometheus: job j: /no/where cannot be read"):
        run(main)


@pytest.mark.servers
def test_a_real_prometheus_is_scraped(tmp_path: Path) -> None:
    if find("prometheus") is None:
        pytest.skip("prometheus is not to be had, run `make servers`")
    (tmp_path / "p.yml").write_text("global: {}\n")

    async def main(where: str) -> None:
        jobs = {"static_configs": [{"targets": [where]}], "scrape_interval": "1s"}
        async with scraping(Exporter(), **jobs) as intake:
            found = await values(intake)
            message = ExportMetricsServiceRequest.FromString(intake.taken[0].payload)

        assert found["up"] == 1
        assert found["scrape_samples_scraped"] > 200
        kinds = {metric.WhichOneof("data") for metric in metrics(message).values()}
        assert kinds == {"gauge", "sum", "histogram", "summary"}
        assert metrics(message)["prometheus_http_requests_total"].sum.is_monotonic

    with prometheus(tmp_path, tmp_path / "p.yml") as server:
        asyncio.run(main(server.url.removeprefix("http://")))
