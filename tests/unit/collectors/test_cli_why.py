"""`collector why` explains what became of a trace from what is left of it on disk."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from collectors.cli import cli
from tests.sampled_data import entry, log, write_decisions, write_inbox, write_snapshot
from tests.sampled_traces import ERRORS, SLOW, Sampled, sampled, share, span, trace_id

HEALTH = {
    "name": "health",
    "type": "drop",
    "drop": {
        "drop_sub_policy": [
            {
                "name": "probes",
                "type": "ottl_condition",
                "ottl_condition": {"span": ['name == "3/0"']},
            }
        ]
    },
}


def why(data: Path, *arguments: str) -> Result:
    return CliRunner().invoke(cli, ["why", "--data", str(data), *arguments])


def decided(data: Path) -> Sampled:
    """1 is an error, 2 is kept by chance, 3 is dropped for good, 4 by nobody, 5 waits."""
    spans = [span(1, error=True, root=True), span(2, ms=40), span(3), span(4)]
    made = sampled(ERRORS, HEALTH, share(25), shadow={"policies": [SLOW]})
    made.give(*spans)
    made.pass_time(31)
    made.give(span(5, ms=7, error=True), at=35)
    write_inbox(data, [entry(0, *spans), entry(35, span(5, ms=7, error=True))])
    write_decisions(data, made, at=31)
    write_snapshot(data, made, at=36)
    return made


def test_a_kept_trace_is_explained_by_votes_and_facts(tmp_path: Path) -> None:
    decided(tmp_path)

    result = why(tmp_path, trace_id(1).hex())

    assert result.exit_code == 0, result.output
    assert "kept by errors, " in result.output
    assert "1 span, " in result.output
    assert "10 ms, with its root" in result.output
    assert "one: it was certain" in result.output
    votes = ["votes       health: no", "            errors: yes", "            share: no"]
    assert "\n  ".join(votes) in result.output
    assert "would drop it, for none of it wants it" in result.output


def test_a_span_cannot_write_lines_or_move_the_cursor_by_its_name(tmp_path: Path) -> None:
    forged = "x\x1b[2J\nkept by errors\u202e" + "y" * 200
    named = span(1, error=True)
    named.name = forged
    made = sampled(ERRORS)
    made.give(named)
    write_inbox(tmp_path, [entry(0, named)])
    write_decisions(tmp_path, made, at=0)

    text = why(tmp_path, trace_id(1).hex()).output

    assert "\x1b" not in text
    assert "\nkept by errors" not in text
    assert r"x\x1b[2J\nkept by errors\u202eyyy" in text
    assert max(map(len, text.splitlines())) < 200
    assert json.loads(why(tmp_path, trace_id(1).hex(), "--format", "json").output)["spans"][0][
        "name"
    ] == (forged)


def test_what_chance_kept_says_how_many_it_stands_for(tmp_path: Path) -> None:
    decided(tmp_path)

    assert "4: kept with a chance of 25.0000%" in why(tmp_path, trace_id(2).hex()).output
    words = json.loads(why(tmp_path, trace_id(2).hex(), "--format", "json").output)
    (decision,) = words["decisions"]
    assert (decision["policy"], decision["weight"]) == ("share", 4)
    assert words["snapshotUnreadable"] is False
    assert decision["votes"] == {"health": False, "errors": False, "share": True}
    assert words["spans"] == [
        {
            "arrived": words["inboxSince"],
            "late": False,
            "name": "2/0",
            "status": "unset",
            "durationMs": 40,
            "root": False,
        }
    ]


def test_a_dropped_trace_is_explained_too(tmp_path: Path) -> None:
    decided(tmp_path)

    for_good = why(tmp_path, trace_id(3).hex()).output
    assert "dropped by health, " in for_good
    assert "health: yes, drop it" in for_good
    assert "errors: not asked" in for_good
    assert "the policy drops for good" in for_good
    assert "dropped, for no policy wanted it, " in why(tmp_path, trace_id(4).hex()).output


def test_a_trace_that_waits_says_until_when(tmp_path: Path) -> None:
    decided(tmp_path)

    words = json.loads(why(tmp_path, trace_id(5).hex(), "--format", "json").output)

    assert words["decisions"] == []
    (waits,) = words["waits"]
    assert (waits["sampler"], waits["state"]) == ("traces/tail_sampling", "waits")
    assert (waits["spans"], waits["durationMs"], waits["hasRoot"]) == (1, 7, False)
    assert len(waits["true"]) == 1
    assert (
        "waits in traces/tail_sampling, decided on about "
        in why(tmp_path, trace_id(5).hex()).output
    )


def test_what_the_decision_log_has_let_go_of_is_still_remembered(tmp_path: Path) -> None:
    decided(tmp_path)
    for path in (tmp_path / "decisions").iterdir():
        path.unlink()
    log(tmp_path / "decisions").close()

    kept = why(tmp_path, trace_id(2).hex(), "--no-spans")
    dropped = why(tmp_path, trace_id(3).hex(), "--no-spans")

    assert "kept by traces/tail_sampling; the decision log does not say why" in kept.output
    assert "chance of 25.0000%" in kept.output
    assert "dropped by traces/tail_sampling" in dropped.output
    assert (kept.exit_code, dropped.exit_code) == (0, 0)


def test_a_late_span_and_the_flip_that_it_makes_are_told(tmp_path: Path) -> None:
    made = sampled(ERRORS)
    made.give(span(1))
    made.pass_time(31)
    made.give(span(1, 1, error=True), at=40)
    write_inbox(tmp_path, [entry(0, span(1)), entry(40, span(1, 1, error=True))])
    write_decisions(tmp_path, made, at=31)

    output = why(tmp_path, trace_id(1).hex()).output

    assert output.index("dropped, for no policy") < output.index("brought back by errors")
    assert "2 spans still in the inbox, 1 after the decision" in output
    assert "error  10 ms  1/1 late" in output


def test_a_trace_that_was_too_large_or_decided_early_says_so(tmp_path: Path) -> None:
    made = sampled(ERRORS, maximum_trace_size_bytes=100, num_traces=1)
    made.give(span(1), span(1, 1), span(2), span(3))
    write_decisions(tmp_path, made, at=1)

    assert "longer than maximum_trace_size_bytes" in why(tmp_path, trace_id(1).hex()).output
    assert "decided on before its time" in why(tmp_path, trace_id(2).hex()).output


def test_the_first_digits_do_where_they_are_unique(tmp_path: Path) -> None:
    decided(tmp_path)

    assert f"trace {trace_id(1).hex()}" in why(tmp_path, trace_id(1).hex()[:9]).output
    assert f"trace {trace_id(5).hex()}" in why(tmp_path, trace_id(5).hex()[:9].upper()).output
    unknown = why(tmp_path, "0" * 8)
    assert (unknown.exit_code, unknown.stderr) == (
        4,
        "cannot tell: no trace that is known here begins with 00000000\n",
    )


def test_first_digits_of_several_traces_name_them(tmp_path: Path) -> None:
    made = sampled(ERRORS)
    one, two = span(1), span(1, 1)
    two.trace_id = one.trace_id[:-1] + b"\1"
    made.give(one, two)
    made.pass_time(31)
    write_decisions(tmp_path, made, at=31)

    result = why(tmp_path, trace_id(1).hex()[:10])

    assert result.exit_code == 2
    assert result.stderr.splitlines()[-2:] == [f"  {one.trace_id.hex()}", f"  {two.trace_id.hex()}"]


def test_an_unknown_trace_says_since_when_there_is_knowledge_and_what_is_similar(
    tmp_path: Path,
) -> None:
    decided(tmp_path)
    wrong = trace_id(1)[:-1] + bytes([trace_id(1)[-1] ^ 1])

    result = why(tmp_path, wrong.hex())

    assert result.exit_code == 4
    assert "nothing is known of it" in result.output
    assert "the log reaches back to 20" in result.output
    assert f"similar     {trace_id(1).hex()}" in result.output


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("12g4" * 8, "12g412g412g412g412g412g412g412g4: g is no hexadecimal digit"),
        ("12ab", "12ab has 4 digits; a trace id has 32, at least the first 8"),
        ("ab" * 17, f"{'ab' * 17} has 34 digits; a trace id has 32"),
        ("0" * 32, "an id of zeros is none"),
    ],
)
def test_a_bad_id_is_refused_with_what_is_wrong(tmp_path: Path, given: str, said: str) -> None:
    decided(tmp_path)

    result = why(tmp_path, given)

    assert (result.exit_code, result.stdout) == (2, "")
    assert said in result.stderr


def test_a_directory_without_decisions_is_told(tmp_path: Path) -> None:
    assert "is not a data directory" in why(tmp_path, "ab" * 16).stderr
    write_inbox(tmp_path, [entry(0, span(1))])
    result = why(tmp_path, "ab" * 16)
    assert result.exit_code == 1
    assert "has no decision log: no tail_sampling has run here" in result.stderr


def test_a_snapshot_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    decided(tmp_path)
    (tmp_path / "state" / "snapshot").write_bytes(b"torn")

    result = why(tmp_path, trace_id(1).hex(), "--format", "json")
    unknown = why(tmp_path, "0" * 8)

    assert json.loads(result.stdout)["snapshotUnreadable"] is True
    for said in (result.stderr, unknown.stderr):
        assert said.count("the snapshot cannot be read") == 1
    assert unknown.exit_code == 4


def test_looking_changes_no_byte(tmp_path: Path) -> None:
    decided(tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}

    why(tmp_path, trace_id(1).hex())

    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before
