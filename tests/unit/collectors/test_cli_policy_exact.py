"""`collector policy eval` decides when the daemon did, and refuses what it cannot know."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from collectors.cli.given import read
from collectors.config.plan import plan
from collectors.graph import DecideEarly, Skip, Tick, control_entry
from collectors.graph.control import Control
from collectors.log import Entry
from collectors.service.eras import Kept
from tests.sampled_data import WALL_NS, entry, write_inbox
from tests.sampled_traces import SECOND, span
from tests.unit.collectors.test_cli_policy_eval import (
    ERRORS,
    SLOW,
    STRAIGHT,
    config,
    evaluate,
    words,
)

PAIRS = "{name: pairs, type: span_count, span_count: {min_spans: 2}}"
AND_ON = (
    "traces/in: {receivers: [otlp], processors: [tail_sampling], exporters: [forward]}, "
    "traces/out: {receivers: [forward], processors: [%s], exporters: [debug]}"
)
SECOND_ONE = "tail_sampling/second: {policies: [{name: all, type: always_sample}]}"
CHANCE = "probabilistic_sampler: {sampling_percentage: 50}"


def told(at: float, what: Control) -> Entry:
    steady_ns = int(at * SECOND)
    return control_entry(what, steady_ns, WALL_NS + steady_ns)


def kept(folder: Path, entries: Sequence[Entry], policies: str = PAIRS, **how: str) -> list[int]:
    """Traces that what runs keeps, and that a candidate of the same policies keeps."""
    loaded = plan(read([config(folder, "running", policies)]))
    write_inbox(
        folder / "data", entries, Kept(f"{loaded.fingerprint}/1", loaded.recipe, frozenset())
    )
    new = config(folder, "new", policies)
    new.write_text(new.read_text().replace("decision_wait: 10s", how.get("wait", "")))
    found = words(folder / "data", new)
    return [of["keptTraces"] for of in found["configurations"]]


def test_what_the_disk_made_the_daemon_decide_early_is_decided_early(tmp_path: Path) -> None:
    entries = [
        entry(0, span(0), span(1), span(1, 1)),
        told(5, DecideEarly(0)),
        entry(6, span(0, 1)),
    ]

    assert kept(tmp_path, entries, wait="decision_wait: 10s") == [1, 1]


def test_only_as_many_are_decided_early_as_the_disk_asked_for(tmp_path: Path) -> None:
    both = span(0).ByteSize() + span(1).ByteSize()
    entries = [
        entry(0, span(0), span(1)),
        told(5, DecideEarly(both - 1)),
        entry(6, span(0, 1), span(1, 1)),
    ]

    assert kept(tmp_path, entries, wait="decision_wait: 10s") == [1, 1]


def test_a_decision_is_made_when_the_daemon_made_it(tmp_path: Path) -> None:
    entries = [entry(0, span(0)), entry(10.3, span(0, 1)), told(10.5, Tick()), entry(30)]

    assert kept(tmp_path, entries, wait="decision_wait: 10s") == [1, 1]


def test_a_decision_that_the_daemon_had_not_to_make_is_made_in_time(tmp_path: Path) -> None:
    entries = [entry(0, span(0)), entry(8, span(0, 1)), told(10, Tick()), entry(30)]

    assert kept(tmp_path, entries, wait="decision_wait: 5s") == [1, 0]


def test_requests_that_the_daemon_passed_over_are_told(tmp_path: Path) -> None:
    loaded = plan(read([config(tmp_path, "running", ERRORS)]))
    entries = [entry(0, span(0)), told(1, Skip(1))]
    write_inbox(
        tmp_path / "data", entries, Kept(f"{loaded.fingerprint}/1", loaded.recipe, frozenset())
    )

    output = evaluate(tmp_path / "data", config(tmp_path, "new", SLOW)).output

    assert "1 request that ended the daemon, and that it left out then, came here too" in output


@pytest.mark.parametrize(
    ("pipelines", "more", "said"),
    [
        (
            AND_ON % "tail_sampling/second",
            SECOND_ONE,
            "tail_sampling/second in traces/out gets only what tail_sampling in traces/in keeps",
        ),
        (
            AND_ON % "probabilistic_sampler",
            CHANCE,
            "probabilistic_sampler in traces/out gets only what tail_sampling in traces/in keeps",
        ),
        (
            STRAIGHT.replace("[tail_sampling]", "[tail_sampling, probabilistic_sampler]"),
            CHANCE,
            "probabilistic_sampler in traces gets only what tail_sampling in traces keeps",
        ),
    ],
)
def test_a_sampler_behind_a_sampler_is_refused_at_its_place(
    tmp_path: Path, pipelines: str, more: str, said: str
) -> None:
    write_inbox(tmp_path / "data", [entry(0, span(0))])
    chain = config(tmp_path, "chain", ERRORS, pipelines, more)
    plain = config(tmp_path, "plain", ERRORS)

    for new, old, which in ((chain, plain, "candidate"), (plain, chain, "current")):
        refused = evaluate(tmp_path / "data", new, "--current", str(old))

        assert refused.exit_code != 0
        assert f"the {which} configuration cannot be tried: {chain}:7:3: {said}" in refused.stderr


def test_chance_before_a_sampler_is_no_chain(tmp_path: Path) -> None:
    write_inbox(tmp_path / "data", [entry(0, span(0, error=True))])
    pipelines = STRAIGHT.replace("[tail_sampling]", "[probabilistic_sampler, tail_sampling]")
    new = config(tmp_path, "new", ERRORS, pipelines, CHANCE.replace("50", "100"))

    found = words(tmp_path / "data", new, "--current", str(config(tmp_path, "old", ERRORS)))

    assert [of["keptTraces"] for of in found["configurations"]] == [1, 1]


def test_an_exporter_with_the_name_of_a_receiver_is_no_way_back(tmp_path: Path) -> None:
    write_inbox(tmp_path / "data", [entry(0, span(0, error=True))])
    pipelines = STRAIGHT.replace("exporters: [debug]", "exporters: [otlp]")
    new = config(tmp_path, "new", ERRORS, pipelines)
    new.write_text(
        new.read_text().replace("debug: {}", "otlp: {endpoint: 'http://127.0.0.1:9'}, debug: {}")
    )

    found = words(tmp_path / "data", new, "--current", str(config(tmp_path, "old", ERRORS)))

    assert [of["keptTraces"] for of in found["configurations"]] == [1, 1]
