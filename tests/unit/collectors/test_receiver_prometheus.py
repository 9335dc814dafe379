"""Scraping: what a target says arrives as it was said, and so does its silence."""

from __future__ import annotations

import pytest
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

from collectors.receivers.prometheus import PrometheusReceiverConfig
from collectors.receivers.prometheus.translate import Translator, families
from tests.scraped_targets import TIME_NS, labels, metrics, series, shown, target, translated


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
