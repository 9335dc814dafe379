"""Scraping: what a target says arrives as it was said, and so does its silence."""

from __future__ import annotations

import asyncio
import gzip
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from aiohttp import web
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric, NumberDataPoint
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Info,
    Summary,
    generate_latest,
)
from prometheus_client.openmetrics.exposition import generate_latest as generate_open
from pydantic import ValidationError

from collectors.component import Batch, Context, Signal, StartError
from collectors.exporters.prometheus import PrometheusConfig
from collectors.exporters.prometheus.render import text_format
from collectors.exporters.prometheus.state import State
from collectors.receivers.prometheus import PrometheusReceiver, PrometheusReceiverConfig
from collectors.receivers.prometheus.relabel import RelabelConfig, Relabeller
from collectors.receivers.prometheus.translate import Target, Translator, families
from collectors.testing import MemoryIntake, MemoryMeter, settings
from slo.servers import find, prometheus
from tests.certificates import Certificates

OPEN = "application/openmetrics-text; version=1.0.0; charset=utf-8"
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


def registry() -> CollectorRegistry:
    """One metric of every kind that the official client has."""
    made = CollectorRegistry()
    Counter("jobs", "Jobs.", ["kind"], registry=made).labels("a").inc(3)
    Gauge("load", "Load.", registry=made).set(-0.25)
    histogram = Histogram("wait_seconds", "Waits.", registry=made, buckets=(0.1, 1, 10))
    for value in (0.05, 0.5, 5, 50):
        histogram.observe(value)
    summary = Summary("size_bytes", "Sizes.", registry=made)
    summary.observe(7)
    Info("build", "Build.", registry=made).info({"version": "1"})
    return made


# ------------------------------------------------------------- translation


@pytest.mark.parametrize("is_open", [False, True])
def test_what_the_official_client_shows_is_shown_again_the_same(is_open: bool) -> None:
    made = registry()
    text = (generate_open(made) if is_open else generate_latest(made)).decode()
    again = shown(translated(text, is_open=is_open))

    assert series(again) == series(generate_latest(made).decode())
    assert all('job="j"' in line for line in again.splitlines() if line.startswith("jobs"))


def test_open_metrics_say_when_counting_began() -> None:
    text = "# TYPE a counter\na_total 5\na_created 123.5\n# EOF\n"

    point = metrics(translated(text, is_open=True))["a_total"].sum.data_points[0]

    assert point.as_double == 5
    assert point.start_time_unix_nano == int(123.5e9)
    assert point.time_unix_nano == TIME_NS


def test_times_in_the_answer_are_kept_or_not_as_told() -> None:
    text = "# TYPE a gauge\na 5 1600000000000\n"

    kept = metrics(translated(text))["a"].gauge.data_points[0]
    ignored = metrics(translated(text, honor_timestamps=False))["a"].gauge.data_points[0]

    assert kept.time_unix_nano == 1_600_000_000 * 10**9
    assert ignored.time_unix_nano == TIME_NS


@pytest.mark.parametrize("stamp", ["-5", "9" * 25, "NaN"])
def test_a_time_that_cannot_be_is_the_time_of_the_scrape(stamp: str) -> None:
    point = metrics(translated(f"# TYPE a gauge\na 5 {stamp}\n"))["a"].gauge.data_points[0]

    assert point.time_unix_nano == TIME_NS


def labels(point: NumberDataPoint) -> dict[str, str]:
    return {item.key: item.value.string_value for item in point.attributes}


def test_labels_of_the_target_go_before_those_of_a_sample_unless_told_otherwise() -> None:
    text = '# TYPE a gauge\na{job="own",zone="x",b="c"} 1\n'

    ours = translated(text, labels={"zone": "east"})
    theirs = translated(text, labels={"zone": "east"}, honor_labels=True)

    assert labels(metrics(ours)["a"].gauge.data_points[0]) == {
        "exported_job": "own",
        "exported_zone": "x",
        "zone": "east",
        "b": "c",
    }
    assert labels(metrics(theirs)["a"].gauge.data_points[0]) == {"zone": "x", "b": "c"}
    assert 'a{b="c",instance="h:1",job="own",zone="x"} 1.0' in shown(theirs).splitlines()


def test_target_info_becomes_the_resource() -> None:
    text = '# TYPE target_info gauge\ntarget_info{version="7"} 1\n# TYPE a gauge\na 1\n'

    (resource,) = translated(text).resource_metrics
    found = {item.key: item.value.string_value for item in resource.resource.attributes}

    assert found == {
        "service.name": "j",
        "service.instance.id": "h:1",
        "server.address": "h",
        "server.port": "1",
        "url.scheme": "http",
        "version": "7",
    }


HISTOGRAM = """# TYPE h histogram
h_bucket{le="1"} 1
h_bucket{le="+Inf"} 2
h_sum 3
h_count 2
# TYPE a counter
a_total{x="1",secret="s"} 4
a_total{x="2",secret="s"} 5
"""


def relabelled(*steps: dict[str, object]) -> set[tuple[str, tuple[tuple[str, str], ...], float]]:
    relabel = Relabeller([RelabelConfig.model_validate(step) for step in steps])
    found = translated(HISTOGRAM, relabel=relabel)
    return {one for one in series(shown(found)) if not one[0].startswith("scrape_")}


def test_samples_are_chosen_and_changed() -> None:
    everything = relabelled()

    assert relabelled({"source_labels": ["__name__"], "regex": "h_.*", "action": "drop"}) == {
        one for one in everything if one[0] == "a_total"
    }
    assert relabelled(
        {"source_labels": ["__name__", "x"], "regex": "a_total;(.*)", "action": "keep"},
        {"regex": "secret", "action": "labeldrop"},
        {"source_labels": ["x"], "regex": "(.)", "target_label": "y", "replacement": "n$1"},
        {"source_labels": ["__name__"], "target_label": "__name__", "replacement": "b_$1"},
    ) == {
        ("b_a_total", (("x", "1"), ("y", "n1")), 4),
        ("b_a_total", (("x", "2"), ("y", "n2")), 5),
    }
    assert relabelled(
        {"source_labels": ["le"], "regex": "1", "action": "drop"},
        {"source_labels": ["__name__"], "regex": "a.*", "action": "drop"},
        {
            "source_labels": ["__name__"],
            "regex": "h_(.*)",
            "target_label": "__name__",
            "replacement": "other_${1}",
        },
    ) == {
        ("other_bucket", (("le", "inf"),), 2),
        ("other_sum", (), 3),
        ("other_count", (), 2),
    }


OF_A: dict[str, object] = {"source_labels": ["a"], "target_label": "n"}


@pytest.mark.parametrize(
    ("step", "after"),
    [
        ({"action": "uppercase", "source_labels": ["a"], "target_label": "n"}, "XY"),
        ({"action": "lowercase", "source_labels": ["b"], "target_label": "n"}, "z"),
        ({"action": "labelmap", "regex": "(a)", "replacement": "n"}, "xy"),
        ({"source_labels": ["a", "b"], "separator": "-", "target_label": "n"}, "xy-Z"),
        (
            {
                "source_labels": ["a"],
                "regex": "(?P<f>.)y",
                "replacement": "${f}!$$",
                "target_label": "n",
            },
            "x!$",
        ),
        ({"source_labels": ["a"], "regex": "y", "target_label": "n"}, None),
        ({"source_labels": ["c"], "regex": "", "replacement": "no c", "target_label": "n"}, "no c"),
        ({"target_label": "n", "replacement": "$9"}, None),
    ],
)
def test_each_step_does_what_prometheus_does(step: dict[str, object], after: str | None) -> None:
    found = Relabeller([RelabelConfig.model_validate(step)]).apply({"a": "xy", "b": "Z"})

    assert found is not None
    assert found.get("n") == after


def test_a_hash_is_the_one_that_prometheus_makes() -> None:
    """Prometheus's own tests say so: baz modulo 1000 is 976."""
    step = {"action": "hashmod", "source_labels": ["c"], "modulus": 1000, "target_label": "d"}

    assert Relabeller([RelabelConfig.model_validate(step)]).apply({"c": "baz"}) == {
        "c": "baz",
        "d": "976",
    }


def test_what_is_equal_is_kept_or_dropped() -> None:
    def stays(action: str, a: str) -> bool:
        step = RelabelConfig.model_validate(
            {"action": action, "source_labels": ["a"], "target_label": "b"}
        )
        return Relabeller([step]).apply({"a": a, "b": "1"}) is not None

    assert [stays("keepequal", a) for a in "12"] == [True, False]
    assert [stays("dropequal", a) for a in "12"] == [False, True]


def test_a_target_is_changed_or_left_out_before_it_is_scraped() -> None:
    async def main() -> None:
        exporter = Exporter()
        steps = [
            {"source_labels": ["__address__"], "regex": "no.*", "action": "drop"},
            {"target_label": "__metrics_path__", "replacement": "/other"},
            {"target_label": "instance", "replacement": "renamed"},
        ]
        async with scraping(exporter, relabel_configs=steps) as intake:
            await values(intake)

        message = ExportMetricsServiceRequest.FromString(intake.taken[0].payload)
        resource = {
            item.key: item.value.string_value
            for item in message.resource_metrics[0].resource.attributes
        }
        assert exporter.seen[0].path == "/other"
        assert resource["service.instance.id"] == "renamed"
        async with scraping(
            exporter, relabel_configs=[{"source_labels": ["job"], "action": "drop"}]
        ) as intake:
            await asyncio.sleep(0.2)
        assert intake.taken == []

    run(main)


def test_a_series_that_is_gone_is_ended_once() -> None:
    translator = Translator(target())
    both = "# TYPE a gauge\na{x='1'} 1\na{x='2'} 2\n".replace("'", '"')
    one = '# TYPE a gauge\na{x="1"} 1\n'

    def scrape(text: str) -> dict[str, int]:
        message, count = translator.translate(families(text, is_open=False), {}, TIME_NS)
        points = metrics(message)["a"].gauge.data_points if metrics(message) else []
        assert count == len(points)
        return {labels(point)["x"]: point.flags for point in points}

    assert scrape(both) == {"1": 0, "2": 0}
    assert scrape(one) == {"1": 0, "2": 1}
    assert scrape(one) == {"1": 0}
    assert scrape("") == {"1": 1}
    assert scrape("") == {}


@pytest.mark.parametrize("text", ["a{", "# TYPE a counter\na x\n"])
def test_what_is_no_exposition_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        families(text, is_open=False)


# ------------------------------------------------------------- scraping


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
) -> AsyncIterator[MemoryIntake]:
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
    ids=["500", "nonsense", "not text", "samples", "length", "bomb", "nobody"],
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


@pytest.mark.parametrize(
    "job",
    [
        {"job_name": ""},
        {"static_configs": []},
        {"static_configs": [{"targets": []}]},
        {"scrape_timeout": "2m"},
        {"relabel_configs": [{"action": "replace"}]},
        {"metric_relabel_configs": [{"regex": "("}]},
        {"file_sd_configs": []},
        {"basic_auth": {"username": "x"}},
        {"basic_auth": {"username": "x", "password": "y"}, "authorization": {"credentials": "z"}},
    ],
    ids=str,
)
def test_a_job_that_cannot_be_is_a_mistake(job: dict[str, object]) -> None:
    whole = {"job_name": "j", "static_configs": [{"targets": ["h:1"]}], **job}

    with pytest.raises(ValidationError):
        PrometheusReceiverConfig.model_validate({"config": {"scrape_configs": [whole]}})


def test_a_short_interval_shortens_the_default_timeout() -> None:
    job = {"job_name": "j", "static_configs": [{"targets": ["h:1"]}], "scrape_interval": "5s"}
    scrapes = PrometheusReceiverConfig.model_validate({"config": {"scrape_configs": [job]}}).config

    assert scrapes.timeout_ns(scrapes.scrape_configs[0]) == 5 * 10**9
