"""Configurations are read as people wrote them."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from collectors.config.load import Text, load
from collectors.config.model import Loaded
from collectors.config.plan import plan
from collectors.config.printing import printed
from collectors.config.recipe import rebuilt, recipe
from collectors.config.registry import Kind
from collectors.config.tree import Surroundings
from collectors.service.plan import Durability
from tests.collector_texts import FORWARD, GOOD, REGISTRY, no_files, read, with_line


def good(*texts: str, **around: Mapping[str, str]) -> Loaded:
    loaded, problems = read(*texts, **around)
    assert loaded is not None, problems
    return loaded


def test_a_collector_configuration_is_read_with_its_defaults() -> None:
    loaded = good(GOOD)

    ids = {(kind.value, name) for kind, name in loaded.components}
    assert ids == {
        ("receivers", "otlp"),
        ("processors", "batch"),
        ("exporters", "otlphttp"),
        ("exporters", "debug"),
    }
    assert loaded.components[Kind.EXPORTERS, "otlphttp"].type_name == "otlp_http"


def test_a_batch_processor_sets_how_its_exporters_gather() -> None:
    queue = plan(good(GOOD)).exporters["otlphttp"].queue

    assert (queue.min_items, queue.max_items, queue.linger_seconds) == (100, 200, 1.0)
    assert queue.max_elapsed_seconds == 0


def test_retry_switched_off_gives_up_after_the_first_try() -> None:
    text = with_line('"http://127.0.0.1:9/"', '"http://x", retry_on_failure: {enabled: false}')

    assert 0 < plan(good(text)).exporters["otlphttp"].queue.max_elapsed_seconds < 0.01


def test_storage_and_own_metrics_reach_the_plan() -> None:
    more = """\
extensions: {file_storage: {directory: /var/x, max_size: 1GiB, durability: os, retain: 10m}}
service:
  extensions: [file_storage]
  telemetry: {metrics: {readers: [{pull: {exporter: {prometheus: {host: 0.0.0.0, port: 1}}}}]}}
"""

    made = plan(good(GOOD, more))

    assert str(made.storage.directory) == "/var/x"
    assert made.storage.max_size_bytes == 1024**3
    assert made.storage.durability is Durability.OS
    assert made.storage.retain_seconds == 600
    assert (made.telemetry.metrics_host, made.telemetry.metrics_port) == ("0.0.0.0", 1)


def test_own_metrics_can_be_switched_off() -> None:
    off = "service: {telemetry: {metrics: {level: none}}}"

    assert plan(good(GOOD, off)).telemetry.metrics_host is None


def test_later_files_merge_maps_and_replace_lists() -> None:
    more = """\
exporters: {debug: {verbosity: normal}}
service: {pipelines: {traces: {exporters: [debug]}}}
"""

    loaded = good(GOOD, more)

    assert loaded.pipelines[0].exporters == ("debug",)
    assert loaded.pipelines[0].receivers == ("otlp",)


def test_equal_configurations_have_equal_fingerprints() -> None:
    changed = with_line("timeout: 1s", "timeout: 2s")

    assert plan(good(GOOD)).fingerprint == plan(good(GOOD + "\n# a comment\n")).fingerprint
    assert plan(good(GOOD)).fingerprint != plan(good(changed)).fingerprint


@pytest.mark.parametrize(
    ("written", "environment", "expected"),
    [
        ("${env:SIZE}", {"SIZE": "7"}, 7),
        ("${SIZE}", {"SIZE": "7"}, 7),
        ("${env:SIZE:-8}", {}, 8),
        ("${env:SIZE:-8}", {"SIZE": "9"}, 9),
        ("${file:size.txt}", {}, 11),
    ],
)
def test_references_take_the_type_of_what_they_stand_for(
    written: str, environment: dict[str, str], expected: int
) -> None:
    text = with_line(
        "send_batch_size: 100, send_batch_max_size: 200", f'send_batch_size: "{written}"'
    )

    loaded = good(text, environment=environment, files={"size.txt": "11\n"})

    assert plan(loaded).exporters["debug"].queue.min_items == expected


def test_a_reference_may_stand_for_a_whole_block() -> None:
    text = with_line('http: {endpoint: "127.0.0.1:0"}', "http: ${file:http.yaml}")

    loaded = good(text, files={"http.yaml": "endpoint: 127.0.0.1:5\n"})

    assert "127.0.0.1:5" in repr(loaded.components[Kind.RECEIVERS, "otlp"].config)


def test_two_dollar_signs_are_one_and_nothing_is_replaced_twice() -> None:
    text = with_line('"http://127.0.0.1:9/"', '"http://h/$${env:A}-${env:B}"')

    loaded = good(text, environment={"B": "${env:C}"})

    assert "http://h/${env:A}-${env:C}" in repr(
        loaded.components[Kind.EXPORTERS, "otlphttp"].config
    )


def test_header_values_are_never_shown() -> None:
    text = with_line('"http://127.0.0.1:9/"', '"http://h", headers: {authorization: hush}')

    loaded = good(text)

    assert "hush" not in printed(loaded)
    assert "hush" not in repr(loaded.components)


def test_print_config_can_be_read_again_and_marks_our_differences() -> None:
    text = printed(good(GOOD))

    assert printed(good(text)) == text
    assert "max_elapsed_time: 0s  # the OpenTelemetry Collector's default: 5m" in text


def test_a_connector_joins_two_pipelines() -> None:
    made = plan(good(FORWARD))

    assert set(made.connectors) == {"forward"}
    assert made.pipelines["traces/out"].receivers == ("forward",)


def test_an_exporter_that_is_named_as_a_used_receiver_is_not_used_for_that() -> None:
    text = GOOD.replace("exporters:\n", 'exporters:\n  otlp: {endpoint: "127.0.0.1:9"}\n', 1)

    assert set(plan(good(text)).exporters) == {"otlphttp", "debug"}


def test_what_is_kept_for_a_replay_holds_no_secret_of_a_processor_and_can_be_rebuilt() -> None:
    secret = "d41d8cd98f00"
    processor = (
        "redaction: {allow_all_keys: true, blocked_values: [x], hash_function: hmac-sha256, "
        f"hmac_key: {secret}}}"
    )
    text = GOOD.replace("processors:\n", f"processors:\n  {processor}\n").replace(
        "[batch]", "[redaction, batch]"
    )
    loaded, problems = load([Text("secret.yaml", text)], Surroundings({}, no_files), REGISTRY)
    assert loaded is not None, problems

    kept = recipe(loaded)

    assert secret not in kept
    assert set(rebuilt(kept).processors) == {"redaction", "batch"}
