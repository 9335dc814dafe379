"""Write a damaged segment anew, with a note in the place of what cannot be read.

Readers pass over damage without it. It is for people who want a log that verifies, and
the damaged bytes kept aside, not in the way. Killed at any moment it leaves either file whole.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from collectors.log.disk import OsFileSystem, write_atomically
from collectors.log.mark import read_mark
from collectors.log.record import SIGNALS, Entry, Kind, Record, Totals, encode, raise_to, total_of
from collectors.log.segment import Frame, SegmentHeader, SegmentName, frames

NOTE = "lost"


@dataclass(frozen=True, slots=True)
class Repaired:
    """What was done to one segment.

    Attributes:
        first: First record that is gone.
        until: Behind the last one.
        items: Items of each signal that were in them, by the running totals.
    """

    name: str
    first: int
    until: int
    items: Totals


def repair(log: Path, aside: Path) -> Iterator[Repaired]:
    """Repair the log in directory `log`, which was recovered and is owned by the caller.

    Args:
        log: Directory of the log.
        aside: Where damaged segments are kept; made where one is found.

    Raises:
        OSError: The disk failed; what was done is done.
    """
    found = sorted(name for path in log.iterdir() if (name := SegmentName.parse(path.name)))
    mark = read_mark(OsFileSystem(), log)
    for index, name in enumerate(found):
        path = log / str(name)
        following = found[index + 1] if index + 1 < len(found) else None
        header = _header(path)
        with closing(OsFileSystem().open(path)) as file:
            whole = [f for f in frames(file, name) if not following or _is_before(f, following)]
        end = mark.end if following is None else following.base
        behind = _header(log / str(following)) if following is not None else None
        after = mark.totals if following is None else behind.totals if behind else None
        gaps = list(_gaps(name, header, whole, end, after))
        if not gaps and header is not None:
            continue
        yield from gaps
        header = header or SegmentHeader(name, _before(whole), _wall(whole), 0)
        _write_anew(path, aside, header, whole, gaps)


def note_of(meta: bytes) -> tuple[int, Totals] | None:
    """Where the gap ends that a control record stands for, and what was in it."""
    with contextlib.suppress(ValueError):
        match json.loads(meta):
            case {"control": "lost", "until": int(until), "items": [int(a), int(b), int(c)]}:
                return until, (a, b, c)
            case _:
                pass
    return None


def _is_before(frame: Frame, following: SegmentName) -> bool:
    return frame.record.offset < following.base


def _gaps(
    name: SegmentName,
    header: SegmentHeader | None,
    whole: list[Frame],
    end: int,
    after: Totals | None,
) -> Iterator[Repaired]:
    expected = name.base
    totals = header.totals if header is not None else _before(whole)
    for index, frame in enumerate(whole):
        record = frame.record
        if record.offset > expected:
            items = _lost(totals, [f.record for f in whole[index:]], after)
            yield Repaired(str(name), expected, record.offset, items)
            for signal, count in zip(SIGNALS, items, strict=True):
                totals = raise_to(totals, signal, total_of(totals, signal) + count)
        known = note_of(record.meta) if record.kind is Kind.CONTROL else None
        expected = known[0] if known else record.offset + 1
        totals = raise_to(totals, record.signal, record.total)
    if end > expected:
        yield Repaired(str(name), expected, end, _lost(totals, [], after))


def _lost(totals: Totals, later: list[Record], after: Totals | None) -> Totals:
    """Items between `totals` and what comes next of each signal."""
    lost: list[int] = []
    for signal in SIGNALS:
        following = next((r.total - r.items for r in later if r.signal is signal), None)
        if following is None:
            following = total_of(after, signal) if after is not None else 0
        lost.append(max(0, following - total_of(totals, signal)))
    return lost[0], lost[1], lost[2]


def _before(whole: list[Frame]) -> Totals:
    first = {f.record.signal: f.record.total - f.record.items for f in reversed(whole)}
    traces, metrics, logs = (first.get(signal, 0) for signal in SIGNALS)
    return traces, metrics, logs


def _wall(whole: list[Frame]) -> int:
    return whole[0].record.wall_ns if whole else 0


def _write_anew(
    path: Path, aside: Path, header: SegmentHeader, whole: list[Frame], gaps: list[Repaired]
) -> None:
    parts = [header.encode()]
    left = list(gaps)
    for frame in whole:
        while left and left[0].first < frame.record.offset:
            parts.append(_note(left.pop(0), header, frame.durable))
        parts.append(_again(frame, header.name.salt))
    durable = whole[-1].durable if whole else header.name.base
    parts += [_note(gap, header, durable) for gap in left]
    files = OsFileSystem()
    files.make_directory(aside)
    if not (aside / path.name).exists():
        os.link(path, aside / path.name)
        files.sync_directory(aside)
    write_atomically(files, path, b"".join(parts))


def _again(frame: Frame, salt: int) -> bytes:
    record = frame.record
    entry = Entry(
        record.kind,
        record.signal,
        record.items,
        record.steady_ns,
        record.wall_ns,
        record.meta,
        record.payload,
    )
    return encode(entry, record.offset, record.total, frame.durable, salt)


def _note(gap: Repaired, header: SegmentHeader, durable: int) -> bytes:
    words = {"control": NOTE, "until": gap.until, "items": gap.items}
    entry = Entry(
        Kind.CONTROL, None, 0, header.steady_ns, header.wall_ns, json.dumps(words).encode(), b""
    )
    return encode(entry, gap.first, 0, durable, header.name.salt)


def _header(path: Path) -> SegmentHeader | None:
    with closing(OsFileSystem().open(path)) as file:
        return SegmentHeader.decode(file.read(0, 4096))
