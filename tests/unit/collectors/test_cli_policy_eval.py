"""`collector policy eval` runs other policies over the inbox, beside those that run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from collectors.cli import cli
from collectors.cli.given import read
from collectors.cli.tally import TRACE, only_in
from collectors.config.plan import plan
from collectors.service.eras import Kept
from tests.sampled_data import entry, write_inbox
from tests.sampled_traces import span, trace_id

CONFIG = """\
receivers: {{otlp: {{protocols: {{http: {{endpoint: "127.0.0.1:4318"}}}}}}}}
processors:
  resource: {{attributes: [{{key: seen, value: x, action: upsert}}]}}
  tail_sampling:
    decision_wait: 10s
    policies: [{policies}]
  {more}
connectors: {{forward: {{}}}}
exporters: {{debug: {{}}}}
service: {{pipelines: {{{pipelines}}}}}
"""
ERRORS = "{name: errors, type: status_code, status_code: {status_codes: [ERROR]}}"
SLOW = "{name: slow, type: latency, latency: {threshold_ms: 1000}}"
HALF = "{name: half, type: probabilistic, probabilistic: {sampling_percentage: 50}}"
RATE = "{name: rate, type: rate_limiting, rate_limiting: {spans_per_second: 2}}"
STRAIGHT = "traces: {receivers: [otlp], processors: [tail_sampling], exporters: [debug]}"
FORWARDED = (
    "traces/in: {receivers: [otlp], processors: [resource], exporters: [forward, debug]}, "
    "traces/out: {receivers: [forward], processors: [tail_sampling], exporters: [debug]}, "
    "metrics: {receivers: [otlp], exporters: [debug]}"
)


def config(
    folder: Path, name: str, policies: str, pipelines: str = STRAIGHT, more: str = ""
) -> Path:
    path = folder / f"{name}.yaml"
    path.write_text(CONFIG.format(policies=policies, pipelines=pipelines, more=more))
    return path


def data(folder: Path, policies: str = ERRORS) -> Path:
    """40 traces of two spans, the second late by 5 s; 1 in 4 fails, 1 in 5 is slow."""
    loaded = plan(read([config(folder, "running", policies)]))
    kept = Kept(f"{loaded.fingerprint}/1", loaded.recipe, frozenset())
    first = [
        entry(of, span(of, error=of % 4 == 0, ms=2000 if of % 5 == 0 else 1)) for of in range(40)
    ]
    second = [entry(of + 5.5, span(of, 1)) for of in range(40)]
    inbox = folder / "data"
    merged = sorted(first + second, key=lambda one: one.steady_ns)
    write_inbox(inbox, merged, kept)
    return inbox


def evaluate(inbox: Path, candidate: Path, *more: str) -> Result:
    arguments = ["policy", "eval", "--config", str(candidate), "--data", str(inbox), *more]
    return CliRunner().invoke(cli, arguments)


def words(inbox: Path, candidate: Path, *more: str) -> dict[str, Any]:
    result = evaluate(inbox, candidate, "--format", "json", *more)
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def test_both_are_run_over_the_same_spans(tmp_path: Path) -> None:
    found = words(data(tmp_path), config(tmp_path, "new", f"{SLOW}, {HALF}"))

    assert (found["inbox"]["spans"], found["inbox"]["requests"]) == (80, 80)
    current, candidate = found["configurations"]
    assert (current["name"], current["traces"], current["keptTraces"]) == ("current", 40, 10)
    assert current["keptSpans"] == 20
    half = {of for of in range(40) if trace_id(of)[9] >= 0x80}
    slow = set(range(0, 40, 5))
    assert candidate["keptTraces"] == len(half | slow)
    assert candidate["errors"] == {
        "traces": 10,
        "kept": len((half | slow) & set(range(0, 40, 4))),
        "lost": 10 - len((half | slow) & set(range(0, 40, 4))),
    }
    (sampler,) = candidate["samplers"]
    assert sampler["sampler"] == "traces/tail_sampling"
    assert sampler["policies"] == [
        {"policy": "slow", "wanted": 8, "decided": 8},
        {"policy": "half", "wanted": len(half), "decided": len(half - slow)},
    ]


def test_what_only_one_keeps_is_named_with_its_reason(tmp_path: Path) -> None:
    found = words(data(tmp_path), config(tmp_path, "new", SLOW), "--examples", "40")

    lost, won = found["differences"]
    assert (lost["onlyKeptBy"], won["onlyKeptBy"]) == ("current", "candidate")
    errors, slow = set(range(0, 40, 4)), set(range(0, 40, 5))
    assert {of["traceId"] for of in lost["examples"]} == {
        trace_id(of).hex() for of in errors - slow
    }
    assert {of["traceId"] for of in won["examples"]} == {trace_id(of).hex() for of in slow - errors}
    assert (lost["traces"], lost["spans"]) == (len(errors - slow), 2 * len(errors - slow))
    one = lost["examples"][0]
    assert (one["keptBy"], one["otherwise"], one["has"], one["spans"], one["durationMs"]) == (
        "errors",
        "no policy wants it",
        ["an error"],
        2,
        10,
    )


def test_the_same_policies_keep_the_same(tmp_path: Path) -> None:
    inbox = data(tmp_path, f"{ERRORS}, {RATE}")
    result = evaluate(inbox, config(tmp_path, "new", f"{ERRORS}, {RATE}"))

    assert result.exit_code == 0, result.output
    assert "only the current configuration keeps: nothing" in result.output
    assert "only the candidate configuration keeps: nothing" in result.output


def test_bad_events_that_would_be_lost_are_counted_by_slo(tmp_path: Path) -> None:
    slos = "sli: {slos: {shop: {spans: {service: sample, bad: {above: 1s}}}}}"
    pipelines = STRAIGHT.replace("[tail_sampling]", "[sli, tail_sampling]")
    found = words(data(tmp_path), config(tmp_path, "new", ERRORS, pipelines, slos))

    assert found["configurations"][1]["badEvents"] == {
        "shop": {"traces": 16, "kept": 10, "lost": 6}
    }
    output = evaluate(tmp_path / "data", tmp_path / "new.yaml").output
    assert "bad for shop" in output
    assert "10 of 16, 6 lost" in output


def test_pipelines_before_the_sampler_are_run_and_others_are_not(tmp_path: Path) -> None:
    found = words(data(tmp_path), config(tmp_path, "new", ERRORS, FORWARDED))

    (sampler,) = found["configurations"][1]["samplers"]
    assert sampler["sampler"] == "traces/out/tail_sampling"
    assert [one["traces"] for one in found["differences"]] == [0, 0]


def test_late_spans_of_kept_traces_are_kept(tmp_path: Path) -> None:
    loaded = plan(read([config(tmp_path, "running", ERRORS)]))
    kept = Kept(f"{loaded.fingerprint}/1", loaded.recipe, frozenset())
    entries = [entry(0, span(0, error=True), span(1)), entry(20, span(0, 1), span(1, 1))]
    write_inbox(tmp_path / "data", entries, kept)

    found = words(tmp_path / "data", config(tmp_path, "new", ERRORS))

    assert [of["keptSpans"] for of in found["configurations"]] == [2, 2]
    assert [of["lateSpans"] for of in found["configurations"]] == [1, 1]


def test_a_trace_that_a_late_span_brings_back_counts_once(tmp_path: Path) -> None:
    loaded = plan(read([config(tmp_path, "running", ERRORS)]))
    kept = Kept(f"{loaded.fingerprint}/1", loaded.recipe, frozenset())
    entries = [entry(0, span(0), span(0, 1)), entry(20, span(0, 2, error=True))]
    write_inbox(tmp_path / "data", entries, kept)

    found = words(tmp_path / "data", config(tmp_path, "new", SLOW))

    current, candidate = found["configurations"]
    assert (current["traces"], current["keptTraces"], current["keptSpans"]) == (1, 1, 3)
    assert candidate["keptTraces"] == 0
    assert found["differences"][0]["examples"][0]["keptBy"] == "errors"


def test_only_the_last_minutes_can_be_asked_about(tmp_path: Path) -> None:
    found = words(data(tmp_path), config(tmp_path, "new", SLOW), "--last", "10s")

    assert 10 <= found["inbox"]["spans"] <= 22
    wrong = evaluate(tmp_path / "data", tmp_path / "new.yaml", "--last", "soon")
    assert wrong.exit_code == 2
    assert "--last soon: a number with s, m or h is wanted" in wrong.stderr


def test_a_file_can_stand_for_the_current_configuration(tmp_path: Path) -> None:
    write_inbox(tmp_path / "data", [entry(0, span(0, error=True))])
    new = config(tmp_path, "new", SLOW)

    unknown = evaluate(tmp_path / "data", new)
    assert unknown.exit_code == 1
    assert "name a file with --current" in unknown.stderr

    old = config(tmp_path, "old", ERRORS)
    found = words(tmp_path / "data", new, "--current", str(old))
    assert [of["keptTraces"] for of in found["configurations"]] == [1, 0]


def test_without_a_sampler_now_everything_is_kept_now(tmp_path: Path) -> None:
    pipelines = STRAIGHT.replace("tail_sampling", "resource")
    loaded = plan(read([config(tmp_path, "running", ERRORS, pipelines)]))
    kept = Kept(f"{loaded.fingerprint}/1", loaded.recipe, frozenset())
    write_inbox(tmp_path / "data", [entry(0, span(0, error=True))], kept)

    result = evaluate(tmp_path / "data", config(tmp_path, "new", SLOW))
    assert "the current configuration has no tail_sampling: it keeps all of this" in result.output
    nothing = evaluate(tmp_path / "data", config(tmp_path, "none", SLOW, pipelines))
    assert nothing.exit_code == 1
    assert "the candidate has no pipeline with tail_sampling" in nothing.stderr


def test_spans_of_unknown_receivers_are_told(tmp_path: Path) -> None:
    path = config(tmp_path, "new", SLOW)
    path.write_text(path.read_text().replace("otlp", "otlp/other"))
    result = evaluate(data(tmp_path), path)

    assert "80 spans came from receivers that the candidate configuration does not have" in (
        result.output
    )


def test_a_wrong_candidate_is_told_at_its_place(tmp_path: Path) -> None:
    new = config(tmp_path, "new", SLOW.replace("1000", "x"))
    result = evaluate(data(tmp_path), new)

    assert result.exit_code == 1
    assert "policies.0.latency.threshold_ms" in result.stderr
    assert f"{new}:6:" in result.stderr
    empty = tmp_path / "empty"
    empty.mkdir()
    assert "is not a data directory" in evaluate(empty, config(tmp_path, "new", SLOW)).stderr


def test_trying_changes_no_byte(tmp_path: Path) -> None:
    inbox, new = data(tmp_path), config(tmp_path, "new", SLOW)
    before = {path: path.read_bytes() for path in inbox.rglob("*") if path.is_file()}

    first, again = words(inbox, new), words(inbox, new)

    assert {path: path.read_bytes() for path in inbox.rglob("*") if path.is_file()} == before
    del first["seconds"], again["seconds"]
    assert first == again


@pytest.mark.parametrize("count", [0, 1, 200])
def test_traces_are_matched_by_their_whole_id(count: int) -> None:
    rows = np.zeros(count, TRACE)
    rows["high"] = np.arange(count, dtype=np.uint64) * np.uint64(0x0123_4567_89AB_CDEF) % 7
    rows["low"] = np.arange(count, dtype=np.uint64) << np.uint64(50)
    rows["keep"] = True
    rows = rows[np.lexsort((rows["low"], rows["high"]))]
    other = rows[::2].copy()
    other["keep"][::2] = False

    lost, places = only_in(rows, other)

    assert len(lost) == count - len(other) + len(other[::2])
    known = places >= 0
    assert (other["low"][places[known]] == lost["low"][known]).all()
