"""`collector policy eval`: what other policies would keep of what is in the inbox."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Final

import click

from collectors.cli.given import read
from collectors.cli.parts import Part
from collectors.cli.policy_words import Compared, as_json, as_text
from collectors.cli.progress import Progress
from collectors.cli.quiet import quiet
from collectors.cli.rehearsal import Behind, Failed, NoSampler, Rehearsal, rehearse
from collectors.cli.tally import Marks
from collectors.component import Signal
from collectors.graph import Configured, Unreadable, read_control
from collectors.log import Kind, OsFileSystem
from collectors.log.look import records, size_bytes
from collectors.service.eras import Kept, name_of
from collectors.service.state import StateFiles
from collectors.service.storage import INBOX, STATE
from slo.cli.state import Fault

CURRENT, CANDIDATE = "current", "candidate"
_UNITS: Final = {"s": 1, "m": 60, "h": 3600}
_MOST_EXAMPLES: Final = 1000


@click.group()
def policy() -> None:
    """Try policies of tail_sampling out."""


@policy.command("eval")
@click.option(
    "--config",
    "paths",
    type=click.Path(path_type=Path),
    multiple=True,
    required=True,
    help="The configuration to try; several files are merged.",
)
@click.option(
    "--data",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    required=True,
    help="The data directory of a daemon, which may run: nothing in it is changed.",
)
@click.option(
    "--current",
    "present",
    type=click.Path(path_type=Path),
    multiple=True,
    help="Compare with this one, and not with the one that the daemon runs.",
)
@click.option("--last", help="Only what came in the last 30s, 10m, 2h before the end of the inbox.")
@click.option(
    "--examples",
    type=click.IntRange(0, _MOST_EXAMPLES),
    default=5,
    show_default=True,
    help="Traces to name of each difference.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="For people, or for programs.",
)
def evaluate(
    paths: tuple[Path, ...],
    data: Path,
    present: tuple[Path, ...],
    last: str | None,
    examples: int,
    form: str,
) -> None:
    """Show what the policies of --config would keep of the spans in the inbox.

    Both configurations take the same requests, as the daemon took them, and begin with nothing
    remembered. How far back the inbox reaches is what `retain` of `file_storage` says.
    """
    inbox = data / INBOX
    if not inbox.is_dir():
        msg = f"{data} is not a data directory: it has no inbox"
        raise Fault(msg)
    candidate = Part.of_file(CANDIDATE, read(paths))
    current = Part.of_file(CURRENT, read(present)) if present else _running(data)
    since_ns = _end_ns(inbox) - _duration_ns(last) if last else 0
    with quiet():
        compared = _compare(inbox, current, candidate, since_ns)
    click.echo(as_json(compared, examples) if form == "json" else as_text(compared, examples))


def _compare(inbox: Path, current: Part, candidate: Part, since_ns: int) -> Compared:
    began = time.monotonic()
    marks = Marks({**current.slos(), **candidate.slos()})
    tried, known = _put_together(candidate, marks), _put_together(current, marks)
    if tried is None:
        msg = "the candidate has no pipeline with tail_sampling: there is nothing to try"
        raise Fault(msg)
    progress = Progress("deciding", size_bytes(inbox))
    found = records(inbox, since_wall_ns=since_ns, passed=progress.passed)
    try:
        seen = rehearse(found, [one for one in (known, tried) if one is not None], since_ns)
    except Failed as failure:
        raise Fault(str(failure)) from failure
    finally:
        progress.close()
    return Compared(seen, known, tried, time.monotonic() - began)


def _put_together(part: Part, marks: Marks) -> Rehearsal | None:
    """None where it has no sampler; raises Fault where one of two cannot be tried."""
    try:
        return Rehearsal(part, marks)
    except NoSampler:
        return None
    except Behind as problem:
        msg = (
            f"the {part.name} configuration cannot be tried: {problem}, and here nothing that is "
            "kept is read again; try them apart, with one sampler in each file"
        )
        raise Fault(msg) from problem


def _running(data: Path) -> Part:
    """The configuration under which the daemon takes records now, or took them last."""
    way_out = "name a file with --current"
    if not (data / STATE).is_dir():
        msg = f"{data} has no {STATE}: nobody knows under what its records were taken; {way_out}"
        raise Fault(msg)
    files = StateFiles(OsFileSystem(), data / STATE)
    kept: dict[str, Kept] = {}
    for words in files.load_configurations():
        try:
            one = Kept.decode(words)
        except (ValueError, KeyError, TypeError):
            continue
        kept[one.fingerprint] = one
    name = next(iter(kept)) if len(kept) == 1 else _governing(data, files)
    if name not in kept:
        msg = f"{data} does not keep the configuration that its records were taken under; {way_out}"
        raise Fault(msg)
    try:
        return Part.of_recipe(CURRENT, kept[name].recipe)
    except ValueError as error:
        msg = f"the configuration that is kept in {data} cannot be used: {error}; {way_out}"
        raise Fault(msg) from error


def _governing(data: Path, files: StateFiles) -> str:
    """The fingerprint that was announced last."""
    snapshot = files.load_snapshot()
    name = snapshot.fingerprint if snapshot is not None else ""
    for record in records(data / INBOX) if snapshot is None else ():
        if record.kind is not Kind.CONTROL:
            continue
        try:
            said = read_control(record.meta)
        except Unreadable:
            continue
        if isinstance(said, Configured):
            name = name_of(said)
    return name


def _duration_ns(text: str) -> int:
    match = re.fullmatch(r"(\d{1,6})([smh])", text)
    if match is None or not int(match[1]):
        msg = f"--last {text}: a number with s, m or h is wanted, such as 30m"
        raise click.UsageError(msg)
    return int(match[1]) * _UNITS[match[2]] * 1_000_000_000


def _end_ns(inbox: Path) -> int:
    """When the last request came, by the last segments that tell."""
    last = 0
    for record in records(inbox, since_wall_ns=time.time_ns()):
        last = record.wall_ns if record.signal is Signal.TRACES else last
    return last
