"""`collector buffer`: what lies in the logs of a data directory.

`ls`, `verify` and `cat` may look while the daemon runs: no lock is taken, and nothing is
changed. `repair` and `requeue` (in `mend`) need the directory for themselves.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import click

from collectors.cli.mend import repair, requeue, tell_letters
from collectors.cli.times import at
from collectors.component import Signal
from collectors.log.disk import OsFileSystem
from collectors.log.look import records, segment_frames, segment_header, segments
from collectors.log.mark import read_mark
from collectors.log.record import SIGNALS, Kind, Record, Totals, raise_to, total_of
from collectors.log.repair import note_of
from collectors.log.segment import (
    SEGMENT_HEADER_BYTES,
    Frame,
    NewerFormat,
    SegmentHeader,
    SegmentName,
)
from collectors.net.otlp_json import NotOtlpError, to_json
from collectors.service.storage import DEAD
from slo.cli.state import Fault

_directory = click.argument(
    "directory", type=click.Path(exists=True, file_okay=False, path_type=Path)
)


@click.group()
def buffer() -> None:
    """Look into the logs of a data directory.

    They are inbox, outbox and dead letters; where spans wait also what is held for them, and
    the decisions on them.
    """


buffer.add_command(repair)
buffer.add_command(requeue)


@buffer.command()
@_directory
@click.option("--letters", is_flag=True, help="Every dead letter, one a line.")
def ls(directory: Path, letters: bool) -> None:
    """List logs and segments: offsets, times, items; dead letters with their reason.

    Of bytes those that hold records, and those allocated: a segment's room is taken in advance.
    """
    for log in _logs(directory):
        click.echo(f"{log.name}:")
        for path, name in segments(log):
            told = _look(path, name)
            items = " ".join(f"{signal}={count}" for signal, count in told.items.items() if count)
            count = told.next_offset - name.base
            items = items or (f"{count} records" if count else "empty")
            first = at(told.first_wall_ns)
            click.echo(
                f"  {path.name}  offsets {name.base}..{told.next_offset}  "
                f"{told.used_bytes} of {told.allocated_bytes} bytes  from {first}  {items}"
            )
        if log.name == DEAD:
            tell_letters(partial(records, log), each=letters)


@buffer.command()
@_directory
def verify(directory: Path) -> None:
    """Check every record; exit 1 if any is damaged or missing."""
    damaged = False
    for log in _logs(directory):
        problems = list(_problems(log))
        damaged = damaged or bool(problems)
        for problem in problems:
            click.echo(f"{log.name}: {problem}")
        if not problems:
            count = sum(1 for _ in records(log))
            click.echo(f"{log.name}: {count} records, every one whole")
    sys.exit(1 if damaged else 0)


@buffer.command()
@_directory
@click.option(
    "--signal", type=click.Choice([kind.value for kind in Signal]), help="Only this kind."
)
@click.option("--from", "first", type=click.IntRange(min=0), default=0, help="First offset.")
@click.option("--limit", type=click.IntRange(min=1), help="At most so many requests.")
def cat(directory: Path, signal: str | None, first: int, limit: int | None) -> None:
    """Print requests as OTLP JSON, and decisions as they were noted, one a line.

    DIRECTORY is a log, or a data directory: then its inbox is read.
    """
    logs = _logs(directory)
    chosen = next((log for log in logs if log.name == "inbox"), logs[0])
    left = limit
    for record in records(chosen):
        wanted = record.kind is Kind.DATA and record.offset >= first
        if not wanted or (signal is not None and signal != record.signal):
            continue
        _print(record)
        if left is not None:
            left -= 1
            if left == 0:
                return


def _print(record: Record) -> None:
    if record.signal is None:
        for line in _decisions(record):
            click.echo(line)
        return
    try:
        click.echo(to_json(record.signal, record.payload))
    except NotOtlpError as error:
        click.echo(f"offset {record.offset} cannot be shown: {error}", err=True)


def _decisions(record: Record) -> Iterator[str]:
    """What a note in the decision log says of each trace; as it is, if it is not one of ours."""
    from collectors.sampling.notes import (  # noqa: PLC0415 - needs numpy, and few need it
        VERSION,
        decode,
        version_of,
    )

    version = version_of(record.payload)
    if version is not None and version != VERSION:
        click.echo(
            f"offset {record.offset} cannot be shown: a note of version {version}, and this "
            f"collector reads version {VERSION}",
            err=True,
        )
        return
    try:
        notes = list(decode(record.payload))
    except ValueError:
        yield record.payload.decode(errors="backslashreplace")
        return
    for note in notes:
        words = {
            "time": at(record.wall_ns),
            "traceId": note.trace_id.hex(),
            "sampler": note.sampler,
            "decision": "kept" if note.is_kept else "dropped",
            "policy": note.policy,
            "cause": note.cause,
            "spans": note.spans,
            "bytes": note.size_bytes,
            "hasRoot": note.has_root,
            "durationMs": (note.end_ns - note.start_ns) / 1e6,
            "true": list(note.leaves),
            "votes": dict(note.votes),
        }
        if note.shadow is not None:
            words["shadow"] = "kept" if note.shadow.is_kept else "dropped"
        yield json.dumps(words, ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class _Told:
    """What a segment holds.

    Attributes:
        used_bytes: Up to the end of the last whole record, the header included.
        allocated_bytes: Length of the file: room is taken before it is needed.
    """

    next_offset: int
    used_bytes: int
    allocated_bytes: int
    first_wall_ns: int
    items: dict[Signal, int]


def _logs(directory: Path) -> list[Path]:
    """The logs in `directory`, itself one of them perhaps; exits with 1 if there is none."""
    if segments(directory):
        return [directory]
    logs = [path for path in sorted(directory.iterdir()) if path.is_dir() and segments(path)]
    if not logs:
        msg = f"{directory} holds no log"
        raise Fault(msg)
    return logs


def _look(path: Path, name: SegmentName) -> _Told:
    items = dict.fromkeys(Signal, 0)
    allocated = _allocated(path)
    next_offset, first_wall_ns, used = name.base, 0, min(SEGMENT_HEADER_BYTES, allocated)
    for frame in segment_frames(path, name):
        record, used = frame.record, frame.end
        next_offset = record.offset + 1
        first_wall_ns = first_wall_ns or record.wall_ns
        if record.signal is not None:
            items[record.signal] += record.items
    return _Told(next_offset, used, max(used, allocated), first_wall_ns, items)


def _allocated(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0  # trimmed by the daemon meanwhile


def _problems(log: Path) -> Iterator[str]:
    """What is wrong with a log; a torn tail of the last segment is not: nobody relies on it."""
    promised = read_mark(OsFileSystem(), log).end  # first: a live daemon only moves it on
    check = _Check()
    for path, name in segments(log):
        try:
            header = segment_header(path)
        except NewerFormat as error:
            yield f"{path.name}: {error}"
            continue
        except FileNotFoundError:
            continue  # trimmed by the daemon meanwhile
        for problem in check.segment(name, header):
            yield f"{path.name}: {problem}"
        for frame in segment_frames(path, name):
            for problem in check.frame(frame):
                yield f"{path.name}: {problem}"
    if check.expected is not None and promised > check.expected:
        yield f"records {check.expected} to {promised - 1} at the end are damaged or missing"


class _Check:
    """Follows offsets and running totals through a log."""

    def __init__(self) -> None:
        self.expected: int | None = None
        self._totals: Totals | None = None

    def segment(self, name: SegmentName, header: SegmentHeader | None) -> Iterator[str]:
        """Go on with a segment."""
        if header is None:
            yield "the header is damaged"
        elif self._totals is None:
            self._totals = header.totals
        if self.expected is not None and name.base > self.expected:
            yield f"records {self.expected} to {name.base - 1} before it are missing"
        self.expected = name.base

    def frame(self, frame: Frame) -> Iterator[str]:
        """Go on with a record; one that a repair left stands for what is gone."""
        record = frame.record
        known = note_of(record.meta) if record.kind is Kind.CONTROL else None
        if known is not None:
            self._pass(known[1])
        elif frame.gap or record.offset > (self.expected or 0):
            yield f"damaged before record {record.offset}"
        self.expected = known[0] if known else record.offset + 1
        if record.signal is None or self._totals is None:
            return
        lost = record.total - record.items - total_of(self._totals, record.signal)
        if lost > 0:
            yield f"{lost} items of {record.signal} are missing"
        self._totals = raise_to(self._totals, record.signal, record.total)

    def _pass(self, items: Totals) -> None:
        for kind, count in zip(SIGNALS, items, strict=True):
            if self._totals is not None:
                total = total_of(self._totals, kind) + count
                self._totals = raise_to(self._totals, kind, total)
