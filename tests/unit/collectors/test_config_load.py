"""Configurations are read as people wrote them, and every mistake is told where it stands."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from collectors.config.load import Text, load
from collectors.config.model import Loaded
from collectors.config.plan import plan
from collectors.config.printing import printed
from collectors.config.recipe import rebuilt, recipe
from collectors.config.registry import Kind, Registry
from collectors.config.tree import Surroundings
from collectors.service.plan import Durability
from slo.diagnostic import Diagnostic, Level

REGISTRY = Registry.installed()

GOOD = """\
receivers:
  otlp:
    protocols:
      grpc:
      http: {endpoint: "127.0.0.1:0"}
processors:
  batch: {timeout: 1s, send_batch_size: 100, send_batch_max_size: 200}
exporters:
  otlphttp: {endpoint: "http://127.0.0.1:9/"}
  debug:
service:
  pipelines:
    traces: {receivers: [otlp], processors: [batch], exporters: [otlphttp, debug]}
"""


WAY_OUT = "write ${env:NAME:-default} for a default, or $$ for a dollar sign"


def no_files(path: str) -> str:
    raise FileNotFoundError(2, "No such file or directory", path)


def read(
    *texts: str,
    environment: Mapping[str, str] | None = None,
    files: Mapping[str, str] | None = None,
) -> tuple[Loaded | None, list[Diagnostic]]:
    contents = files or {}
    around = Surroundings(
        environment or {}, lambda path: contents[path] if path in contents else no_files(path)
    )
    named = [Text(f"{index}.yaml", text) for index, text in enumerate(texts)]
    return load(named, around, REGISTRY)


def good(*texts: str, **around: Mapping[str, str]) -> Loaded:
    loaded, problems = read(*texts, **around)
    assert loaded is not None, problems
    return loaded


def errors(*texts: str, **around: Mapping[str, str]) -> list[str]:
    _, problems = read(*texts, **around)
    return [
        f"{p.code} {p.place.line}:{p.place.column} {p.text} | {p.help}"
        for p in problems
        if p.place and p.level is Level.ERROR
    ]


def with_line(old: str, new: str) -> str:
    assert old in GOOD
    return GOOD.replace(old, new)


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


def test_a_mistake_in_the_second_file_is_told_in_the_second_file() -> None:
    _, problems = read(GOOD, "exporters: {debug: {verbosity: loud}}")

    assert [p.place.file for p in problems if p.place] == ["1.yaml"]


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


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("grpc:", "grcp:", "COL004 4:7 unknown key protocols.grcp | did you mean grpc?"),
        (
            '"127.0.0.1:0"',
            '"127.0.0.1"',
            (
                "COL005 5:24 protocols.http.endpoint must be host:port with a port from 0 to "
                "65535, got '127.0.0.1' | "
            ),
        ),
        (
            "timeout: 1s",
            "timeout: 1 s",
            "COL005 7:20 timeout must be a duration such as 200ms, 5s or 1h30m, got '1 s' | ",
        ),
        (
            "send_batch_max_size: 200",
            "send_batch_max_size: 1",
            (
                "COL005 7:3 batch send_batch_max_size must be 0 or at least send_batch_size (100), "
                "got 1 | "
            ),
        ),
        (
            "  debug:",
            "  debgu:",
            "COL006 10:3 no exporter named debgu is installed | did you mean debug?",
        ),
        (
            "receivers: [otlp]",
            "receivers: [otpl]",
            "COL007 13:26 receiver otpl is not defined | did you mean otlp?",
        ),
        (
            "    traces:",
            "    trace:",
            "COL011 13:5 a pipeline is named after its signal, got trace | did you mean traces?",
        ),
        (
            "processors: [batch]",
            "processors: [batch, batch]",
            "COL011 13:53 batch stands twice among the processors of traces | ",
        ),
        (
            "exporters: [otlphttp, debug]",
            "exporters: []",
            "COL005 13:54 exporters must hold at least 1, got [] | ",
        ),
        (
            "exporters:\n",
            "exportes:\n",
            "COL004 8:1 unknown section exportes | did you mean exporters?",
        ),
        (
            "timeout: 1s",
            'timeout: "${env:NOPE}"',
            "COL003 7:20 the environment variable NOPE is not set | " + WAY_OUT,
        ),
        (
            "timeout: 1s",
            'timeout: "${http:x}"',
            "COL003 7:20 ${http:...} is not supported, only env and file | " + WAY_OUT,
        ),
        (
            "  debug:",
            "  debug: {sending_queue: {enabled: false}}",
            (
                "COL005 10:36 sending_queue.enabled must be true: what is acknowledged waits on "
                "disk for every destination, got false | "
            ),
        ),
        ("  debug:", "  debug/: {}", "COL005 10:3 debug/ must have a name after the slash | "),
        (
            "grpc:",
            "grpc: {endpoint: 1}",
            "COL005 4:24 protocols.grpc.endpoint must be text, got 1 | ",
        ),
    ],
)
def test_a_mistake_is_told_at_its_place_with_the_way_out(old: str, new: str, expected: str) -> None:
    assert expected in errors(with_line(old, new))


def test_all_mistakes_are_told_in_one_run() -> None:
    text = GOOD.replace("grpc:", "grcp:").replace("1s", "one").replace("[otlp]", "[x]")

    codes = [line.split()[0] for line in errors(text)]

    assert codes == ["COL004", "COL005", "COL007"]


def test_a_signal_that_a_component_does_not_carry_is_told() -> None:
    text = with_line("  debug:", "  debug:\n  prometheus:").replace("debug]", "prometheus]")

    assert "COL008 14:76 prometheus takes metrics, not traces | " in errors(text)


def test_what_is_defined_and_not_used_is_a_warning() -> None:
    loaded, problems = read(with_line("[otlphttp, debug]", "[debug]"))

    assert loaded is not None
    assert [(p.code, p.level) for p in problems] == [("COL009", Level.WARNING)]
    assert "otlphttp" not in plan(loaded).exporters


FORWARD = """\
receivers: {otlp: {protocols: {http: {endpoint: "127.0.0.1:0"}}}}
processors: {memory_limiter: {limit_mib: 100}, batch: {}}
exporters: {debug: {}}
connectors: {forward: {}}
service:
  pipelines:
    traces/in: {receivers: [otlp], exporters: [forward]}
    traces/out: {receivers: [forward], exporters: [debug]}
"""


def test_the_order_is_not_judged_where_a_processor_could_not_be_read() -> None:
    text = GOOD.replace(
        "  batch: {", "  memory_limiter: {limit_mb: 9}\n  redaction: {}\n  batch: {"
    )
    text = text.replace("[batch]", "[memory_limiter, redaction, batch]")

    assert [line.split()[0] for line in errors(text)] == ["COL004"]


def test_a_connector_joins_two_pipelines() -> None:
    made = plan(good(FORWARD))

    assert set(made.connectors) == {"forward"}
    assert made.pipelines["traces/out"].receivers == ("forward",)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("receivers: [forward]", "receivers: [otlp]", "COL009 7:5"),
        ("exporters: [forward]", "exporters: [debug]", "COL009 8:5"),
        ("traces/out", "logs/out", "COL009 7:5"),
        ("exporters: [debug]}", "exporters: [debug, forward]}", "COL012 8:5"),
        (
            "[otlp], exporters",
            "[otlp], processors: [batch, memory_limiter], exporters",
            "COL013 7:56",
        ),
        (
            "[forward], exporters",
            "[forward], processors: [memory_limiter], exporters",
            "COL013 8:53",
        ),
    ],
)
def test_pipelines_that_cannot_work_are_told(old: str, new: str, expected: str) -> None:
    assert old in FORWARD

    assert any(line.startswith(expected) for line in errors(FORWARD.replace(old, new, 1)))


def test_a_memory_limiter_must_lead_every_pipeline_of_its_receiver() -> None:
    more = "    logs: {receivers: [otlp], processors: [memory_limiter], exporters: [debug]}\n"

    assert any(line.startswith("COL013 9:5") for line in errors(FORWARD + more))


def test_extensions_are_defined_once_and_storage_is_one() -> None:
    text = GOOD + "extensions: {file_storage: {}, file_storage/b: {}}\n"
    both = text.replace("service:", "service:\n  extensions: [file_storage, file_storage/b, nope]")

    codes = [line.split()[0] for line in errors(both)]

    assert codes == ["COL014", "COL007"]


CLASHING = """\
receivers:
  otlp: {protocols: {grpc: {endpoint: "127.0.0.1:4317"}}}
  otlp/b:
    protocols:
      http: {endpoint: "OTHER"}
exporters:
  file: {path: /tmp/a/../out.json}
  file/b: {path: FILE}
  file/unused: {path: /tmp/out.json}
service:
  pipelines:
    traces: {receivers: [otlp, otlp/b], exporters: [file, file/b]}
  telemetry:
    metrics: {readers: [{pull: {exporter: {prometheus: {host: "::1", port: OWN}}}}]}
"""


@pytest.mark.parametrize(
    ("other", "file", "own", "expected"),
    [
        ("127.0.0.1:4318", "/tmp/b", "8888", None),
        ("127.0.0.2:4317", "/tmp/b", "4317", None),
        ("127.0.0.1:0", "/tmp/b", "0", None),
        (
            "0.0.0.0:4317",
            "/tmp/b",
            "8888",
            "5:24 receiver otlp/b (protocols.http.endpoint) listens on",
        ),
        (
            "localhost:4317",
            "/tmp/b",
            "8888",
            "receiver otlp (protocols.grpc.endpoint) at 0.yaml:2:39",
        ),
        (
            ":8888",
            "/tmp/b",
            "8888",
            "14:76 service.telemetry.metrics listens on ::1:8888, and so does",
        ),
        (
            "127.0.0.1:1",
            "/tmp/out.json",
            "8888",
            "8:18 exporter file/b (path) writes /tmp/out.json, and",
        ),
    ],
)
def test_what_only_one_can_have_is_not_given_to_two(
    other: str, file: str, own: str, expected: str | None
) -> None:
    text = CLASHING.replace("OTHER", other).replace("FILE", file).replace("OWN", own)

    found = errors(text)

    assert len(found) == (expected is not None)
    if expected is not None:
        assert found[0].startswith("COL015 ")
        assert expected in found[0]


def test_an_exporter_that_is_named_as_a_used_receiver_is_not_used_for_that() -> None:
    text = GOOD.replace("exporters:\n", 'exporters:\n  otlp: {endpoint: "127.0.0.1:9"}\n', 1)

    assert set(plan(good(text)).exporters) == {"otlphttp", "debug"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "COL002"),
        ("- a\n", "COL002"),
        ("a: [\n", "SLO001"),
        ("service: {}\nservice: {}\n", "SLO002"),
        ("receivers: 3\n", "COL005"),
        ("receivers:\n", "COL011"),
    ],
)
def test_files_that_hold_no_configuration_are_told(text: str, expected: str) -> None:
    loaded, problems = read(text)

    assert loaded is None
    assert expected in {problem.code for problem in problems}


def test_a_plugin_that_cannot_be_imported_is_told_at_its_place() -> None:
    from importlib.metadata import EntryPoint  # noqa: PLC0415 - only here

    key = (Kind.EXPORTERS, "broken")
    broken = EntryPoint("broken", "collectors.not_there:FACTORY", "fleetslo.exporters")
    wrong = EntryPoint("wrong", "collectors.processors.batch:FACTORY", "fleetslo.exporters")
    registry = Registry({**REGISTRY.points, key: broken, (Kind.EXPORTERS, "wrong"): wrong})
    text = with_line("  debug:", "  debug:\n  broken:\n  wrong:")

    _, problems = load([Text("a", text)], Surroundings({}, no_files), registry)

    told = [(p.code, p.place.line) for p in problems if p.place and p.level is Level.ERROR]
    assert told == [("COL010", 11), ("COL010", 12)]


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
