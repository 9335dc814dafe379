"""Every mistake in a configuration is told in one run, where it stands, with the way out."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from collectors.config.load import Text, load
from collectors.config.plan import plan
from collectors.config.registry import Kind, Registry
from collectors.config.tree import Surroundings
from slo.diagnostic import Level
from tests.collector_texts import FORWARD, GOOD, REGISTRY, no_files, read, with_line

WAY_OUT = "write ${env:NAME:-default} for a default, or $$ for a dollar sign"


def errors(*texts: str, **around: Mapping[str, str]) -> list[str]:
    _, problems = read(*texts, **around)
    return [
        f"{p.code} {p.place.line}:{p.place.column} {p.text} | {p.help}"
        for p in problems
        if p.place and p.level is Level.ERROR
    ]


def test_a_mistake_in_the_second_file_is_told_in_the_second_file() -> None:
    _, problems = read(GOOD, "exporters: {debug: {verbosity: loud}}")

    assert [p.place.file for p in problems if p.place] == ["1.yaml"]


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


def test_the_order_is_not_judged_where_a_processor_could_not_be_read() -> None:
    text = GOOD.replace(
        "  batch: {", "  memory_limiter: {limit_mb: 9}\n  redaction: {}\n  batch: {"
    )
    text = text.replace("[batch]", "[memory_limiter, redaction, batch]")

    assert [line.split()[0] for line in errors(text)] == ["COL004"]


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
